"""Match texts against fingerprints without letting a pattern keep the child busy."""

from __future__ import annotations

import signal
from typing import TYPE_CHECKING, Final, Protocol

from secmon.core.texts import TEXT_LIMIT

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from types import FrameType

    from secmon.core.fingerprint import Match

TEXT_SECONDS: Final = 0.25
"""CPU time that the patterns for one text may take; all of ours together take a hundredth of it."""


class Knows(Protocol):
    """A fingerprint."""

    @property
    def name(self) -> str:
        """Return by what a person finds it."""
        ...

    def match(self, text: str) -> Match | None:
        """Return what it says of a text, None where it does not know it."""
        ...


class _TookLongError(Exception):
    """The time for one text is over."""


class Matcher:
    """Finds the first fingerprint that knows a text.

    When the time for a text is over it counts as unknown, and the pattern that was at work is left out from
    then on. What counts is CPU time, which a busy host does not make longer. Python's engine looks for
    signals while it works.

    Args:
        known: name of a text -> fingerprints for it, in order; called once for each name.
        seconds: CPU time for one text.
    """

    def __init__(self, known: Callable[[str], Iterable[Knows]], seconds: float = TEXT_SECONDS) -> None:
        self._load = known
        self._known: dict[str, list[Knows]] = {}
        self._seconds = seconds
        self.left_out: list[str] = []

    def __call__(self, name: str, text: str) -> Match | None:
        """Return what is known of a text.

        Args:
            name: one of core.fingerprint.TEXTS.
            text: at most 1,024 characters of it are looked at.
        """
        if name not in self._known:
            self._known[name] = list(self._load(name))
        known = self._known[name]
        working: list[Knows] = []
        before = signal.signal(signal.SIGVTALRM, _give_up)
        try:
            signal.setitimer(signal.ITIMER_VIRTUAL, self._seconds)
            return self._first(known, text[:TEXT_LIMIT], working)
        except _TookLongError:
            known.remove(working[0])
            self.left_out.append(working[0].name)
            return None
        finally:
            signal.setitimer(signal.ITIMER_VIRTUAL, 0)
            signal.signal(signal.SIGVTALRM, before)

    @staticmethod
    def _first(known: list[Knows], text: str, working: list[Knows]) -> Match | None:
        for fingerprint in known:
            working[:] = [fingerprint]
            told = fingerprint.match(text)
            if told is not None:
                return told
        return None


def _give_up(_number: int, _frame: FrameType | None) -> None:
    raise _TookLongError
