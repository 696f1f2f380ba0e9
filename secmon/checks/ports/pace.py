"""Pace packets: never more than a rate, but for a short burst that makes up for a late wake-up."""

from __future__ import annotations

from typing import Final

_SLACK_SECONDS: Final = 0.05


class Pace:
    """A budget of packets per second (the generic cell rate algorithm, ITU-T I.371).

    Over any span of time it lets through at most `rate` times (the span + 0.05 s), and one packet.

    Args:
        rate: packets per second, above 0.
    """

    __slots__ = ("_next", "_rate")

    def __init__(self, rate: float) -> None:
        self._rate = rate
        self._next = 0.0  # when the next packet would be due at an even pace

    def ready_at(self) -> float:
        """Return the instant, on the caller's clock, from which a packet may go."""
        return self._next - _SLACK_SECONDS

    def spend(self, packets: int, now: float) -> None:
        """Count packets that go now.

        Args:
            packets: how many.
            now: seconds of the caller's clock, which never runs backwards.
        """
        self._next = max(self._next, now) + packets / self._rate
