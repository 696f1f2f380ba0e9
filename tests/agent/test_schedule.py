"""The schedule is a clock that neither catches up nor waits for a clock that was set back."""

from __future__ import annotations

import os
import select
import threading
import time
from datetime import UTC, datetime, timedelta

import pytest

from secmon.agent.schedule import JITTER_RATIO, SPREAD_SECONDS, STEP_SECONDS, Schedule, _Forward


class Clocks:
    """A wall clock that can be set, and one that cannot."""

    def __init__(self) -> None:
        self.wall = 4_000_000_000.0  # far ahead of the scheduler's own: nothing is due meanwhile
        self.boot = 500.0

    def pass_(self, seconds: float) -> None:
        self.wall += seconds
        self.boot += seconds


@pytest.fixture
def clocks() -> Clocks:
    return Clocks()


@pytest.fixture
def schedule(clocks: Clocks):
    schedule = Schedule(lambda: clocks.wall, lambda: clocks.boot)
    yield schedule
    schedule.close()


def test_first_runs_come_soon_and_spread(schedule: Schedule, clocks: Clocks):
    schedule.plan({"tls": 60.0, "ports": 3600.0, "patches": 60.0})
    assert schedule.next_times() == {
        "tls": clocks.wall,
        "ports": clocks.wall + SPREAD_SECONDS,
        "patches": clocks.wall + 2 * SPREAD_SECONDS,
    }
    assert schedule.due() == []


def test_a_reload_keeps_the_time_of_what_did_not_change(schedule: Schedule, clocks: Clocks):
    schedule.plan({"gone": 60.0, "tls": 60.0, "ports": 60.0})
    clocks.pass_(1.0)
    schedule.plan({"tls": 60.0, "ports": 90.0})
    assert schedule.next_times() == {
        "tls": clocks.wall + SPREAD_SECONDS - 1.0,
        "ports": clocks.wall + SPREAD_SECONDS,
    }


@pytest.mark.parametrize("step", [-3600.0, 3600.0, -3e9, 3e9])
def test_a_clock_that_is_set_moves_every_run_along(schedule: Schedule, clocks: Clocks, step: float):
    schedule.plan({"first": 60.0, "tls": 60.0})
    clocks.pass_(0.5)
    clocks.wall += step
    assert schedule.check_clock() == pytest.approx(step)
    assert schedule.next_times()["tls"] == pytest.approx(clocks.wall + SPREAD_SECONDS - 0.5)
    assert schedule.check_clock() == 0.0


def test_what_fell_due_while_the_clock_was_wrong_is_due_at_once(schedule: Schedule, clocks: Clocks):
    schedule.plan({"first": 60.0, "tls": 60.0})
    clocks.pass_(100.0)
    clocks.wall -= 3600.0
    schedule.check_clock()
    assert schedule.next_times()["tls"] == pytest.approx(clocks.wall)


def test_slewing_is_no_step(schedule: Schedule, clocks: Clocks):
    schedule.plan({"first": 60.0, "tls": 60.0})
    for _ in range(100):
        clocks.wall += STEP_SECONDS * 0.9
        assert schedule.check_clock() == 0.0


@pytest.mark.parametrize("behind", [0.0, 1.0, 59.999, 60.0, 3600.0, 5e9])
def test_the_next_time_is_never_in_the_past(behind: float):
    start = datetime(2026, 11, 23, tzinfo=UTC)
    trigger = _Forward(seconds=60.0, start_date=start, jitter=60.0 * JITTER_RATIO, timezone=UTC)
    now = start + timedelta(seconds=behind)
    following = trigger.get_next_fire_time(start - timedelta(days=1), now)
    assert now < following <= now + timedelta(seconds=60.0 * (1 + JITTER_RATIO) + 0.001)


def _due(schedule: Schedule, count: int) -> list[str]:
    due: list[str] = []
    while len(due) < count:
        assert select.select([schedule], [], [], 20.0)[0]
        due += schedule.due()
    return due


def test_it_wakes_the_loop_again_and_again():
    schedule = Schedule()
    schedule.plan({"tls": 0.05})
    assert _due(schedule, 4) == ["tls"] * 4
    schedule.plan({})
    select.select([schedule], [], [], 0.2)  # one more may have been under way
    schedule.due()
    assert not select.select([schedule], [], [], 0.2)[0]
    schedule.close()


def test_a_loop_that_was_busy_finds_each_check_once():
    schedule = Schedule()
    schedule.plan({"tls": 0.05})
    select.select([schedule], [], [], 20.0)
    time.sleep(0.3)
    assert schedule.due() == ["tls"]
    schedule.close()


def test_closing_leaves_no_thread_and_no_descriptor():
    threads, descriptors = threading.active_count(), len(os.listdir("/proc/self/fd"))
    schedule = Schedule()
    for _ in range(3):
        schedule.plan({"tls": 60.0})
    schedule.close()
    assert (threading.active_count(), len(os.listdir("/proc/self/fd"))) == (threads, descriptors)
