"""Measure TCP ports: with SYNs where that is allowed and hosts are reached over Ethernet, else by connect."""

from __future__ import annotations

from typing import TYPE_CHECKING

from secmon.checks.ports.probe import wire
from secmon.checks.ports.probe.engine import ConnectEngine
from secmon.checks.ports.probe.syn import SynEngine
from secmon.core.contract import Unavailable

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from secmon.checks.ports.pace import Pace
    from secmon.checks.ports.probe.lane import Engine, Lane


TcpHandles = wire.SynHandles | Unavailable
"""What SYNs are sent with, or why there is nothing."""


def acquire() -> TcpHandles:
    """Open what needs CAP_NET_RAW, or do without."""
    try:
        return wire.acquire()
    except Unavailable as refusal:
        return refusal


class TcpEngine:
    """Measures each lane with the engine that suits it, once.

    Args:
        handles: from `acquire`; the engine closes them.
        total: the budget over all lanes.
        limit: connects under way at most.

    Attributes:
        note: a sentence on why no SYNs are sent, "" where they are.
    """

    def __init__(self, handles: TcpHandles, total: Pace, limit: int) -> None:
        self._connect = ConnectEngine(total, limit)
        self._syn: SynEngine | None = None
        self.note = ""
        try:
            if isinstance(handles, Unavailable):
                raise handles
            self._syn = SynEngine(handles, total)
        except Unavailable as refusal:
            self.note = f"TCP ports were connected to. {refusal.detail}"

    def run(
        self,
        lanes: Sequence[Lane],
        deadline: float,
        finished: Callable[[Lane], None],
        tick: Callable[[], None],
    ) -> None:
        """Measure until all is done or the deadline is there; arguments as of `lane.Engine.run`."""
        work: list[tuple[Engine, list[Lane]]] = []
        others = list(lanes)
        if self._syn:
            work.append((self._syn, [lane for lane in lanes if self._syn.supports(lane.address)]))
            others = [lane for lane in lanes if not self._syn.supports(lane.address)]
        work.append((self._connect, others))
        # One after the other, for they share a budget; few ports first, for a deadline cuts off the rest.
        for engine, share in sorted(work, key=lambda pair: sum(len(lane.ports) for lane in pair[1])):
            if share:
                engine.run(share, deadline, finished, tick)
        if self._syn:
            self._syn.close()
