"""Three bad runs in a row are quarantine, and each further one doubles the pause."""

from __future__ import annotations

import pytest

from secmon.agent.counters import PAUSE_LIMIT_SECONDS, Counters
from secmon.agent.spool import Part
from secmon.core.model import Reason


@pytest.fixture
def run():
    """Make the parts of a run that has ended."""
    made: list[Part] = []

    def make(*statuses: str, window: float = 0.0) -> list[Part]:
        parts = [Part("test", "probe", 5.0, window, 100.0, 103.0, status) for status in statuses]
        made.extend(parts)
        return parts

    yield make
    for part in made:
        part.frames.close()


def test_a_good_run(run):
    counters = Counters()
    counters.note(run("ok", "ok"), 60.0, 0.0)
    assert (counters.last_run, counters.duration) == (103.0, 3.0)
    assert (counters.kills, counters.failures, counters.paused_until) == (0, {}, 0.0)


def test_reasons_are_counted_by_child(run):
    counters = Counters()
    counters.note(run("timeout", "crashed", "ok", "timeout", "resource_limit", "permission"), 60.0, 0.0)
    assert counters.kills == 3
    assert counters.failures == {
        Reason.TIMEOUT: 2,
        Reason.CRASHED: 1,
        Reason.RESOURCE_LIMIT: 1,
        Reason.PERMISSION: 1,
    }
    assert counters.bad_runs == 1


def test_the_pause_doubles_from_the_third_killed_run(run):
    counters = Counters()
    pauses = []
    for _ in range(6):
        counters.note(run("timeout"), 60.0, 1000.0)
        pauses.append(counters.paused_until and counters.paused_until - 1000.0)
    assert pauses == [0.0, 0.0, 120.0, 240.0, 480.0, 960.0]
    assert counters.quarantined


def test_a_crash_is_no_kill_and_a_good_run_ends_quarantine(run):
    counters = Counters()
    for status in ("timeout", "crashed", "timeout", "timeout"):
        counters.note(run(status), 60.0, 0.0)
    assert not counters.quarantined
    counters.note(run("timeout"), 60.0, 0.0)
    assert counters.quarantined
    counters.note(run("ok"), 60.0, 0.0)
    assert not counters.quarantined
    assert counters.bad_runs == 0


@pytest.mark.parametrize(("interval", "limit"), [(60.0, PAUSE_LIMIT_SECONDS), (200_000.0, 200_000.0)])
def test_the_pause_has_an_end(run, interval: float, limit: float):
    counters = Counters()
    for _ in range(1500):
        counters.note(run("timeout"), interval, 0.0)
    assert counters.paused_until == limit


def test_a_long_lived_probe_pauses_after_each_end(run):
    counters = Counters()
    pauses = []
    for _ in range(4):
        counters.note(run("crashed", window=60.0), 60.0, 0.0)
        pauses.append(counters.paused_until)
    assert pauses == [30.0, 60.0, 120.0, 240.0]
    counters.note(run("ok", window=60.0), 60.0, 0.0)
    counters.note_end(60.0, 1000.0)
    assert counters.paused_until == 1030.0
    assert counters.failures == {Reason.CRASHED: 4}
