"""The report says what was judged, with the score of those verdicts and no other."""

from __future__ import annotations

import json

import pytest

from secmon.core.judgement import Judgement, WaivedUntil
from secmon.core.model import (
    Asset,
    Completeness,
    Fact,
    Observation,
    Outcome,
    Reason,
    Result,
    Run,
    Severity,
    Verdict,
)
from secmon.core.plan import CorePlan, Listen, Pack
from secmon.core.report import build_report
from secmon.core.rule import Place, Rule, Waiver

NOW = 1_800_000_000.0
PLACE = Place("r.yml", 1, 1)


def rule(name: str, severity: Severity) -> Rule:
    return Rule(
        name, "ports", "listener", severity, {"vi": "Mở", "en": "Open"}, {"vi": "Tắt", "en": "Off"}, PLACE
    )


def result(name: str, outcome: Outcome, fingerprint: str, reason: Reason | None = None) -> Result:
    subject = {"proto": "tcp", "port": 23} if outcome is Outcome.FAIL else {}
    return Result("srv", name, "ports", Severity.HIGH, "local", subject, outcome, reason, {}, {}, fingerprint)


def verdict(name: str, severity: Severity, outcome: Outcome, *failures: str) -> Verdict:
    decided = outcome in (Outcome.PASS, Outcome.FAIL)
    return Verdict(
        "srv",
        name,
        "ports",
        severity,
        severity.points,
        severity is Severity.CRITICAL,
        outcome,
        decided,
        failures,
    )


WAIVERS = (
    Waiver(
        "W-1",
        "ports.b",
        "",
        "srv",
        {"port": 23},
        "cũ",
        "an",
        "binh",
        NOW - 9,
        NOW + 86_400,
        Place("w.yml", 7, 5),
    ),
    Waiver("W-2", "ports.a", "so", "", {}, "x", "an", "binh", NOW - 9, NOW + 9, PLACE),
    Waiver("W-3", "ports.a", "", "srv", {}, "x", "an", "binh", NOW - 9, NOW + 9, PLACE),
)
CORE = CorePlan(
    agent="srv",
    lang="vi",
    state_dir="/s",
    listen=Listen(),
    assets=(Asset("srv"),),
    checks={},
    possible={"srv": {"ports": 20}},
    critical={"srv": ("ports.a",)},
    rules={},
    waivers=WAIVERS,
    packs=(Pack("builtin", "0.1.0", "00", signed=False),),
    digest="d",
)
RULES = (
    rule("ports.a", Severity.CRITICAL),
    rule("ports.b", Severity.HIGH),
    rule("ports.c", Severity.MEDIUM),
)
JUDGEMENT = Judgement(
    "ports",
    runs=(Run("srv", "ports", NOW - 9, NOW - 1, attempted_all=True, canary=None),),
    verdicts=(
        verdict("ports.a", Severity.CRITICAL, Outcome.PASS),
        verdict("ports.b", Severity.HIGH, Outcome.FAIL, "f1", "f2"),
        verdict("ports.c", Severity.MEDIUM, Outcome.UNKNOWN),
    ),
    results=(
        result("ports.a", Outcome.PASS, "p"),
        result("ports.b", Outcome.FAIL, "f1"),
        result("ports.b", Outcome.FAIL, "f2"),
        result("ports.c", Outcome.UNKNOWN, "u", Reason.PERMISSION),
    ),
    waived=(WaivedUntil("f1", "W-1", NOW + 86_400),),
    observations=(
        Observation(
            "srv",
            "ports",
            "local",
            NOW - 9,
            NOW - 1,
            Completeness.PARTIAL,
            {"listener": None, "x": Reason.TIMEOUT},
            (Fact("listener", {"port": 23, "user": None}, {"pid": Reason.PERMISSION}),),
            Reason.TIMEOUT,
            "slow",
        ),
    ),
    rules=RULES,
)


def build(judgement: Judgement = JUDGEMENT, **more) -> dict:
    header = {"generator": {"name": "secmon", "version": "0"}, "agent": {"name": "srv"}, "started": "x"}
    return build_report(CORE, [judgement], header=header, finished=NOW, **more)


def test_score_gains_and_summary_come_from_the_verdicts() -> None:
    report = build()
    (asset,) = report["assets"]
    assert asset["score"]["raw"] == pytest.approx(50.0)
    assert asset["score"]["coverage"] == pytest.approx(80.0)
    assert asset["score"]["accepted"] == pytest.approx(50.0)  # one of two failures is not waived
    assert asset["gains"] == {"ports.b": pytest.approx(30.0)}
    assert report["summary"] == {
        "pass": 1,
        "fail": 2,
        "unknown": 1,
        "error": 0,
        "not_applicable": 0,
        "waived": 1,
    }


def test_a_waived_failure_is_still_a_failure() -> None:
    waived = {item["fingerprint"]: item["waiver"] for item in build()["results"]}
    assert waived == {
        "p": None,
        "f1": {"id": "W-1", "expires": "2027-01-16T08:00:00Z"},
        "f2": None,
        "u": None,
    }


def test_every_waiver_is_told_whatever_it_was_good_for() -> None:
    waivers = build(settled=("ports.a", "ports.b"))["waivers"]
    assert waivers[0] == {
        "id": "W-1",
        "rule": "ports.b",
        "place": "w.yml:7",
        "author": "an",
        "approved_by": "binh",
        "reason": "cũ",
        "expires": "2027-01-16T08:00:00Z",
        "state": "active",
        "broad": False,
        "findings": 2,
    }
    assert [(item["id"], item["state"], item["broad"]) for item in waivers[1:]] == [
        ("W-2", "undecided", True),
        ("W-3", "unused", False),
    ]
    assert build()["waivers"][2]["state"] == "undecided", "nobody said that all was looked at"


def test_observations_and_runs_keep_null_and_missing_apart() -> None:
    report = build()
    (seen,) = report["observations"]
    assert seen["facts"] == [{"kind": "listener", "port": 23, "user": None, "missing": {"pid": "permission"}}]
    assert seen["looked"] == {"listener": "complete", "x": "timeout"}
    assert report["runs"][0]["last_complete"] == "2027-01-15T07:59:59Z"
    json.dumps(report)


def test_messages_name_the_subject() -> None:
    failed = next(item for item in build()["results"] if item["fingerprint"] == "f1")
    assert failed["message"] == {"en": "Open: tcp 23", "vi": "Mở: tcp 23"}
    assert (failed["state"], failed["first_seen"]) == ("new", "2027-01-15T08:00:00Z")
