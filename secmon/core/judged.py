"""Keep of a judgement what a small resident process needs: verdicts and counts, no results."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from secmon.core.contract import Sample  # noqa: TC001  # core.codec reads the annotations of Judged
from secmon.core.judgement import ReasonCount  # noqa: TC001  # likewise
from secmon.core.model import Outcome, Reason, Run, Severity, Verdict
from secmon.core.score import CLOCK_SKEW_SECONDS

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from secmon.core.judgement import Judgement
    from secmon.core.lifecycle import Finding
    from secmon.core.model import Result


@dataclass(frozen=True, slots=True)
class RuleCount:
    """How many results of one rule on one asset had one outcome.

    Attributes:
        asset: id of the asset.
        rule: id of the rule.
        severity: effective severity.
        outcome: fail, unknown or error; nobody counts passes by rule.
        count: results.
    """

    asset: str
    rule: str
    severity: Severity
    outcome: Outcome
    count: int


@dataclass(frozen=True, slots=True)
class FindingGroup:
    """Open findings that count alike.

    Attributes:
        asset: id of the asset.
        severity: effective severity.
        waived_until: Unix seconds until which a waiver covers them, 0 where there is none.
        count: findings.
    """

    asset: str
    severity: Severity
    waived_until: float
    count: int


@dataclass(frozen=True, slots=True)
class Judged:
    """What is kept of the latest judgement of one check.

    Attributes:
        check: name of the check.
        digest: of the plan that it was judged by; under another plan its points do not count.
        failure: why the latest run could not be judged, None where it was.
        runs: asset -> its latest run.
        last_complete: asset -> end, Unix seconds, of the last run that attempted all with its canary passing.
        verdicts: one for each binding, without `complete`, and with one failure at most: the one that is
            waived for the shortest time. Whether all failures are waived depends on that one alone.
        waived: fingerprint of such a failure -> Unix seconds until which it is waived.
        findings: open ones, grouped.
        rules: results that are not passes, by rule.
        outcomes: asset -> outcome -> results.
        reasons: why looks failed.
        samples: the check's own metrics.
        changes_at: Unix seconds at which judging the same facts again could say something else.
    """

    check: str
    digest: str
    failure: Reason | None = None
    runs: dict[str, Run] = field(default_factory=dict)
    last_complete: dict[str, float] = field(default_factory=dict)
    verdicts: tuple[Verdict, ...] = ()
    waived: dict[str, float] = field(default_factory=dict)
    findings: tuple[FindingGroup, ...] = ()
    rules: tuple[RuleCount, ...] = ()
    outcomes: dict[str, dict[str, int]] = field(default_factory=dict)
    reasons: tuple[ReasonCount, ...] = ()
    samples: tuple[Sample, ...] = ()
    changes_at: float = 0.0

    def believed(self, asset: str, now: float) -> float | None:
        """Return the instant that the freshness of an asset's points is counted from.

        Args:
            asset: id of the asset.
            now: Unix seconds.

        Returns:
            End of the last complete run, None where there was none; that of the latest run, complete or not,
            where it lies in the future: the points are that run's, and an older one cannot vouch for them.
        """
        last = self.last_complete.get(asset)
        run = self.runs.get(asset)
        if last is not None and run is not None and run.finished > now + CLOCK_SKEW_SECONDS:
            return max(last, run.finished)
        return last


def keep(judgement: Judgement, digest: str, before: Judged | None, findings: Iterable[Finding]) -> Judged:
    """Keep what the page needs of a judgement.

    Args:
        judgement: as the judge child handed it back.
        digest: of the plan that it was judged by.
        before: what was kept of the previous one, for `last_complete`.
        findings: of the check, those that are open now.

    Returns:
        What is kept; the results are counted and let go.
    """
    until = {waived.fingerprint: waived.expires for waived in judgement.waived}
    verdicts = tuple(_weigh(verdict, until) for verdict in judgement.verdicts)
    weakest = {fingerprint for verdict in verdicts for fingerprint in verdict.failures}
    return Judged(
        check=judgement.check,
        digest=digest,
        runs={run.asset: run for run in judgement.runs},
        last_complete=_last_complete(judgement.runs, before.last_complete if before else {}),
        verdicts=verdicts,
        waived={fingerprint: expires for fingerprint, expires in until.items() if fingerprint in weakest},
        findings=group(findings, until),
        rules=_count_rules(judgement.results),
        outcomes=judgement.outcomes,
        reasons=judgement.reasons,
        samples=judgement.samples,
        changes_at=judgement.changes_at,
    )


def fail(check: str, digest: str, reason: Reason, before: Judged | None) -> Judged:
    """Say that the latest run of a check could not be judged: what was known is an error at once.

    Args:
        check: name of the check.
        digest: of the plan in force.
        reason: why.
        before: what was kept of the previous judgement.

    Returns:
        Every verdict as error, undecided; the runs and `last_complete` as they were; no stale samples.
    """
    if before is None:
        return Judged(check, digest, reason)
    verdicts = tuple(
        replace(verdict, outcome=Outcome.ERROR, decided=False, failures=()) for verdict in before.verdicts
    )
    errors = Counter(verdict.asset for verdict in verdicts)
    return Judged(
        check=check,
        digest=digest,
        failure=reason,
        runs=before.runs,
        last_complete=before.last_complete,
        verdicts=verdicts,
        findings=before.findings,
        rules=tuple(
            RuleCount(verdict.asset, verdict.rule, verdict.severity, Outcome.ERROR, 1) for verdict in verdicts
        ),
        outcomes={asset: {Outcome.ERROR.value: count} for asset, count in errors.items()},
    )


def group(findings: Iterable[Finding], until: Mapping[str, float]) -> tuple[FindingGroup, ...]:
    """Count open findings that count alike.

    Args:
        findings: of one check.
        until: fingerprint -> Unix seconds until which it is waived.

    Returns:
        The groups.
    """
    counts = Counter(
        (finding.asset, finding.severity, until.get(finding.fingerprint, 0.0)) for finding in findings
    )
    return tuple(FindingGroup(*key, count) for key, count in counts.items())


def _weigh(verdict: Verdict, until: Mapping[str, float]) -> Verdict:
    weakest = sorted(verdict.failures, key=lambda fingerprint: until.get(fingerprint, 0.0))[:1]
    return replace(verdict, complete=(), failures=tuple(weakest))


def _last_complete(runs: Iterable[Run], before: dict[str, float]) -> dict[str, float]:
    latest = dict(before)
    for run in runs:
        if run.attempted_all and run.canary is None:
            # Not the maximum: after a clock was set back, the latest run counts and not one from the future.
            latest[run.asset] = run.finished
        elif 0 < run.finished < latest.get(run.asset, 0.0):
            # Nor may a run that failed leave what came before it younger than itself.
            latest[run.asset] = run.finished
    return latest


def _count_rules(results: Iterable[Result]) -> tuple[RuleCount, ...]:
    counts = Counter(
        (result.asset, result.rule, result.severity, result.outcome)
        for result in results
        if result.outcome in (Outcome.FAIL, Outcome.UNKNOWN, Outcome.ERROR)
    )
    return tuple(RuleCount(*key, count) for key, count in counts.items())
