"""Fold a report into the exit code of `secmon scan`."""

from __future__ import annotations

from enum import IntEnum
from typing import TYPE_CHECKING

from secmon.core.model import Completeness, Outcome, Severity

if TYPE_CHECKING:
    from secmon.core.model import Json


class ExitCode(IntEnum):
    """What a run of the command line says to its caller."""

    GOOD = 0  # all was looked at, and nothing fails at or above --fail-on
    FAILING = 1  # an unwaived failure at or above --fail-on
    FAULTS = 2  # bad usage, configuration or rules, or a named file that cannot be read
    UNDECIDED = 3  # nothing fails at or above --fail-on, but not all could be looked at


def exit_code(report: Json, fail_on: Severity) -> ExitCode:
    """Return the exit code that a report stands for.

    Args:
        report: a `secmon.report/1`.
        fail_on: least severity of an unwaived failure that counts.

    Returns:
        FAILING before UNDECIDED before GOOD; never FAULTS, since with faults there is no report.
    """
    results = report["results"]
    if any(
        result["outcome"] == Outcome.FAIL
        and result["waiver"] is None
        and Severity(result["severity"]).rank >= fail_on.rank
        for result in results
    ):
        return ExitCode.FAILING
    undecided = any(result["outcome"] in {Outcome.UNKNOWN, Outcome.ERROR} for result in results)
    unseen = any(item["outcome"] == Completeness.FAILED for item in report["observations"])
    return ExitCode.UNDECIDED if undecided or unseen else ExitCode.GOOD
