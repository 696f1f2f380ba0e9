"""A long-lived probe: one judgement for each window, kept alive by its frames, started anew when it ends."""

from __future__ import annotations

import time

from secmon.agent.supervisor import HEARTBEATS
from secmon.core.model import Completeness, Reason
from tests.support.processes import Lab, make_registry, wait_for


def _capture(interval: float = 5.0, **settings) -> Lab:
    act = {
        "act": "windows",
        "long_lived": "probe",
        "interval": interval,
        "windows": 3,
        "window": 0.05,
        "then": "hang",
        "targets": ["local", "other"],
        **settings,
    }
    return Lab({"live": act}, make_registry(["live"], long_lived=True, cpu_seconds=None))


def _names(lab: Lab) -> list[list[tuple[str, object]]]:
    """Return what each judgement was made of: targets, and the names of the things there."""
    return [
        [(observation.target, observation.facts[0].values["name"]) for observation in judgement.observations]
        for _, judgement, _ in lab.judged
    ]


def test_each_window_is_a_run():
    with _capture() as lab:
        lab.load()
        lab.supervisor.tick()
        last = [("local", "window 2"), ("other", "window 2")]
        lab.loop(lambda: _names(lab)[-1:] == [last] and lab.supervisor._judging.idle)
        seen = _names(lab)
        # Windows that end while one is judged: the later one's spool is judged for them, once.
        assert 2 <= len(seen) <= 3
        assert all(len(window) == 2 for window in seen)
        assert all(judgement.runs[0].canary is None for _, judgement, _ in lab.judged)
        assert lab.supervisor.counters("live").last_run > 0
        assert lab.survivors  # it goes on
    assert wait_for(lambda: not lab.survivors)


def test_silence_for_three_windows_is_a_timeout_and_it_is_started_anew():
    with _capture(interval=1.5, windows=1) as lab:  # three of them are longer than a start on a busy machine
        lab.load()
        lab.supervisor.tick()
        lab.loop(lambda: len(lab.judged) == 4)
        reasons = [[item.reason for item in judgement.reasons] for _, judgement, _ in lab.judged]
        assert reasons == [[], [Reason.TIMEOUT], [], [Reason.TIMEOUT]]
        gap = lab.judged[1][1].observations[0]
        assert (gap.reason, gap.completeness) == (Reason.TIMEOUT, Completeness.PARTIAL)
        assert lab.supervisor.counters("live").kills == 2


def test_heartbeats_extend_the_deadline():
    with _capture(interval=1.5, windows=1000, window=0.5) as lab:
        lab.load()
        lab.supervisor.tick()
        lab.loop(lambda: len(lab.judged) >= 1)
        end = time.monotonic() + 1.5 * HEARTBEATS + 2.0  # past the deadline that it began with
        lab.loop(lambda: time.monotonic() > end)
        assert len(lab.judged) >= 2
        assert lab.supervisor.counters("live").kills == 0
        assert lab.survivors


def test_a_crash_is_a_run_of_its_own_and_pauses():
    with _capture(interval=2.0, windows=0, then="crash") as lab:
        lab.load()
        lab.supervisor.tick()
        lab.loop(lambda: lab.supervisor.counters("live").quarantined)
        assert lab.supervisor.counters("live").failures == {Reason.CRASHED: 3}
        lab.loop(lambda: len(lab.judged) == 3)


def test_an_end_between_two_windows_leaves_what_the_last_one_saw():
    with _capture(interval=60.0, windows=2, then="return") as lab:
        lab.load()
        lab.supervisor.tick()
        lab.loop(lambda: lab.supervisor.idle)
        assert [item[1].reasons for item in lab.judged] in ([(), ()], [()])
        counters = lab.supervisor.counters("live")
        assert counters.failures == {}
        assert counters.bad_runs == 1
        lab.supervisor.tick()
        assert lab.supervisor.idle  # it pauses


def test_a_new_plan_starts_it_anew_without_a_gap():
    with _capture(windows=1) as lab:
        lab.load()
        lab.supervisor.tick()
        lab.loop(lambda: len(lab.judged) == 1)
        before = lab.survivors
        lab.load()
        lab.loop(lambda: len(lab.judged) == 2)
        assert set(before).isdisjoint(lab.survivors)
        assert lab.supervisor.counters("live").failures == {}
        assert lab.supervisor.counters("live").missed == 0
