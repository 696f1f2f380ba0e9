"""The core remembers verdicts, counts and findings over judgements, and nothing twice."""

from __future__ import annotations

from dataclasses import replace

import pytest

from secmon.agent.memory import Memory
from secmon.core.contract import Sample
from secmon.core.model import Outcome, Reason, Severity
from secmon.core.snapshot import Agent, build
from tests.support.judgements import ASSET, CHECK, judgement, plan, result

PLAN = plan()
PACKETS = "secmon_capture_packets_total"


@pytest.fixture
def memory():
    return Memory([PACKETS])


def picture(memory, of=PLAN, now=1000.0):
    return build(memory.inputs(of, {}), Agent("0.1.0"), now)


def test_findings_go_from_new_to_open_to_resolved(memory):
    failing = result("ports.smb", 445)
    _, first = memory.take(judgement(PLAN, failing), PLAN, 1.0)
    _, second = memory.take(judgement(PLAN, failing, finished=2000.0), PLAN, 1.0)
    _, third = memory.take(judgement(PLAN, finished=3000.0), PLAN, 1.0)
    assert [len(first.new), len(second.open), len(third.resolved)] == [1, 1, 1]
    assert sum(finding.count for finding in picture(memory).assets[0].findings) == 0


def test_a_check_that_cannot_be_judged_keeps_its_findings_and_loses_its_points(memory):
    memory.take(judgement(PLAN, result("ports.smb", 445)), PLAN, 1.0)
    judged, changes = memory.fail(CHECK, PLAN, Reason.TIMEOUT)
    assert judged.failure is Reason.TIMEOUT
    assert len(changes.remaining) == 1
    (state,) = picture(memory).assets
    assert state.score.coverage == 0.0
    assert sum(finding.count for finding in state.findings) == 1


def test_counters_add_up_over_runs_and_not_over_judgements_of_one_run(memory):
    def run(finished, packets):
        samples = (Sample(PACKETS, ("eth0",), packets), Sample("secmon_ports_open", (ASSET,), packets))
        return replace(judgement(PLAN, finished=finished), samples=samples)

    for told in (run(1000.0, 5.0), run(1000.0, 5.0), run(2000.0, 7.0)):
        memory.take(told, PLAN, 1.0)
    snapshot = picture(memory)
    assert snapshot.counters == (Sample(PACKETS, ("eth0",), 12.0),)
    assert snapshot.gauges == (Sample("secmon_ports_open", (ASSET,), 7.0),)
    memory.fail(CHECK, PLAN, Reason.CRASHED)
    assert picture(memory).counters == snapshot.counters
    assert picture(memory).gauges == ()


def test_what_was_judged_by_a_plan_that_has_gone_counts_for_nothing(memory):
    wider = plan(rules={**PLAN.rules, "ports.ftp": Severity.HIGH}, digest="d2")
    memory.take(judgement(PLAN), wider, 1.0)  # was under way when the plan changed
    assert picture(memory, wider).assets[0].score.coverage == 0.0
    memory.take(judgement(wider), wider, 1.0)
    assert picture(memory, wider).assets[0].score.coverage == 100.0


def test_a_restart_goes_on_where_it_stopped(memory):
    failing = result("ports.smb", 445)
    told = judgement(PLAN, failing, result("ports.telnet", 23, outcome=Outcome.UNKNOWN))
    judged, changes = memory.take(told, PLAN, 1.0)
    again = Memory([PACKETS])
    again.restore({CHECK: judged}, changes.remaining)
    assert picture(again) == picture(memory)
    _, later = again.take(judgement(PLAN, failing, finished=2000.0), PLAN, 1.0)
    assert [finding.first_seen for finding in later.open] == [1000.0]


def test_what_a_judge_that_was_taken_over_sends_does_no_harm(memory):
    told = judgement(PLAN, replace(result("ports.smb", 1), fingerprint="\udcff"), result("ports.smb", 2))
    told = replace(told, runs=(*told.runs, replace(told.runs[0], asset="\udcff")))
    told = replace(told, verdicts=(*told.verdicts, replace(told.verdicts[0], asset="other", points=10**400)))
    judged, changes = memory.take(told, PLAN, 1.0)
    assert [finding.fingerprint for finding in changes.new] == [result("ports.smb", 2).fingerprint]
    assert list(judged.runs) == [ASSET]
    assert picture(memory).assets[0].score.coverage == 0.0  # its points are not those of the plan
