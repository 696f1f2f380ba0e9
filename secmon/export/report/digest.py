"""Order a report for a reader: per asset what fails, what could not be decided, what is accepted."""

from __future__ import annotations

from dataclasses import dataclass, field
from itertools import groupby
from typing import TYPE_CHECKING, Any

from secmon.core.model import Json, Outcome, Severity
from secmon.core.waivers import WaiverState

if TYPE_CHECKING:
    from collections.abc import Iterable

    from secmon.core.texts import Lang


@dataclass(frozen=True, slots=True)
class CheckLine:
    """Points of one check.

    Attributes:
        name: name of the check.
        earned: points of rules that are decided and met.
        covered: points of rules that are decided.
        possible: points of all bound rules.
    """

    name: str
    earned: int
    covered: int
    possible: int


@dataclass(frozen=True, slots=True)
class Failure:
    """One rule that fails, with everything on which it fails.

    Attributes:
        rule: id of the rule.
        severity: the worst effective severity of its results.
        title: in the reader's language.
        fix: in the reader's language.
        gain: points of 100 that repairing all of it earns, None while the rule is undecided.
        results: the failing results, as in the report.
    """

    rule: str
    severity: Severity
    title: str
    fix: str
    gain: float | None
    results: tuple[Json, ...]


@dataclass(frozen=True, slots=True)
class Undecided:
    """What one reason kept one check from deciding.

    Attributes:
        check: name of the check.
        reason: word of the Reason, "" where none was given.
        titles: titles of the rules that stay undecided.
        targets: targets concerned.
        details: what the probes said about it, without repeats.
        missing: the fields that the rules wanted and did not get.
    """

    check: str
    reason: str
    titles: tuple[str, ...]
    targets: tuple[str, ...]
    details: tuple[str, ...]
    missing: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class AssetDigest:
    """One asset as a reader wants it.

    Attributes:
        asset: the asset as in the report, with its score.
        checks: points by check.
        failures: unwaived, worst first, then what earns most.
        waived: failures whose risk is accepted.
        undecided: by check and reason.
        counts: outcome -> results.
        capped: the grade is held at C by a critical rule that is not in order.
    """

    asset: Json
    checks: tuple[CheckLine, ...]
    failures: tuple[Failure, ...]
    waived: tuple[Failure, ...]
    undecided: tuple[Undecided, ...]
    counts: dict[str, int]
    capped: bool


def digest(report: Json, lang: Lang) -> tuple[AssetDigest, ...]:
    """Order a report for a reader.

    Args:
        report: a `secmon.report/1`.
        lang: language of titles and fixes.

    Returns:
        One digest per asset, in the report's order.
    """
    return tuple(_asset(report, asset, lang) for asset in report["assets"])


def _asset(report: Json, asset: Json, lang: Lang) -> AssetDigest:
    results = [result for result in report["results"] if result["asset"] == asset["id"]]
    failing = [result for result in results if result["outcome"] == Outcome.FAIL]
    counts = {outcome.value: 0 for outcome in Outcome}
    for result in results:
        counts[result["outcome"]] += 1
    score = asset["score"]
    return AssetDigest(
        asset=asset,
        checks=tuple(
            CheckLine(name, points["earned"], points["covered"], points["possible"])
            for name, points in score["checks"].items()
        ),
        failures=_failures(report, asset, [result for result in failing if not result["waiver"]], lang),
        waived=_failures(report, asset, [result for result in failing if result["waiver"]], lang),
        undecided=_undecided(report, asset, results, lang),
        counts=counts,
        capped=score["grade"] == "C" and score["accepted"] >= 70.0,
    )


def _failures(report: Json, asset: Json, failing: list[Json], lang: Lang) -> tuple[Failure, ...]:
    gains = asset["gains"]
    failures = []
    for rule, group in groupby(sorted(failing, key=_identity), key=lambda result: result["rule"]):
        results = tuple(group)
        failures.append(
            Failure(
                rule=rule,
                severity=max(
                    (Severity(result["severity"]) for result in results), key=lambda word: word.rank
                ),
                title=_text(report, rule, "title", lang),
                fix=_text(report, rule, "fix", lang),
                gain=gains.get(rule),
                results=results,
            )
        )
    return tuple(sorted(failures, key=lambda item: (-item.severity.rank, -(item.gain or 0.0), item.rule)))


@dataclass(slots=True)
class _Group:
    """An Undecided in the making; the mappings are ordered sets."""

    titles: dict[str, None] = field(default_factory=dict)
    targets: dict[str, None] = field(default_factory=dict)
    details: dict[str, None] = field(default_factory=dict)
    missing: dict[str, None] = field(default_factory=dict)


def _undecided(report: Json, asset: Json, results: list[Json], lang: Lang) -> tuple[Undecided, ...]:
    """Group open results with the observations of the same check and reason, which say more about it."""
    groups: dict[tuple[str, str], _Group] = {}
    for result in sorted(results, key=_identity):
        if result["outcome"] in {Outcome.UNKNOWN, Outcome.ERROR}:
            group = groups.setdefault((result["check"], result["reason"] or ""), _Group())
            group.titles[_text(report, result["rule"], "title", lang)] = None
            group.targets[result["target"]] = None
            group.missing |= dict.fromkeys(sorted(result["missing"]))
    for item in report["observations"]:
        if item["asset"] == asset["id"] and item["reason"]:
            group = groups.setdefault((item["check"], item["reason"]), _Group())
            group.targets[item["target"]] = None
            group.details |= dict.fromkeys([item["detail"]] if item["detail"] else [])
    return tuple(
        Undecided(
            check,
            reason,
            tuple(group.titles),
            tuple(group.targets),
            tuple(group.details),
            tuple(group.missing),
        )
        for (check, reason), group in sorted(groups.items())
    )


def _identity(result: Json) -> tuple[str, str, tuple[tuple[str, float, str], ...]]:
    """Return a sort key in which port 9 comes before port 10."""
    subject = tuple(
        (name, value if isinstance(value, (int, float)) else 0.0, str(value))
        for name, value in sorted(result["subject"].items())
    )
    return result["rule"], result["target"], subject


def _text(report: Json, rule: str, name: str, lang: Lang) -> str:
    texts: dict[str, Any] = report["rules"].get(rule, {}).get(name, {})
    return str(texts.get(lang) or next(iter(texts.values()), rule if name == "title" else ""))


def waivers_to_review(report: Json) -> tuple[Json, ...]:
    """Return the waivers that are expired, unused or over-broad.

    Args:
        report: a `secmon.report/1`; one of an earlier version names no waivers.

    Returns:
        The report's waivers: first expired ones whose failures count again, by how many.
    """
    return tuple(
        sorted(
            (
                waiver
                for waiver in report.get("waivers", ())
                if waiver["broad"] or waiver["state"] in {WaiverState.EXPIRED, WaiverState.UNUSED}
            ),
            key=lambda waiver: (waiver["state"] != WaiverState.EXPIRED, -waiver["findings"], waiver["id"]),
        )
    )


def count_severities(failures: Iterable[Failure]) -> dict[Severity, int]:
    """Count failing results by severity.

    Args:
        failures: failing rules.

    Returns:
        Severity -> results, worst first, without zeros.
    """
    counts: dict[Severity, int] = {}
    for failure in sorted(failures, key=lambda item: -item.severity.rank):
        counts[failure.severity] = counts.get(failure.severity, 0) + len(failure.results)
    return counts
