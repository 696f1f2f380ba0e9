"""Which ports are doubted, and what a second look makes of them."""

from __future__ import annotations

import struct

from secmon.checks.ports.pace import Pace
from secmon.checks.ports.probe.confirm import confirm, doubtful
from secmon.checks.ports.probe.lane import Lane
from secmon.checks.ports.probe.tcpinfo import TcpInfo, parse
from secmon.checks.ports.sweep import State
from secmon.core.model import Reason

PORTS = tuple(range(1, 101))


def lane(address="192.0.2.1", rest=State.CLOSED, **states: State) -> Lane:
    met = dict.fromkeys(PORTS, rest) | {int(name.removeprefix("p")): state for name, state in states.items()}
    return Lane(address, Pace(100), lambda: None, PORTS, met)


class Script:
    """An engine that meets what it is told to, and remembers what it was asked."""

    def __init__(self, **met: State) -> None:
        self.met = {int(name.removeprefix("p")): state for name, state in met.items()}
        self.asked: dict[str, tuple[int, ...]] = {}

    def run(self, lanes, deadline, finished, tick) -> None:
        for asked in lanes:
            self.asked[asked.address] = asked.ports
            asked.states.update({port: self.met[port] for port in asked.ports if port in self.met})


def test_only_shut_windows_are_doubted_where_most_ports_are_closed():
    assert doubtful(lane(p22=State.OPEN, p80=State.UNRELIABLE)) == (80,)


def test_every_answer_of_a_host_that_opens_nearly_all_is_doubted():
    assert doubtful(lane(rest=State.OPEN, p1=State.CLOSED, p2=State.UNRELIABLE)) == PORTS[1:]


def test_a_lane_that_was_given_up_is_left_alone():
    given_up = lane(p80=State.UNRELIABLE)
    given_up.give_up(Reason.UNREACHABLE, "gone")
    assert doubtful(given_up) == ()


def test_what_is_confirmed_is_open_and_all_else_that_answered_stays_unreliable():
    doubted = lane(p1=State.UNRELIABLE, p2=State.UNRELIABLE, p3=State.UNRELIABLE, p4=State.UNRELIABLE)
    engine = Script(p1=State.OPEN, p2=State.CLOSED, p3=State.NO_REPLY)
    confirm([doubted, lane("192.0.2.2")], engine, 0.0, lambda: None)
    assert engine.asked == {"192.0.2.1": (1, 2, 3, 4)}
    assert [doubted.states[port] for port in (1, 2, 3, 4)] == [State.OPEN, *[State.UNRELIABLE] * 3]
    assert doubted.states[5] is State.CLOSED


def test_of_a_host_that_opens_all_what_resets_under_a_full_connect_is_unreliable():
    proxied = lane(rest=State.OPEN)
    confirm(
        [proxied],
        Script(**{f"p{port}": State.UNRELIABLE for port in PORTS} | {"p80": State.OPEN}),
        0.0,
        lambda: None,
    )
    assert [port for port, state in proxied.states.items() if state is State.OPEN] == [80]


def test_what_the_kernel_tells_of_a_connection_is_read_as_far_as_it_goes():
    raw = bytearray(232)
    struct.pack_into("=I", raw, 136, 7)
    struct.pack_into("=I", raw, 140, 3)
    struct.pack_into("=I", raw, 228, 65160)
    assert parse(bytes(raw)) == TcpInfo(3, 65160, 7)
    assert parse(bytes(raw[:200])) == TcpInfo(3, None, 7)
    assert parse(b"") == TcpInfo(None, None, None)
