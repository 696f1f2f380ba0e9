"""Count how the runs of one check ended, and decide when it has to pause."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from secmon.core.model import Reason

if TYPE_CHECKING:
    from collections.abc import Sequence

    from secmon.agent.spool import Part

QUARANTINE_AFTER: Final = 3
"""Bad runs in a row."""

PAUSE_LIMIT_SECONDS: Final = 86_400.0
"""The longest pause, but where the check's own interval is longer."""

_KILLED: Final = (Reason.TIMEOUT, Reason.RESOURCE_LIMIT)


@dataclass(slots=True)
class Counters:
    """What metrics say about the runs of one check.

    Attributes:
        missed: ticks that found a run under way or the check in quarantine.
        kills: children killed at their deadline or past a limit.
        failures: reason -> children, of probes and judge, that ended so.
        quarantined: it was killed so often that it pauses.
        last_run: Unix seconds at which the last run ended, 0 for never.
        duration: seconds that it took.
        bad_runs: runs in a row with a kill, or, for a long-lived probe, that ended at all.
        paused_until: on the caller's clock.
    """

    missed: int = 0
    kills: int = 0
    failures: defaultdict[Reason, int] = field(default_factory=lambda: defaultdict(int))
    quarantined: bool = False
    last_run: float = 0.0
    duration: float = 0.0
    bad_runs: int = 0
    paused_until: float = 0.0

    def note(self, parts: Sequence[Part], interval: float, clock: float) -> None:
        """Count a run that has ended.

        From the third bad run in a row on the check pauses for two intervals, then four, then eight ...; a
        long-lived probe pauses after each end: half an interval, one, two ...

        Args:
            parts: its probes, at least one.
            interval: seconds between runs of the check.
            clock: seconds that never step.
        """
        reasons = [Reason(part.status) for part in parts if part.status != "ok"]
        for reason in reasons:
            self.failures[reason] += 1
        kills = sum(reason in _KILLED for reason in reasons)
        self.kills += kills
        self.last_run = max(part.finished for part in parts)
        self.duration = self.last_run - min(part.started for part in parts)
        long_lived = any(part.window for part in parts)
        self._note_end(interval, clock, bad=bool(kills or (reasons and long_lived)), long_lived=long_lived)

    def with_windows(self, windows: Counters) -> Counters:
        """Return the counters of a check whose runs these are.

        Args:
            windows: counters of its long-lived probe.

        Returns:
            Both together; the duration is that of its runs, where it has any.
        """
        failures = defaultdict(int, self.failures)
        for reason, count in windows.failures.items():
            failures[reason] += count
        return Counters(
            missed=self.missed + windows.missed,
            kills=self.kills + windows.kills,
            failures=failures,
            quarantined=self.quarantined or windows.quarantined,
            last_run=max(self.last_run, windows.last_run),
            duration=self.duration if self.last_run else windows.duration,
            bad_runs=max(self.bad_runs, windows.bad_runs),
            paused_until=max(self.paused_until, windows.paused_until),
        )

    def note_end(self, interval: float, clock: float) -> None:
        """Count that a long-lived probe ended well, as it should not, between two windows."""
        self._note_end(interval, clock, bad=True, long_lived=True)

    def _note_end(self, interval: float, clock: float, *, bad: bool, long_lived: bool) -> None:
        self.bad_runs = self.bad_runs + 1 if bad else 0
        self.quarantined = self.bad_runs >= QUARANTINE_AFTER
        if self.quarantined or (bad and long_lived):
            pause = interval * 2.0 ** min(self.bad_runs - QUARANTINE_AFTER + 1, 30)
            self.paused_until = clock + min(pause, max(interval, PAUSE_LIMIT_SECONDS))
