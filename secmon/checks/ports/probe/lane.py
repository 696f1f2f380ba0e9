"""Hold what an engine measures: one address, its TCP ports, its budget, and what was met."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Protocol

from secmon.checks.ports.sweep import OF_THE_HOST

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from secmon.checks.ports.pace import Pace
    from secmon.checks.ports.sweep import State
    from secmon.core.model import Reason


@dataclass(slots=True)
class Lane:
    """One address and its TCP ports; targets that share an address share its lane.

    Attributes:
        address: resolved, literal.
        pace: the host's own budget of packets, over everything that is sent to it.
        permit: the gate; called before each packet or connect that is sent; raises Unavailable.
        ports: ports to measure, in the order in which to try them.
        states: port -> what was met; a port that was not measured is absent.
        failure: why the lane was given up, None where it was not.
        detail: one sentence on that.
    """

    address: str
    pace: Pace
    permit: Callable[[], None]
    ports: tuple[int, ...]
    states: dict[int, State] = field(default_factory=dict)
    failure: Reason | None = None
    detail: str = ""

    @property
    def alive(self) -> bool:
        """Tell whether the host itself answered."""
        return not OF_THE_HOST.isdisjoint(self.states.values())

    def give_up(self, reason: Reason, detail: str) -> None:
        """Try no more ports; what was met still counts."""
        self.failure, self.detail = reason, detail


class Engine(Protocol):
    """Measures lanes side by side, from one thread."""

    def run(
        self,
        lanes: Sequence[Lane],
        deadline: float,
        finished: Callable[[Lane], None],
        tick: Callable[[], None],
    ) -> None:
        """Measure until all is done or the deadline is there; lanes that are not done stay as they are.

        Args:
            lanes: at most one for each address.
            deadline: seconds of time.monotonic().
            finished: called once with each lane, as soon as it is done.
            tick: called often.
        """
        ...
