"""Everything that a probe can do wrong gives its reason, and leaves nothing behind."""

from __future__ import annotations

import pytest

from secmon.core.model import Completeness, Reason
from tests.support.processes import Lab, said, wait_for

KILLED = [
    # act, reason of the part, settings
    ("spin", Reason.RESOURCE_LIMIT, {"deadline": 50.0, "cpu": 1}),
    ("spin", Reason.TIMEOUT, {"deadline": 0.5}),
    ("flood", Reason.RESOURCE_LIMIT, {}),
    ("long_line", Reason.RESOURCE_LIMIT, {}),
    ("allocate", Reason.RESOURCE_LIMIT, {}),
    ("close_and_hang", Reason.TIMEOUT, {"deadline": 0.5}),
    ("abort", Reason.CRASHED, {}),
    ("segfault", Reason.CRASHED, {}),
    ("weird_exit", Reason.CRASHED, {"code": 3}),
    ("weird_exit", Reason.CRASHED, {"code": 255}),
    ("weird_exit", Reason.PERMISSION, {"code": 77}),
    ("system_exit", Reason.CRASHED, {}),
    ("type_error", Reason.CRASHED, {}),
    ("recursion", Reason.CRASHED, {}),
    ("disk_error", Reason.CRASHED, {}),
    ("half", Reason.CRASHED, {}),
    ("noise", Reason.BAD_DATA, {}),
]


@pytest.mark.parametrize(("act", "reason", "more"), KILLED)
def test_reason(act: str, reason: Reason, more: dict):
    probe = {"cpu_seconds": more.pop("cpu")} if "cpu" in (more := dict(more)) else {}
    with Lab({"bad": {"act": act, **more}, "good": {"act": "fine"}}, **probe) as lab:
        judged = lab.run("bad", "good")
        judgement, failed = judged["bad"]
        assert failed is None
        assert [(item.asset, item.reason) for item in judgement.reasons] == [("probe", reason)]
        good, _ = judged["good"]
        assert not good.reasons
        assert wait_for(lambda: not lab.survivors)
        if reason is not Reason.BAD_DATA:  # which the judge finds
            assert lab.supervisor.counters("bad").failures == {reason: 1}


def test_what_was_said_before_the_crash_stays():
    with Lab({"bad": {"act": "type_error"}}) as lab:
        judgement, _ = lab.run("bad")["bad"]
        (observation,) = judgement.observations
        assert observation.facts[0].values == {"name": "before"}
        assert observation.reason is Reason.CRASHED
        (detail,) = judgement.outcomes["probe"]
        assert detail.startswith("TypeError: a probe of the test (tests.support.probe:")


def test_whole_observations_before_half_a_frame_stay():
    with Lab({"bad": {"act": "half"}}) as lab:
        judgement, _ = lab.run("bad")["bad"]
        (observation,) = judgement.observations
        assert observation.completeness is Completeness.OK


@pytest.mark.parametrize(
    ("act", "reason", "completeness", "detail"),
    [
        ("unavailable", Reason.NOT_CONFIGURED, Completeness.FAILED, "There is no such place; name one."),
        ("denied", Reason.PERMISSION, Completeness.FAILED, "/etc/shadow: Permission denied"),
        ("late_unavailable", Reason.NO_DATA, Completeness.PARTIAL, "The place has nothing; bring some."),
        ("late_permission", Reason.PERMISSION, Completeness.FAILED, "/etc/shadow: Permission denied"),
    ],
)
def test_what_cannot_be_looked_at_is_said_for_every_target(act, reason, completeness, detail):
    with Lab({"blind": {"act": act, "targets": ["local", "other"]}}) as lab:
        judgement, _ = lab.run("blind")["blind"]
        assert not judgement.reasons  # the child ended well
        assert [observation.target for observation in judgement.observations] == ["local", "other"]
        first = judgement.observations[0]
        assert (first.reason, first.completeness, first.detail) == (reason, completeness, detail)
        for observation in judgement.observations:
            assert observation.looked == {"thing": reason}


@pytest.mark.parametrize("act", ["bomb", "hop"])
def test_a_fork_bomb_is_bounded_and_gone(act: str):
    with Lab({"bomb": {"act": act, "deadline": 1.0}, "good": {"act": "fine"}}, processes=True) as lab:
        judged = lab.run("bomb", "good")
        assert [item.reason for item in judged["bomb"][0].reasons] in ([Reason.TIMEOUT], [])
        assert not judged["good"][0].reasons
        assert wait_for(lambda: not lab.survivors)


@pytest.mark.parametrize("act", ["bomb", "hop"])
def test_a_fork_bomb_does_not_outlive_the_core(act: str):
    with Lab({"bomb": {"act": act, "deadline": 60.0}}, processes=True) as lab:
        lab.load()
        lab.supervisor.enqueue("bomb")
        lab.loop(lambda: len(lab.survivors) > (20 if act == "bomb" else 0) or lab.supervisor.idle)
    assert wait_for(lambda: not lab.survivors)


def test_no_processes_means_none():
    with Lab({"child": {"act": "no_processes"}}) as lab:
        judgement, _ = lab.run("child")["child"]
        assert said(judgement)["forked"] is False


def test_no_file_can_be_written():
    with Lab({"child": {"act": "write_file"}}) as lab:
        judgement, _ = lab.run("child")["child"]
        assert said(judgement)["errno"] == 27  # EFBIG


def test_daemons_do_not_outlive_their_probe():
    with Lab({"daemons": {"act": "daemonize"}}, processes=True) as lab:
        judgement, _ = lab.run("daemons")["daemons"]
        assert judgement.observations[0].completeness is Completeness.OK
        assert wait_for(lambda: not lab.survivors)


def test_a_disabled_check_is_judged_without_a_child():
    with Lab({"off": {"act": "fine", "enabled": False}}) as lab:
        judgement, reason = lab.run("off")["off"]
        assert reason is None
        assert judgement.runs == ()


def test_progress_is_told_outside_the_frames():
    with Lab({"good": {"act": "fine"}}) as lab:
        lab.run("good")
        assert lab.progress[-1] == ("good", 2, 2)
