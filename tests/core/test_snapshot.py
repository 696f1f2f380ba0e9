"""A snapshot shows one instant: what is fresh, waived, judged by the plan in force, and no more."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from secmon.core.contract import Sample
from secmon.core.judged import fail, keep
from secmon.core.judgement import WaivedUntil
from secmon.core.lifecycle import advance
from secmon.core.model import Outcome, Reason, Severity
from secmon.core.snapshot import Agent, CheckStats, Inputs, build
from tests.support.judgements import ASSET, CHECK, judgement, plan, result

PLAN = plan()
AGENT = Agent("0.1.0")
DAY = 86_400.0


def picture(of, told, now=1000.0, **inputs):
    return build(Inputs(of, {told.check: kept(told, of.digest)}, {}, **inputs), AGENT, now)


def kept(told, digest):
    return keep(told, digest, None, advance((), told, 1.0).remaining)


def findings_of(state):
    return {(item.check, item.severity, item.state): item.count for item in state.findings if item.count}


def test_a_clean_run_earns_everything():
    snapshot = picture(PLAN, judgement(PLAN))
    (state,) = snapshot.assets
    assert (state.score.raw, state.score.coverage, state.score.grade) == (100.0, 100.0, "A")
    assert snapshot.checks[0].up
    assert findings_of(state) == {}
    assert len(state.findings) == 10  # a judged check shows its zeros: five severities, open and waived


def test_before_the_first_run_nothing_is_covered_and_no_zero_pretends_that_all_is_well():
    snapshot = build(Inputs(PLAN, {}, {}), AGENT, 1000.0)
    (state,) = snapshot.assets
    assert (state.score.raw, state.score.coverage, state.score.grade) == (0.0, 0.0, "E")
    assert state.findings == ()
    assert state.checks[0].outcomes == {}
    assert not snapshot.checks[0].up


def test_points_fade_when_no_complete_run_comes():
    told = judgement(PLAN, finished=1000.0)
    for age, ratio in ((DAY, 100.0), (1.5 * DAY, 50.0), (2 * DAY, 0.0)):
        assert picture(PLAN, told, now=1000.0 + age).assets[0].score.coverage == pytest.approx(ratio)


def test_a_run_from_the_future_is_not_believed():
    assert picture(PLAN, judgement(PLAN, finished=5000.0), now=1000.0).assets[0].score.coverage == 0.0


def test_a_waiver_holds_until_it_expires_and_needs_no_restart():
    failing = result("ports.smb", 445)
    told = judgement(PLAN, failing, waived=(WaivedUntil(failing.fingerprint, "w1", 2000.0),))
    before, after = (picture(PLAN, told, now=now).assets[0] for now in (1999.0, 2000.0))
    assert findings_of(before) == {(CHECK, Severity.HIGH, "waived"): 1}
    assert findings_of(after) == {(CHECK, Severity.HIGH, "open"): 1}
    assert before.score.accepted == 100.0
    assert after.score.accepted == before.score.raw == pytest.approx(62.5)


def test_what_another_plan_judged_earns_nothing_and_shows_no_results_but_its_findings_stay():
    told = judgement(PLAN, result("ports.smb", 445))
    judged = {CHECK: kept(told, "old digest")}
    (state,) = build(Inputs(PLAN, judged, {}), AGENT, 1000.0).assets
    assert state.score.coverage == 0.0
    assert state.rules == ()
    assert state.checks[0].outcomes == {}
    assert findings_of(state) == {(CHECK, Severity.HIGH, "open"): 1}


def test_a_run_that_could_not_be_judged_takes_its_points_and_keeps_its_findings():
    told = judgement(PLAN, result("ports.smb", 445))
    judged = {CHECK: fail(CHECK, "d1", Reason.TIMEOUT, kept(told, "d1"))}
    snapshot = build(Inputs(PLAN, judged, {}), AGENT, 1000.0)
    (state,) = snapshot.assets
    assert state.score.coverage == 0.0
    assert state.checks[0].outcomes["error"] == 2
    assert findings_of(state) == {(CHECK, Severity.HIGH, "open"): 1}
    assert not snapshot.checks[0].up


def test_a_blind_sensor_is_not_up():
    assert not picture(PLAN, judgement(PLAN, canary=Reason.NO_DATA)).checks[0].up


def test_an_asset_that_has_left_the_plan_leaves_the_page():
    told = judgement(plan(assets=(ASSET, "gone")), result("ports.smb", 445, asset="gone"))
    snapshot = picture(PLAN, told)
    assert [state.asset.id for state in snapshot.assets] == [ASSET]
    assert findings_of(snapshot.assets[0]) == {}


def test_a_disabled_check_is_no_check_of_the_agent_but_its_points_stay_possible():
    off = plan(enabled=False)
    snapshot = build(Inputs(off, {}, {CHECK: CheckStats(missed=3)}), AGENT, 1000.0)
    assert snapshot.checks == ()
    assert snapshot.assets[0].checks[0].points.possible == 16


def test_samples_of_a_check_that_is_off_are_stale_and_not_shown():
    told = replace(judgement(PLAN), samples=(Sample("secmon_ports_open", (ASSET,), 3.0),))
    assert picture(PLAN, told).gauges == told.samples
    assert picture(plan(enabled=False), told).gauges == ()


@given(
    failing=st.sets(st.integers(0, 5)),
    unknown=st.sets(st.integers(0, 5)),
    waived=st.sets(st.integers(0, 5)),
    age=st.floats(0, 3 * DAY),
)
def test_scores_are_ordered_and_hiding_a_failure_never_raises_them(failing, unknown, waived, age):
    rules = {f"ports.r{number}": severity for number, severity in enumerate([*Severity, Severity.HIGH])}
    of = plan(rules=rules)
    names = list(rules)
    fails = [result(names[number], number) for number in sorted(failing)]
    told = judgement(
        of,
        *fails,
        *(result(names[number], 100 + number, outcome=Outcome.UNKNOWN) for number in sorted(unknown)),
        waived=tuple(
            WaivedUntil(item.fingerprint, "w", 1e12) for item in fails if item.subject["port"] in waived
        ),
    )
    score = picture(of, told, now=1000.0 + age).assets[0].score
    assert 0.0 <= score.raw <= score.accepted <= score.coverage <= 100.0
    hidden = judgement(
        of, *(replace(item, outcome=Outcome.UNKNOWN) for item in told.results), waived=told.waived
    )
    assert picture(of, hidden, now=1000.0 + age).assets[0].score.raw <= score.raw
