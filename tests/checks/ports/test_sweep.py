"""What is told of a target: down is never closed, and what was not measured is said."""

from __future__ import annotations

import pytest

from secmon.checks.ports import CHECK
from secmon.checks.ports.sweep import FEW, IDENTITY, Place, Seen, State, conclude
from secmon.core.model import Completeness, Reason

A, B = "192.0.2.1", "2001:db8::1"
KIND = CHECK.kind("port")


def states(**ports: State) -> dict[int, State]:
    return {int(name.removeprefix("p")): state for name, state in ports.items()}


MANY = (22, 23, 80, *range(1001, 1020))
"""More ports than are told one by one; those above 1000 are closed unless a test says more."""


def seen_at(address, met, asked=MANY, **more) -> Seen:
    """Ports that a test does not mention are closed, where the address was measured at all."""
    rest = {port: State.CLOSED for port in asked if port > 1000} if met else {}
    return Seen(address, asked, {**rest, **met}, **more)


def look(*seen: Seen, narrow=False, identified=(), note=""):
    return conclude("fw.example", seen, dict(identified), narrow=narrow, note=note)


def told_states(told) -> dict[int, str]:
    return {fact.values["port"]: fact.values["state"] for fact in told.facts}


def test_only_ports_that_answer_are_facts_and_the_rest_are_counts():
    told = look(seen_at(A, states(p22=State.OPEN, p23=State.CLOSED, p80=State.NO_REPLY)))
    assert [fact.values for fact in told.facts] == [
        {"host": "fw.example", "proto": "tcp", "port": 22, "state": "open", "address": A}
    ]
    assert told.facts[0].missing == dict.fromkeys(IDENTITY, Reason.NOT_CONFIGURED)
    assert (told.reason, told.completeness) == (None, Completeness.OK)
    assert told.detail == "Of 22 TCP ports: 1 open, 20 closed, 1 without reply."


def test_a_port_that_something_else_answers_for_is_told_and_the_look_is_not_complete():
    told = look(seen_at(A, states(p22=State.UNRELIABLE, p23=State.OPEN, p80=State.CLOSED)))
    assert told_states(told) == {22: "unreliable", 23: "open"}
    assert (told.reason, told.completeness) == (Reason.TARPIT, Completeness.PARTIAL)
    assert told.detail.startswith(f"1 of 22 ports of {A} take connections and serve nothing")


def test_many_such_ports_are_counted_and_the_one_service_is_told():
    ports = tuple(range(1, 1001))
    told = look(Seen(A, ports, {**dict.fromkeys(ports, State.UNRELIABLE), 80: State.OPEN}))
    assert (told_states(told), told.reason) == ({80: "open"}, Reason.TARPIT)
    assert told.detail.endswith("Of 1000 TCP ports: 1 open, 999 unreliable.")


def test_a_silent_host_is_no_host_without_open_ports():
    told = look(Seen(A, MANY, dict.fromkeys(MANY, State.NO_REPLY)))
    assert (told.facts, told.reason, told.completeness) == ((), Reason.TIMEOUT, Completeness.FAILED)
    assert "down or filters everything" in told.detail
    assert told.detail.endswith("Of 22 TCP ports: 22 not measured.")


def test_icmp_errors_alone_do_not_prove_that_the_host_lives():
    told = look(Seen(A, MANY, {**dict.fromkeys(MANY, State.NO_REPLY), 23: State.FILTERED}))
    assert told.reason is Reason.UNREACHABLE


def test_a_silent_port_of_a_host_that_answers_elsewhere_is_seen():
    told = look(Seen(A, (22,), {22: State.NO_REPLY}, alive=True))
    assert (told.reason, told.facts[0].values["state"]) == (None, "no_reply")


def test_a_look_at_few_ports_says_nothing_of_the_others():
    told = look(Seen(A, (22,), {22: State.CLOSED}), narrow=True)
    assert (told.reason, told.completeness) == (Reason.NOT_CONFIGURED, Completeness.PARTIAL)
    assert "says nothing of the others" in told.detail
    told = look(Seen(A, MANY, dict.fromkeys(MANY, State.CLOSED)), narrow=True)
    assert (told.facts, told.reason, told.completeness) == ((), Reason.NOT_CONFIGURED, Completeness.PARTIAL)
    assert told.detail.endswith("Of 22 TCP ports: 22 closed.")


def test_a_worse_reason_comes_before_that():
    told = look(Seen(A, (22,), {22: State.NO_REPLY}), narrow=True)
    assert told.reason is Reason.TIMEOUT


def test_what_the_deadline_cut_off_is_not_measured():
    told = look(seen_at(A, states(p22=State.OPEN, p23=State.CLOSED)))
    assert (told.reason, told.completeness) == (Reason.TIMEOUT, Completeness.PARTIAL)
    assert told.detail.startswith(f"1 of 22 TCP ports of {A} were not measured")


def test_a_refusal_of_the_gate_is_told():
    told = look(Seen(A, MANY, {}, Reason.NOT_ALLOWED, "192.0.2.1 is not in allowed_networks."))
    assert (told.reason, told.completeness) == (Reason.NOT_ALLOWED, Completeness.FAILED)
    assert told.detail == "192.0.2.1 is not in allowed_networks. Of 22 TCP ports: 22 not measured."


def test_a_lane_that_fails_after_all_ports_of_this_target_were_measured_does_not_spoil_it():
    told = look(Seen(A, (22,), {22: State.OPEN}, Reason.RESOURCE_LIMIT, "No more sockets."))
    assert told.reason is None


def test_of_two_addresses_the_more_exposed_state_counts():
    told = look(
        seen_at(A, states(p22=State.CLOSED, p23=State.NO_REPLY, p80=State.OPEN)),
        seen_at(B, states(p22=State.OPEN, p23=State.CLOSED, p80=State.OPEN)),
    )
    assert [(fact.values["port"], fact.values["address"]) for fact in told.facts] == [(22, B), (80, A)]
    assert told.detail == "Of 22 TCP ports: 2 open, 20 closed."


def test_an_address_that_cannot_be_reached_makes_the_look_partial():
    told = look(
        seen_at(A, states(p22=State.OPEN, p23=State.CLOSED, p80=State.CLOSED)),
        Seen(B, MANY, {}, Reason.UNREACHABLE, "2001:db8::1 cannot be reached from this host."),
    )
    assert (told.reason, told.completeness) == (Reason.UNREACHABLE, Completeness.PARTIAL)
    assert len(told.facts) == 1


def test_a_host_that_accepts_everything_is_a_tarpit_and_gives_no_facts():
    ports = tuple(range(1, 1001))
    told = look(Seen(A, ports, dict.fromkeys(ports, State.OPEN)))
    assert (told.facts, told.reason, told.completeness) == ((), Reason.TARPIT, Completeness.FAILED)
    assert told.detail.endswith("Of 1000 TCP ports: 1000 unreliable.")


def test_a_busy_host_is_no_tarpit():
    ports = tuple(range(1, 101))
    told = look(Seen(A, ports, {port: State.OPEN if port <= 60 else State.CLOSED for port in ports}))
    assert told.reason is None
    assert len(told.facts) == 60


def test_ports_that_are_excluded_are_named_and_not_measured():
    excluded = frozenset({80})
    told = look(seen_at(A, states(p22=State.OPEN, p23=State.CLOSED), excluded=excluded))
    assert (told.reason, told.completeness) == (Reason.NOT_ALLOWED, Completeness.PARTIAL)
    assert told.detail == (
        f"checks.ports.exclude forbids to touch ports of {A}: 80. "
        "Of 22 TCP ports: 1 open, 20 closed, 1 not measured."
    )
    told = look(Seen(A, (80,), {}, alive=True, excluded=excluded))
    assert (told_states(told), told.reason) == ({80: "not_measured"}, Reason.NOT_ALLOWED)
    assert told.completeness is Completeness.FAILED


def test_many_excluded_ports_are_cut_in_the_detail():
    ports = tuple(range(1, 40))
    told = look(Seen(A, ports, {}, alive=True, excluded=frozenset(ports)))
    assert f"{FEW}, ... Of" in told.detail.replace(", ....", ", ...")


@pytest.mark.parametrize(
    ("state", "shown", "reason"),
    [
        (State.OPEN, "open", None),
        (State.UNRELIABLE, "unreliable", Reason.TARPIT),
        (State.CLOSED, "closed", None),
        (State.FILTERED, "filtered", Reason.UNREACHABLE),
        (State.NO_REPLY, "not_measured", Reason.TIMEOUT),
    ],
)
def test_the_one_port_of_an_endpoint_is_told_whatever_its_state(state, shown, reason):
    told = look(Seen(A, (22,), {22: state}))
    (fact,) = told.facts
    assert (fact.values["state"], told.reason) == (shown, reason)
    failed = Completeness.FAILED if shown == "not_measured" else Completeness.PARTIAL
    assert told.completeness is (failed if reason else Completeness.OK)
    assert fact.values.keys() | fact.missing.keys() == {spec.name for spec in KIND.fields}
    assert fact.values["state"] in KIND.field("state").values


def test_an_endpoint_that_was_not_measured_says_so():
    told = look(Seen(A, (22,), {}))
    assert (told_states(told), told.reason) == ({22: "not_measured"}, Reason.TIMEOUT)
    assert told.completeness is Completeness.FAILED


def test_what_identification_says_stands_in_the_fact():
    service = {
        "service": "ssh",
        "product": "OpenSSH",
        "version": "9.2p1",
        "cpe": None,
        "banner": "SSH-2.0-OpenSSH",
    }
    met = states(p22=State.OPEN, p23=State.OPEN, p80=State.CLOSED)
    told = look(
        seen_at(A, met), identified={Place(A, "tcp", 22): service, Place(A, "tcp", 23): Reason.TIMEOUT}
    )
    ssh, telnet = told.facts
    assert (ssh.values["product"], ssh.values["cpe"], ssh.missing) == ("OpenSSH", None, {})
    assert telnet.missing == dict.fromkeys(IDENTITY, Reason.TIMEOUT)


def test_both_protocols_of_a_host_are_told_apart():
    udp = Seen(
        A, (53, 69, 161), {53: State.OPEN, 69: State.NO_REPLY, 161: State.CLOSED}, alive=True, proto="udp"
    )
    told = look(seen_at(A, states(p22=State.OPEN, p23=State.CLOSED, p80=State.CLOSED)), udp)
    assert [(fact.values["proto"], fact.values["port"]) for fact in told.facts] == [("tcp", 22), ("udp", 53)]
    assert told.reason is None
    assert told.detail.endswith("Of 3 UDP ports: 1 open, 1 closed, 1 without reply.")


def test_a_note_on_how_it_was_looked_at_comes_last():
    assert (
        look(Seen(A, (22,), {22: State.CLOSED}), note="Looked at by connecting.").detail
        == "Looked at by connecting."
    )
