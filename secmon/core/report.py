"""Assemble the report `secmon.report/1` from judgements; rendering it is the export's work."""

from __future__ import annotations

from dataclasses import asdict
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final

from secmon.core import score, waivers
from secmon.core.model import Outcome

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence

    from secmon.core.judgement import Judgement
    from secmon.core.model import Asset, Fact, Json, Observation, Result, Run, Verdict
    from secmon.core.plan import CorePlan
    from secmon.core.rule import Rule
    from secmon.core.waivers import WaiverUse

SCHEMA: Final = "secmon.report/1"


def build_report(
    core: CorePlan,
    judgements: Sequence[Judgement],
    *,
    header: Json,
    finished: float,
    settled: Collection[str] = (),
) -> Json:
    """Assemble the report of one scan.

    Args:
        core: the plan's first part.
        judgements: one for each check that has rules bound, with all results, observations and rules.
        header: `generator`, `agent` and `started` as the caller knows them.
        finished: Unix seconds.
        settled: rules of which a decided verdict says that there is nothing to waive (core.waivers.account).

    Returns:
        The report as JSON values.
    """
    waived = {entry.fingerprint: entry for judgement in judgements for entry in judgement.waived}
    rules = {rule.id: rule for judgement in judgements for rule in judgement.rules}
    results = [result for judgement in judgements for result in judgement.results]
    verdicts = [verdict for judgement in judgements for verdict in judgement.verdicts]
    runs = [run for judgement in judgements for run in judgement.runs]
    assets = {asset.id: asset for asset in core.assets}
    uses = waivers.account(core.waivers, results, verdicts, assets, settled=settled, now=finished)
    return {
        "schema": SCHEMA,
        **header,
        "sequence": 0,
        "finished": stamp(finished),
        "packs": [asdict(pack) for pack in core.packs],
        "assets": [_asset(core, asset, verdicts, frozenset(waived)) for asset in core.assets],
        "runs": [_run(run) for run in runs],
        "rules": {name: _rule(rules[name]) for name in sorted({verdict.rule for verdict in verdicts})},
        "observations": [_observation(item) for judgement in judgements for item in judgement.observations],
        "results": [_result(result, rules[result.rule], waived, finished) for result in results],
        "waivers": [_waiver(use) for use in uses],
        "summary": _summary(results, waived),
    }


def _asset(core: CorePlan, asset: Asset, verdicts: Sequence[Verdict], waived: frozenset[str]) -> Json:
    mine = [verdict for verdict in verdicts if verdict.asset == asset.id]
    possible = core.possible.get(asset.id, {})
    points = score.count_points(mine, possible, waived.__contains__)
    fresh = dict.fromkeys(possible, 1.0)
    in_order = score.critical_in_order(mine, core.critical.get(asset.id, ()), fresh, waived.__contains__)
    scored = score.score(points, fresh, critical_in_order=in_order)
    total = sum(possible.values())
    return {
        "id": asset.id,
        "unit": asset.unit,
        "platform": asset.platform.value,
        "level": asset.level,
        "roles": [role.value for role in asset.roles],
        "vantages": [vantage.value for vantage in asset.vantages],
        "score": asdict(scored),
        "gains": {
            verdict.rule: 100.0 * verdict.points / total
            for verdict in mine
            if verdict.decided and verdict.failures
        },
    }


def _run(run: Run) -> Json:
    complete = run.attempted_all and run.canary is None
    return {
        "asset": run.asset,
        "check": run.check,
        "started": stamp(run.started),
        "finished": stamp(run.finished),
        "last_complete": stamp(run.finished) if complete else None,
        "canary": "ok" if run.canary is None else run.canary.value,
    }


def _rule(rule: Rule) -> Json:
    return {
        "check": rule.check,
        "severity": rule.severity.value,
        "title": rule.title,
        "fix": rule.fix,
        "maps": rule.maps,
    }


def _observation(observation: Observation) -> Json:
    return {
        "asset": observation.asset,
        "check": observation.check,
        "target": observation.target,
        "started": stamp(observation.started),
        "finished": stamp(observation.finished),
        "outcome": observation.completeness.value,
        "reason": observation.reason.value if observation.reason else None,
        "detail": observation.detail,
        "looked": {
            kind: reason.value if reason else "complete"
            for kind, reason in sorted(observation.looked.items())
        },
        "facts": [_fact(fact) for fact in observation.facts],
    }


def _fact(fact: Fact) -> Json:
    missing = {name: reason.value for name, reason in sorted(fact.missing.items())}
    return {"kind": fact.kind, **fact.values, "missing": missing}


def _result(result: Result, rule: Rule, waived: Mapping[str, Any], now: float) -> Json:
    waiver = waived.get(result.fingerprint) if result.outcome is Outcome.FAIL else None
    failed = result.outcome is Outcome.FAIL
    return {
        "asset": result.asset,
        "rule": result.rule,
        "check": result.check,
        "severity": result.severity.value,
        "target": result.target,
        "subject": result.subject,
        "outcome": result.outcome.value,
        "reason": result.reason.value if result.reason else None,
        "message": {lang: _message(title, result) for lang, title in sorted(rule.title.items())},
        "evidence": result.evidence,
        "missing": {name: reason.value for name, reason in sorted(result.missing.items())},
        "fingerprint": result.fingerprint,
        "first_seen": stamp(now) if failed else None,
        "state": "new" if failed else None,
        "waiver": {"id": waiver.waiver, "expires": stamp(waiver.expires)} if waiver else None,
    }


def _waiver(use: WaiverUse) -> Json:
    waiver = use.waiver
    return {
        "id": waiver.id,
        "rule": waiver.rule,
        "place": f"{waiver.place.file}:{waiver.place.line}",
        "author": waiver.author,
        "approved_by": waiver.approved_by,
        "reason": waiver.reason,
        "expires": stamp(waiver.expires),
        "state": use.state.value,
        "broad": waiver.broad,
        "findings": use.findings,
    }


def _message(title: str, result: Result) -> str:
    subject = " ".join(str(value) for value in result.subject.values() if value not in (None, ""))
    return f"{title}: {subject or result.target}"


def _summary(results: Sequence[Result], waived: Mapping[str, Any]) -> dict[str, int]:
    counts = {outcome.value: 0 for outcome in Outcome}
    for result in results:
        counts[result.outcome.value] += 1
    counts["waived"] = sum(
        result.outcome is Outcome.FAIL and result.fingerprint in waived for result in results
    )
    return counts


def stamp(seconds: float) -> str:
    """Return a time as reports show it: ISO 8601, UTC, whole seconds.

    Args:
        seconds: Unix seconds.

    Returns:
        `YYYY-MM-DDTHH:MM:SSZ`.
    """
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
