"""Hung checks: ten that never end and have families, and one that must not feel it."""

from __future__ import annotations

import os
import signal

import pytest

from secmon.core.model import Completeness, Reason
from tests.support.processes import Lab, named, new_marker, wait_for

HUNG = [f"hung{number}" for number in range(10)]
PROCESSES_EACH = 4  # the child, its child, its grandchild in a session, and that one's child in another


def _eleven(marker: str = "", deadline: float = 6.0) -> Lab:
    acts = {name: {"act": "family", "deadline": deadline} for name in HUNG}
    return Lab({**acts, "healthy": {"act": "fine"}}, marker=marker, processes=True)


def test_ten_hung_children_are_killed_and_the_eleventh_is_not_delayed():
    with _eleven() as lab:
        judged = lab.run(*HUNG, "healthy")
        assert lab.judged[0][0] == "healthy"
        healthy, reason = judged["healthy"]
        assert reason is None
        assert not healthy.reasons
        for name in HUNG:
            judgement, reason = judged[name]
            assert reason is None
            assert [item.reason for item in judgement.reasons] == [Reason.TIMEOUT]
            (observation,) = judgement.observations
            assert (observation.completeness, observation.reason) == (Completeness.PARTIAL, Reason.TIMEOUT)
            assert [fact.values["name"] for fact in observation.facts] == ["before"]  # what was sent stays
            assert lab.supervisor.counters(name).kills == 1
        assert wait_for(lambda: not lab.survivors)


def test_their_families_are_there_before_the_deadline():
    with _eleven(deadline=60.0) as lab:
        assert lab.load() == "ok"
        for name in HUNG:
            assert lab.supervisor.enqueue(name)
        lab.loop(lambda: len(lab.survivors) == PROCESSES_EACH * len(HUNG))
    assert wait_for(lambda: not lab.survivors)  # closing the channel ended them


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM])
def test_nothing_survives_the_core(number: int):
    marker = new_marker()
    core = os.fork()
    if core == 0:
        try:
            signal.signal(signal.SIGTERM, signal.SIG_DFL)
            lab = _eleven(marker, deadline=60.0)
            lab.load()
            for name in HUNG:
                lab.supervisor.enqueue(name)
            lab.loop(lambda: False, 60.0)
        finally:
            os._exit(1)
    assert wait_for(lambda: len(named(marker)) == PROCESSES_EACH * len(HUNG), 60.0)
    os.kill(core, number)
    os.waitpid(core, 0)
    assert wait_for(lambda: not named(marker))


def test_nothing_survives_the_spawner():
    with _eleven(deadline=60.0) as lab:
        lab.load()
        lab.supervisor.enqueue("hung0")
        lab.loop(lambda: len(lab.survivors) == PROCESSES_EACH)
        children = [pid for pid in lab.survivors if os.getpgid(pid) == pid and os.getsid(pid) != pid]
        os.kill(lab.channel.pid, signal.SIGKILL)
        # The child dies with its parent; its orphans are systemd's, which ends the whole unit.
        assert wait_for(lambda: not set(children) & set(lab.survivors))
        for pid in lab.survivors:
            os.kill(pid, signal.SIGKILL)


def test_nothing_survives_in_fifty_runs():
    acts = {"family": {"act": "family", "deadline": 0.3}, "daemons": {"act": "daemonize"}}
    with Lab(acts, processes=True) as lab:
        assert lab.load() == "ok"
        for _ in range(50):
            for name in acts:
                lab.supervisor._states[name].runs.paused_until = 0.0  # no quarantine here
                assert lab.supervisor.enqueue(name)
            lab.loop(lambda: lab.supervisor.idle)
            assert wait_for(lambda: not lab.survivors)
        assert lab.supervisor.counters("family").kills == 50
        assert lab.supervisor.counters("daemons").kills == 0


def test_the_orphan_of_a_living_child_is_killed_while_it_lives():
    with Lab({"maker": {"act": "orphan_then_hang", "deadline": 60.0}}, processes=True) as lab:
        lab.load()
        lab.supervisor.enqueue("maker")
        lab.loop(lambda: len(lab.survivors) >= 1)
        assert wait_for(lambda: len(lab.survivors) == 1)
        assert lab.supervisor.counters("maker").last_run == 0.0


def test_a_child_that_hangs_while_acquiring_is_killed():
    with Lab({"slow": {"act": "acquire_hang", "deadline": 0.5}}) as lab:
        judgement, _ = lab.run("slow")["slow"]
        assert [item.reason for item in judgement.reasons] == [Reason.TIMEOUT]
        assert judgement.observations == ()


def test_three_kills_in_a_row_are_quarantine():
    with Lab({"bad": {"act": "hang", "deadline": 0.2}}) as lab:
        lab.load()
        for _ in range(3):
            assert not lab.supervisor.counters("bad").quarantined
            assert lab.supervisor.enqueue("bad")
            lab.loop(lambda: lab.supervisor.idle)
        assert lab.supervisor.counters("bad").quarantined
        assert not lab.supervisor.enqueue("bad")
        assert lab.supervisor.counters("bad").missed == 1


def test_a_second_tick_is_counted_and_not_queued():
    with Lab({"slow": {"act": "hang", "deadline": 0.5}}) as lab:
        lab.load()
        assert lab.supervisor.enqueue("slow")
        assert not lab.supervisor.enqueue("slow")
        lab.loop(lambda: lab.supervisor.idle)
        assert lab.supervisor.counters("slow").missed == 1
        assert len(lab.judged) == 1
