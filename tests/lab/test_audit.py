"""An audit whose own parts fail still ends, and says of what."""

from __future__ import annotations

from dataclasses import replace
from importlib import import_module

import pytest

from secmon import app
from secmon.agent.audit import PlanFailed
from secmon.checks import load
from secmon.core.contract import Registry
from secmon.core.plan import Invocation

PATCHES = Invocation("scan", checks=("patches",))


def explode(*_arguments: object) -> None:
    raise RuntimeError("boom")


def test_a_probe_that_cannot_be_imported_is_an_error_and_never_a_pass() -> None:
    spec = load().checks["patches"]
    broken = replace(spec, probes=tuple(replace(probe, module="secmon.no.such") for probe in spec.probes))
    report = app.scan(PATCHES, registry=Registry({**load().checks, "patches": broken})).report
    assert report is not None
    assert {result["outcome"] for result in report["results"]} == {"error"}
    (seen,) = report["observations"]
    assert (seen["outcome"], seen["reason"]) == ("failed", "crashed")
    assert "secmon.no" in seen["detail"]
    assert report["assets"][0]["score"]["coverage"] == 0


def test_a_judge_that_fails_leaves_a_report_that_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(import_module("secmon.checks.patches.metrics"), "samples", explode)
    report = app.scan(PATCHES).report
    assert report is not None
    (seen,) = report["observations"]
    assert (seen["outcome"], seen["reason"]) == ("failed", "crashed")
    assert "RuntimeError: boom" in seen["detail"]
    assert report["assets"][0]["score"]["raw"] == 0


def test_a_configuration_child_that_fails_ends_the_audit(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(import_module("secmon.agent.config"), "observe", explode)
    with pytest.raises(PlanFailed, match="boom"):
        app.scan(PATCHES)
