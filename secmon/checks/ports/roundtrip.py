"""Estimate how long an answer takes, and so how long to wait for one (RFC 6298)."""

from __future__ import annotations

from typing import Final

_INITIAL_SECONDS: Final = 1.0  # RFC 6298 2.1
_LEAST_SECONDS: Final = 0.2  # less gains little, and a busy host may well take so long once
_MOST_SECONDS: Final = 2.0
_SMOOTHING: Final = 1 / 8
_VARIATION: Final = 1 / 4
_DEVIATIONS: Final = 4


class RoundTrip:
    """The time to a host and back, smoothed.

    Only answers to what was sent once may be taken as samples: after a repetition nobody knows which of the
    two was answered (Karn's algorithm, RFC 6298 3).
    """

    __slots__ = ("_smoothed", "_variation")

    def __init__(self) -> None:
        self._smoothed = 0.0
        self._variation = -1.0  # none yet

    def sample(self, seconds: float) -> None:
        """Take one measured time into account.

        Args:
            seconds: from sending to its answer.
        """
        if self._variation < 0:
            self._smoothed, self._variation = seconds, seconds / 2
            return
        self._variation += _VARIATION * (abs(self._smoothed - seconds) - self._variation)
        self._smoothed += _SMOOTHING * (seconds - self._smoothed)

    @property
    def timeout_seconds(self) -> float:
        """Return how long to wait for an answer before the question is repeated or given up."""
        if self._variation < 0:
            return _INITIAL_SECONDS
        return min(max(self._smoothed + _DEVIATIONS * self._variation, _LEAST_SECONDS), _MOST_SECONDS)
