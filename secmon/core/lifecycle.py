"""Give failing results a life: new, open, resolved."""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from enum import Enum, auto
from typing import TYPE_CHECKING

from secmon.core.model import Outcome, Severity

if TYPE_CHECKING:
    from collections.abc import Iterable

    from secmon.core.judgement import Judgement
    from secmon.core.model import Json, Result, Verdict


@dataclass(frozen=True, slots=True)
class Finding:
    """A failed result with a life, as the core remembers it while it is open.

    Attributes:
        fingerprint: its identity (core.identity).
        asset: id of the asset.
        check: name of the check.
        rule: id of the rule.
        severity: effective severity when it was last seen.
        target: the target's text.
        subject: key fields of the fact as compact JSON: text is a third of a mapping in memory.
        first_seen: Unix seconds, the end of the run that saw it first.
        last_seen: Unix seconds, the end of the run that saw it last.
    """

    fingerprint: str
    asset: str
    check: str
    rule: str
    severity: Severity
    target: str
    subject: str
    first_seen: float
    last_seen: float


@dataclass(frozen=True, slots=True)
class Changes:
    """What one judgement did to the findings of its check.

    Attributes:
        new: failing now, not open before.
        open: failing before and now, or not looked at well enough to say.
        resolved: looked at completely and no longer failing.
        withdrawn: neither seen nor repaired: its rule binds the asset no more, or its target is not expected.
    """

    new: tuple[Finding, ...] = ()
    open: tuple[Finding, ...] = ()
    resolved: tuple[Finding, ...] = ()
    withdrawn: tuple[Finding, ...] = ()

    @property
    def remaining(self) -> tuple[Finding, ...]:
        """Return the findings that are open from now on."""
        return self.new + self.open


def advance(previous: Iterable[Finding], judgement: Judgement, now: float) -> Changes:
    """Say which findings of a check are new, open, resolved or withdrawn.

    Args:
        previous: open findings; those of other checks are ignored.
        judgement: of the latest run of the check, every result that is not a pass included.
        now: Unix seconds, for an asset of which no run is told.

    Returns:
        The changes; every previous finding of the check is in exactly one of them.
    """
    seen_at = {run.asset: run.finished for run in judgement.runs if run.finished > 0}
    before = {finding.fingerprint: finding for finding in previous if finding.check == judgement.check}
    new: list[Finding] = []
    still: list[Finding] = []
    failing: set[str] = set()
    for result in judgement.results:
        if result.outcome is not Outcome.FAIL or result.fingerprint in failing:
            continue
        failing.add(result.fingerprint)
        at = seen_at.get(result.asset, now)
        old = before.get(result.fingerprint)
        if old is None:
            new.append(_begin(result, at))
        else:
            still.append(replace(old, severity=result.severity, last_seen=max(old.last_seen, at)))
    gone = [finding for finding in before.values() if finding.fingerprint not in failing]
    parted = _part(gone, judgement)
    return Changes(
        new=tuple(new),
        open=(*still, *parted[_Fate.KEPT]),
        resolved=parted[_Fate.RESOLVED],
        withdrawn=parted[_Fate.WITHDRAWN],
    )


def _begin(result: Result, at: float) -> Finding:
    return Finding(
        fingerprint=result.fingerprint,
        asset=result.asset,
        check=result.check,
        rule=result.rule,
        severity=result.severity,
        target=result.target,
        subject=_compact(result.subject),
        first_seen=at,
        last_seen=at,
    )


def _compact(subject: Json) -> str:
    return json.dumps(subject, ensure_ascii=False, separators=(",", ":"))


class _Fate(Enum):
    """What becomes of a finding that does not fail now."""

    KEPT = auto()
    RESOLVED = auto()
    WITHDRAWN = auto()


def _part(gone: Iterable[Finding], judgement: Judgement) -> dict[_Fate, tuple[Finding, ...]]:
    """Part findings that do not fail now by what becomes of them."""
    verdicts = {(verdict.asset, verdict.rule): verdict for verdict in judgement.verdicts}
    doubtful = {
        result.fingerprint
        for result in judgement.results
        if result.outcome in (Outcome.UNKNOWN, Outcome.ERROR)
    }
    parted: dict[_Fate, list[Finding]] = {fate: [] for fate in _Fate}
    for finding in gone:
        if finding.fingerprint in doubtful:
            fate = _Fate.KEPT
        else:
            fate = _fate(finding, verdicts.get((finding.asset, finding.rule)))
        parted[fate].append(finding)
    return {fate: tuple(findings) for fate, findings in parted.items()}


def _fate(finding: Finding, verdict: Verdict | None) -> _Fate:
    if verdict is None:
        return _Fate.WITHDRAWN
    if finding.target in verdict.complete:
        return _Fate.RESOLVED
    # Decided means that every expected target was looked at completely: this one is not expected any more.
    return _Fate.WITHDRAWN if verdict.decided else _Fate.KEPT
