"""Say when checks are due: APScheduler as a clock, and nothing else (docs/adr: a clock only).

Its thread only notes which check is due and wakes the main loop; no check ever runs in it.
"""

from __future__ import annotations

import contextlib
import os
import time
from collections import deque
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Final

from secmon.agent.spared import spared

with spared():
    from apscheduler.executors.debug import DebugExecutor
    from apscheduler.schedulers.background import BackgroundScheduler
    from apscheduler.triggers.interval import IntervalTrigger

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

JITTER_RATIO: Final = 0.05
"""The part of an interval by which a run may be late, so that a province's agents do not march in step."""

SPREAD_SECONDS: Final = 2.0
"""Time between the first runs of two checks after a start."""

STEP_SECONDS: Final = 5.0
"""How far the wall clock may leave CLOCK_BOOTTIME before that is a step, and no slewing by NTP."""


class _Forward(IntervalTrigger):  # type: ignore[misc]  # apscheduler has no types
    """An interval whose next time is never in the past.

    APScheduler's own catches up run by run: after a clock that stood in 1970 it would list millions of times.
    """

    def get_next_fire_time(self, _previous: datetime | None, now: datetime) -> datetime | None:
        """Return the next time on the grid of the interval that lies behind now."""
        # A millisecond, so that a time which equals now is not returned for ever.
        following: datetime | None = super().get_next_fire_time(None, now + timedelta(milliseconds=1))
        return following


@dataclass(slots=True)
class _Due:
    """One scheduled check."""

    interval: float
    at: float  # CLOCK_BOOTTIME


class Schedule:
    """Wakes a selector when checks are due: soon after they were planned, and then once an interval.

    Making one starts a thread: the core drops its capabilities before.

    Args:
        wall: Unix seconds.
        boot: seconds that never step and count sleep, CLOCK_BOOTTIME.
    """

    def __init__(
        self,
        wall: Callable[[], float] = time.time,
        boot: Callable[[], float] = lambda: time.clock_gettime(time.CLOCK_BOOTTIME),
    ) -> None:
        self._wall = wall
        self._boot = boot
        self._offset = wall() - boot()
        self._due: dict[str, _Due] = {}
        self._ready: deque[str] = deque()  # append and popleft are atomic
        self._wakeup = os.eventfd(0, os.EFD_CLOEXEC | os.EFD_NONBLOCK)
        self._scheduler = BackgroundScheduler(
            timezone=UTC,
            executors={"default": DebugExecutor()},  # calls in the scheduler's own thread
            job_defaults={"coalesce": True, "misfire_grace_time": None, "max_instances": 1},
        )
        self._scheduler.start()

    def fileno(self) -> int:
        """Return a descriptor that is readable when a check is due."""
        return self._wakeup

    def plan(self, intervals: Mapping[str, float]) -> None:
        """Replace what is scheduled; a check that keeps its interval keeps its time.

        Args:
            intervals: check -> seconds between runs.
        """
        now = self._boot()
        due = {}
        for number, (check, interval) in enumerate(intervals.items()):
            old = self._due.get(check)
            kept = old is not None and old.interval == interval
            due[check] = old if old and kept else _Due(interval, now + number * SPREAD_SECONDS)
        self._due = due
        self._rebuild()

    def due(self) -> list[str]:
        """Return the checks that are due, in the order in which they became so, each once."""
        with contextlib.suppress(BlockingIOError):
            os.eventfd_read(self._wakeup)
        checks: dict[str, None] = {}
        while self._ready:
            checks[self._ready.popleft()] = None
        return [check for check in checks if check in self._due]

    def check_clock(self) -> float:
        """Find out whether the wall clock was set, and if so schedule anew by the clock that was not.

        The main loop calls this in every turn: APScheduler goes by the wall clock, and would wait for as long
        as that was set back.

        Returns:
            Seconds by which it was set, 0 where it was not.
        """
        offset = self._wall() - self._boot()
        step = offset - self._offset
        if abs(step) < STEP_SECONDS:
            self._offset = offset  # slewing adds up, and is no step
            return 0.0
        self._rebuild()
        return step

    def close(self) -> None:
        """End the thread; no check is ever waited for, since none runs in it."""
        self._scheduler.shutdown()
        os.close(self._wakeup)

    def next_times(self) -> dict[str, float]:
        """Return check -> Unix seconds of its next run, as the scheduler has it."""
        return {job.id: job.next_run_time.timestamp() for job in self._scheduler.get_jobs()}

    def _rebuild(self) -> None:
        self._scheduler.remove_all_jobs()
        wall, boot = self._wall(), self._boot()
        self._offset = wall - boot
        for check, due in self._due.items():
            first = datetime.fromtimestamp(wall + max(0.0, due.at - boot), UTC)
            jitter = due.interval * JITTER_RATIO
            trigger = _Forward(seconds=due.interval, start_date=first, jitter=jitter, timezone=UTC)
            self._scheduler.add_job(self._fire, trigger, (check,), id=check, next_run_time=first)

    def _fire(self, check: str) -> None:
        """Run in the scheduler's thread: note, wake, return."""
        due = self._due.get(check)
        if due is not None:
            due.at = self._boot() + due.interval
        self._ready.append(check)
        os.eventfd_write(self._wakeup, 1)
