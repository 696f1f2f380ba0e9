from __future__ import annotations

import pytest

from secmon.core.model import Severity
from secmon.export.report.exit import ExitCode, exit_code
from tests.export.report.samples import observation, report, result


def waiver():
    return {"id": "W-1", "expires": "2027-01-31T17:00:00Z"}


@pytest.mark.parametrize(
    ("results", "fail_on", "expected"),
    [
        ([], "high", ExitCode.GOOD),
        ([result("tls.expiring")], "high", ExitCode.GOOD),
        ([result("tls.expiring", "not_applicable")], "info", ExitCode.GOOD),
        ([result("tls.expiring", "fail")], "high", ExitCode.GOOD),
        ([result("tls.expiring", "fail")], "medium", ExitCode.FAILING),
        ([result("ports.telnet-exposed", "fail")], "high", ExitCode.FAILING),
        ([result("ports.telnet-exposed", "fail", waiver=waiver())], "high", ExitCode.GOOD),
        ([result("tls.expiring", "fail", severity="critical")], "critical", ExitCode.FAILING),
        ([result("tls.expiring", "unknown", reason="timeout")], "critical", ExitCode.UNDECIDED),
        ([result("tls.expiring", "error", reason="crashed")], "critical", ExitCode.UNDECIDED),
        (
            [result("tls.expiring", "unknown", reason="timeout"), result("ports.telnet-exposed", "fail")],
            "high",
            ExitCode.FAILING,
        ),
    ],
)
def test_results_fold_into_one_code(results, fail_on, expected):
    assert exit_code(report(results), Severity(fail_on)) is expected


@pytest.mark.parametrize(
    ("outcome", "expected"),
    [("failed", ExitCode.UNDECIDED), ("partial", ExitCode.GOOD), ("ok", ExitCode.GOOD)],
)
def test_a_target_that_could_not_be_looked_at_is_not_good(outcome, expected):
    seen = observation("tls", outcome=outcome, reason="timeout")
    assert exit_code(report([result("tls.expiring")], observations=[seen]), Severity.HIGH) is expected
