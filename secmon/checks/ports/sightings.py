"""Remember the listeners that a watch sees, so that one which is gone before anybody looks is still told.

A listener that lived shorter than the time for which sightings are held stays among the facts for that long,
marked as not present any more: whoever reads the facts less often than the watch looks cannot miss it. One
that had been there for longer is gone when it is gone, so that a repair shows at once.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from secmon.checks.ports.kinds import LISTENER

if TYPE_CHECKING:
    from collections.abc import Iterable

    from secmon.core.model import Fact


@dataclass(slots=True)
class _Sighting:
    facts: list[Fact]  # of one key, as last seen
    since: float
    present: bool = True


class Sightings:
    """What a watch has seen of late.

    Args:
        hold_seconds: for how long a listener is told at least, counted from when it was first seen.
    """

    def __init__(self, hold_seconds: float) -> None:
        self._hold = hold_seconds
        self._seen: dict[tuple[Any, ...], _Sighting] = {}

    def note(self, facts: Iterable[Fact], now: float) -> bool:
        """Take everything that listens now.

        Args:
            facts: of kind `listener`.
            now: seconds of a clock that never steps.

        Returns:
            Whether a listener came, or went, since the last time.
        """
        present: dict[tuple[Any, ...], list[Fact]] = {}
        for fact in facts:
            present.setdefault(tuple(fact.values.get(name) for name in LISTENER.key), []).append(fact)
        before = {key for key, sighting in self._seen.items() if sighting.present}
        for key, found in present.items():
            known = self._seen.get(key)
            self._seen[key] = _Sighting(found, known.since if known else now)
        for key in before - present.keys():
            self._seen[key].present = False
        self._forget(now)
        return before != present.keys()

    def facts(self) -> list[Fact]:
        """Return what is there, and what was there only for a short while."""
        return [
            replace(fact, values={**fact.values, "present": sighting.present})
            for sighting in self._seen.values()
            for fact in sighting.facts
        ]

    def _forget(self, now: float) -> None:
        """Drop what is gone and was told for long enough."""
        self._seen = {
            key: sighting
            for key, sighting in self._seen.items()
            if sighting.present or now < sighting.since + self._hold
        }
