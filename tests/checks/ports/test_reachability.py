"""What a host says of its ports, joined with what others reached."""

from __future__ import annotations

from secmon.checks.ports.reachability import Outside, join
from secmon.core.model import Reason

ADDRESS = "192.0.2.5"


def listener(port: int, **values: object) -> dict[str, object]:
    named = {"netns": "host", "proto": "tcp", "address": "0.0.0.0", "port": port, "scope": "exposed"}
    return {**named, "family": "ipv4", "systemd_unit": f"unit-{port}", **values}


def outside(states: dict[tuple[str, int], str], *covered: int, address: str = ADDRESS) -> Outside:
    return Outside("srv", "srv", frozenset({address}), states, {"tcp": frozenset(covered)})


def told(rows, look: Outside, unseen: Reason | None = None) -> dict[tuple[str, int], tuple]:
    facts = join(rows, unseen, [look])
    return {
        (fact.values["proto"], fact.values["port"]): tuple(
            fact.values.get(name, fact.missing.get(name)) for name in ("listening", "reachable")
        )
        for fact in facts
    }


def test_the_four_corners():
    look = outside({("tcp", 443): "open", ("tcp", 8443): "open", ("tcp", 25): "filtered"}, 443, 5432)
    rows = [listener(443), listener(5432), listener(25)]
    assert told(rows, look) == {
        ("tcp", 443): (True, True),
        ("tcp", 5432): (True, False),
        ("tcp", 25): (True, False),
        ("tcp", 8443): (False, True),
    }


def test_a_port_that_was_not_tried_from_outside_is_unknown():
    assert told([listener(50000)], outside({}, 443)) == {("tcp", 50000): (True, Reason.NOT_CONFIGURED)}


def test_a_host_that_cannot_see_its_listeners_does_not_deny_them():
    look = outside({("tcp", 8443): "open"})
    assert told([], look, Reason.UNSUPPORTED) == {("tcp", 8443): (Reason.UNSUPPORTED, True)}


def test_silence_says_something_of_tcp_only():
    look = outside({("tcp", 22): "no_reply", ("udp", 53): "no_reply"})
    rows = [listener(22), listener(53, proto="udp")]
    assert told(rows, look) == {("tcp", 22): (True, False), ("udp", 53): (True, Reason.NO_DATA)}


def test_a_tarpit_says_nothing():
    assert told([listener(22)], outside({("tcp", 22): "unreliable"})) == {("tcp", 22): (True, Reason.TARPIT)}


def test_what_is_not_exposed_is_not_expected_to_be_reached():
    rows = [listener(5432, scope="loopback"), listener(80, netns="web"), listener(22, address="192.0.2.6")]
    assert told(rows, outside({}, 5432, 80, 22)) == {}


def test_families_decide_who_listens():
    rows = [listener(22), listener(80, address="::", family="ipv6"), listener(443, family="dual")]
    assert told(rows, outside({}, 22, 80, 443)).keys() == {("tcp", 22), ("tcp", 443)}
    assert told(rows, outside({}, 22, 80, 443, address="2001:db8::5")).keys() == {("tcp", 80), ("tcp", 443)}


def test_a_finding_can_name_the_unit():
    (fact,) = join([listener(22)], None, [outside({}, 22)])
    assert fact.values["systemd_unit"] == "unit-22"
