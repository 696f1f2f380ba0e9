"""What is told of a target: down is never closed, and what was not measured is said."""

from __future__ import annotations

import dataclasses

import pytest

from secmon.checks.ports import CHECK
from secmon.checks.ports.sweep import Seen, State, conclude
from secmon.core.model import Completeness, Reason

A, B = "192.0.2.1", "2001:db8::1"
KIND = CHECK.kind("port")


def states(**ports: State) -> dict[int, State]:
    return {int(name.removeprefix("p")): state for name, state in ports.items()}


MANY = (22, 23, 80, *range(1001, 1020))
"""More ports than are told one by one; those above 1000 are closed unless a test says more."""


def look(*seen: Seen, ports=MANY, narrow=False):
    """Conclude; what a test does not mention is closed, where the address was measured at all."""
    filled = []
    for entry in seen:
        rest = {port: State.CLOSED for port in ports if port > 1000} if entry.states else {}
        filled.append(dataclasses.replace(entry, states={**rest, **entry.states}))
    return conclude("fw.example", ports, filled, narrow=narrow)


def test_only_ports_that_answer_are_facts_and_the_rest_are_counts():
    told = look(Seen(A, states(p22=State.OPEN, p23=State.CLOSED, p80=State.NO_REPLY)))
    assert [fact.values for fact in told.facts] == [
        {"host": "fw.example", "proto": "tcp", "port": 22, "state": "open", "address": A}
    ]
    assert (told.reason, told.completeness) == (None, Completeness.OK)
    assert told.detail == "Of 22 ports: 1 open, 20 closed, 1 without reply."


def test_a_port_that_resets_after_it_opened_is_told():
    told = look(Seen(A, states(p22=State.UNRELIABLE, p23=State.CLOSED, p80=State.CLOSED)))
    assert [fact.values["state"] for fact in told.facts] == ["unreliable"]


def test_a_silent_host_is_no_host_without_open_ports():
    told = look(Seen(A, dict.fromkeys(MANY, State.NO_REPLY)))
    assert (told.facts, told.reason, told.completeness) == ((), Reason.TIMEOUT, Completeness.FAILED)
    assert "down or filters everything" in told.detail


def test_icmp_errors_alone_do_not_prove_that_the_host_lives():
    told = look(Seen(A, {**dict.fromkeys(MANY, State.NO_REPLY), 23: State.FILTERED}))
    assert told.reason is Reason.UNREACHABLE


def test_a_silent_port_of_a_host_that_answers_elsewhere_is_seen():
    told = look(Seen(A, {22: State.NO_REPLY}, alive=True), ports=(22,))
    assert (told.reason, told.facts[0].values["state"]) == (None, "no_reply")


def test_a_look_at_few_ports_says_nothing_of_the_others():
    told = look(Seen(A, {22: State.CLOSED}), ports=(22,), narrow=True)
    assert (told.reason, told.completeness) == (Reason.NOT_CONFIGURED, Completeness.PARTIAL)
    assert "says nothing of the others" in told.detail
    told = look(Seen(A, dict.fromkeys(MANY, State.CLOSED)), narrow=True)
    assert (told.facts, told.reason, told.completeness) == ((), Reason.NOT_CONFIGURED, Completeness.PARTIAL)
    assert told.detail.endswith("Of 22 ports: 22 closed.")


def test_a_worse_reason_comes_before_that():
    told = look(Seen(A, {22: State.NO_REPLY}), ports=(22,), narrow=True)
    assert told.reason is Reason.TIMEOUT


def test_what_the_deadline_cut_off_is_not_measured():
    told = look(Seen(A, states(p22=State.OPEN, p23=State.CLOSED)))
    assert (told.reason, told.completeness) == (Reason.TIMEOUT, Completeness.PARTIAL)
    assert told.detail.startswith(f"1 of 22 ports of {A} were not measured")


def test_a_refusal_of_the_gate_is_told():
    told = look(Seen(A, {}, Reason.NOT_ALLOWED, "192.0.2.1 is not in allowed_networks."))
    assert (told.reason, told.completeness) == (Reason.NOT_ALLOWED, Completeness.FAILED)
    assert told.detail == "192.0.2.1 is not in allowed_networks."


def test_a_lane_that_fails_after_all_ports_of_this_target_were_measured_does_not_spoil_it():
    told = look(Seen(A, states(p22=State.OPEN), Reason.RESOURCE_LIMIT, "No more sockets."), ports=(22,))
    assert told.reason is None


def test_of_two_addresses_the_more_exposed_state_counts():
    told = look(
        Seen(A, states(p22=State.CLOSED, p23=State.NO_REPLY, p80=State.OPEN)),
        Seen(B, states(p22=State.OPEN, p23=State.CLOSED, p80=State.OPEN)),
    )
    assert [(fact.values["port"], fact.values["address"]) for fact in told.facts] == [(22, B), (80, A)]
    assert told.detail == "Of 22 ports: 2 open, 20 closed."


def test_an_address_that_cannot_be_reached_makes_the_look_partial():
    told = look(
        Seen(A, states(p22=State.OPEN, p23=State.CLOSED, p80=State.CLOSED)),
        Seen(B, {}, Reason.UNREACHABLE, "2001:db8::1 cannot be reached from this host."),
    )
    assert (told.reason, told.completeness) == (Reason.UNREACHABLE, Completeness.PARTIAL)
    assert len(told.facts) == 1


def test_a_host_that_accepts_everything_is_a_tarpit_and_gives_no_facts():
    ports = tuple(range(1, 1001))
    told = look(Seen(A, dict.fromkeys(ports, State.OPEN)), ports=ports)
    assert (told.facts, told.reason, told.completeness) == ((), Reason.TARPIT, Completeness.FAILED)


def test_a_busy_host_is_no_tarpit():
    ports = tuple(range(1, 101))
    told = look(Seen(A, {port: State.OPEN if port <= 60 else State.CLOSED for port in ports}), ports=ports)
    assert told.reason is None
    assert len(told.facts) == 60


@pytest.mark.parametrize(
    ("state", "reason"),
    [
        (State.OPEN, None),
        (State.UNRELIABLE, None),
        (State.CLOSED, None),
        (State.FILTERED, Reason.UNREACHABLE),
        (State.NO_REPLY, Reason.TIMEOUT),
    ],
)
def test_the_one_port_of_an_endpoint_is_told_whatever_its_state(state, reason):
    told = look(Seen(A, {22: state}), ports=(22,))
    (fact,) = told.facts
    assert (fact.values["state"], told.reason) == (state.value, reason)
    assert told.completeness is (Completeness.PARTIAL if reason else Completeness.OK)
    assert fact.values.keys() == {spec.name for spec in KIND.fields}
    assert fact.values["state"] in KIND.field("state").values


def test_an_endpoint_that_was_not_measured_has_no_state():
    told = look(Seen(A, {}), ports=(22,))
    assert (told.facts, told.reason) == ((), Reason.TIMEOUT)
