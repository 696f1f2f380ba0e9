"""What is kept of a judgement is enough for a page, and a run that failed spoils it at once."""

from __future__ import annotations

from secmon.core.judged import FindingGroup, RuleCount, fail, group
from secmon.core.judged import keep as keep_with
from secmon.core.judgement import WaivedUntil
from secmon.core.lifecycle import advance
from secmon.core.model import Outcome, Reason, Severity
from tests.support.judgements import ASSET, judgement, plan, result

PLAN = plan()


def keep(told, digest, before):
    return keep_with(told, digest, before, advance((), told, 1.0).new)


def test_results_are_counted_by_rule_and_let_go():
    told = judgement(
        PLAN,
        result("ports.smb", 445),
        result("ports.smb", 139),
        result("ports.telnet", 23, severity=Severity.CRITICAL, outcome=Outcome.UNKNOWN),
    )
    kept = keep(told, "d1", None)
    assert set(kept.rules) == {
        RuleCount(ASSET, "ports.smb", Severity.HIGH, Outcome.FAIL, 2),
        RuleCount(ASSET, "ports.telnet", Severity.CRITICAL, Outcome.UNKNOWN, 1),
    }
    assert kept.outcomes == {ASSET: {"fail": 2, "unknown": 1}}
    assert all(verdict.complete == () for verdict in kept.verdicts)


def test_only_a_complete_run_with_a_seeing_sensor_renews_freshness():
    first = keep(judgement(PLAN, finished=1000.0), "d1", None)
    assert first.last_complete == {ASSET: 1000.0}
    blind = keep(judgement(PLAN, finished=2000.0, canary=Reason.PERMISSION), "d1", first)
    partial = keep(judgement(PLAN, finished=3000.0, attempted_all=False), "d1", blind)
    assert partial.last_complete == {ASSET: 1000.0}
    assert keep(judgement(PLAN, finished=4000.0), "d1", partial).last_complete == {ASSET: 4000.0}


def test_after_a_clock_was_set_back_the_latest_run_counts():
    future = keep(judgement(PLAN, finished=9_000_000.0), "d1", None)
    assert keep(judgement(PLAN, finished=1000.0), "d1", future).last_complete == {ASSET: 1000.0}


def test_a_run_that_could_not_be_judged_makes_errors_of_everything():
    before = keep(judgement(PLAN, result("ports.smb", 445)), "d1", None)
    failed = fail("ports", "d1", Reason.TIMEOUT, before)
    assert failed.failure is Reason.TIMEOUT
    assert {verdict.outcome for verdict in failed.verdicts} == {Outcome.ERROR}
    assert not any(verdict.decided for verdict in failed.verdicts)
    assert failed.outcomes == {ASSET: {"error": 2}}
    assert failed.last_complete == before.last_complete


def test_a_first_run_that_could_not_be_judged_knows_nothing():
    failed = fail("ports", "d1", Reason.CRASHED, None)
    assert (failed.verdicts, failed.outcomes, failed.last_complete) == ((), {}, {})


def test_of_the_failures_of_a_rule_the_one_waived_for_the_shortest_time_is_kept():
    failing = [result("ports.smb", port) for port in (1, 2, 3)]
    waived = [
        WaivedUntil(item.fingerprint, "w", expires)
        for item, expires in zip(failing, (9.0, 5.0, 7.0), strict=True)
    ]
    for told, kept, until in (
        (waived, failing[1], {failing[1].fingerprint: 5.0}),
        (waived[1:], failing[0], {}),
    ):
        judged = keep(judgement(PLAN, *failing, waived=tuple(told)), "d1", None)
        assert [verdict.failures for verdict in judged.verdicts if verdict.failures] == [(kept.fingerprint,)]
        assert judged.waived == until


def test_findings_that_count_alike_are_one_group():
    told = judgement(PLAN, *(result("ports.smb", port) for port in (1, 2, 3)))
    new = advance((), told, 1.0).new
    assert set(group(new, {new[0].fingerprint: 5.0})) == {
        FindingGroup(ASSET, Severity.HIGH, 5.0, 1),
        FindingGroup(ASSET, Severity.HIGH, 0.0, 2),
    }


def test_a_run_that_failed_under_an_earlier_clock_leaves_nothing_younger_than_itself():
    """Else a blind sensor would make points fresh that had gone stale."""
    fast = keep(judgement(PLAN, finished=5000.0), "d1", None)
    blind = keep(judgement(PLAN, finished=3000.0, canary=Reason.PERMISSION), "d1", fast)
    assert blind.last_complete == {ASSET: 3000.0}
    never = keep(judgement(PLAN, finished=0.0, attempted_all=False), "d1", fast)
    assert never.last_complete == {ASSET: 5000.0}


def test_points_of_a_run_from_the_future_are_not_believed_for_an_older_one():
    first = keep(judgement(PLAN, finished=1000.0), "d1", None)
    blind = keep(judgement(PLAN, finished=9000.0, canary=Reason.PERMISSION), "d1", first)
    assert blind.believed(ASSET, 9000.0) == 1000.0
    assert blind.believed(ASSET, 2000.0) == 9000.0
    assert (
        keep(judgement(PLAN, finished=9000.0, attempted_all=False), "d1", None).believed(ASSET, 2000.0)
        is None
    )
