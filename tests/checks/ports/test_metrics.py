"""A number that a partial look could make too small is not exported."""

from __future__ import annotations

from secmon.checks.ports.metrics import samples
from secmon.core.contract import Sample
from secmon.core.model import Completeness, Fact, Observation, Reason


def observation(kind: str, facts: list[dict], reason: Reason | None = None, target="local") -> Observation:
    return Observation(
        "a", "ports", target, 0.0, 1.0, Completeness.PARTIAL if reason else Completeness.OK,
        {kind: reason}, tuple(Fact(kind, values) for values in facts), reason,
    )  # fmt: skip


def listener(port_key: str, scope: str, **more) -> dict:
    return {
        "netns": "host",
        "proto": "tcp",
        "address": "0.0.0.0",
        "port_key": port_key,
        "scope": scope,
        **more,
    }


def test_exposures_are_counted_once_by_scope():
    seen = observation(
        "listener",
        [
            listener("22", "exposed", uid=0),
            listener("22", "exposed", uid=1),
            listener("53", "loopback"),
            listener("80", "exposed"),
        ],
    )
    assert samples("a", [seen], 0.0) == [
        Sample("secmon_listeners", ("a", "loopback"), 1),
        Sample("secmon_listeners", ("a", "link"), 0),
        Sample("secmon_listeners", ("a", "container"), 0),
        Sample("secmon_listeners", ("a", "exposed"), 2),
    ]


def test_open_ports_are_counted_over_targets():
    def port(host, number, state):
        return {"host": host, "proto": "tcp", "port": number, "state": state}

    seen = [
        observation("port", [port("fw", 22, "open"), port("fw", 23, "unreliable")], target="fw"),
        observation("port", [port("fw", 22, "open")], target="fw:22"),
        observation("port", [port("db", 22, "open"), port("db", 80, "closed")], target="db"),
    ]
    assert samples("a", seen, 0.0) == [Sample("secmon_ports_open", ("a",), 2)]


def test_a_partial_look_gives_no_number():
    assert samples("a", [observation("listener", [listener("22", "exposed")], Reason.BAD_DATA)], 0.0) == []
    whole, part = observation("port", [], target="x"), observation("port", [], Reason.TIMEOUT, target="y")
    assert samples("a", [whole, part], 0.0) == []
    assert samples("a", [], 0.0) == []
