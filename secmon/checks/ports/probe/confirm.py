"""Find out whether a service is behind ports whose answer alone proves nothing.

A SYN proxy (netfilter's SYNPROXY, firewalls against floods) completes the handshake of every port itself,
with a window of 0, and asks the host only then: where nobody listens it resets, and where somebody does it
opens the window. A proxy that announces an honest window, or a tarpit, is given away by its opening nearly
every port. So those ports are connected to in full, and held for a while.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Final

from secmon.checks.ports.sweep import State, nearly_all_open

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from secmon.checks.ports.probe.lane import Engine, Lane

HOLD_SECONDS: Final = 2.0
"""A proxy has this long to reach the host; it may be the kernel's second SYN that does."""


def confirm(lanes: Sequence[Lane], engine: Engine, deadline: float, tick: Callable[[], None]) -> None:
    """Measure doubtful ports again, and correct the states of their lanes.

    Args:
        lanes: measured lanes.
        engine: one that completes handshakes, and holds connections for HOLD_SECONDS.
        deadline: seconds of time.monotonic().
        tick: called often.
    """
    again = {
        lane.address: replace(lane, ports=ports, states={}) for lane in lanes if (ports := doubtful(lane))
    }
    engine.run(list(again.values()), deadline, lambda _: None, tick)
    for lane in lanes:
        if lane.address in again:
            met = again[lane.address].states
            lane.states.update({port: _corrected(state) for port, state in met.items()})


def doubtful(lane: Lane) -> tuple[int, ...]:
    """Return the ports of a lane that an answer proves nothing of."""
    if lane.failure:
        return ()
    doubted = {State.UNRELIABLE, State.OPEN} if nearly_all_open(lane.states) else {State.UNRELIABLE}
    if doubted.isdisjoint(lane.states.values()):
        return ()
    return tuple(port for port in lane.ports if lane.states.get(port) in doubted)


def _corrected(state: State) -> State:
    """Return what a port is that answered before: a proxy may answer a second time as it likes."""
    return State.OPEN if state is State.OPEN else State.UNRELIABLE
