"""Plans and judgements made to measure, for tests of what the daemon does with them."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from secmon.core.identity import fingerprint
from secmon.core.judgement import Judgement, WaivedUntil
from secmon.core.model import Asset, Outcome, Reason, Result, Run, Severity, Verdict
from secmon.core.plan import CheckPlan, CorePlan, Listen, Pack
from secmon.core.rule import Place, Waiver

CHECK = "ports"
ASSET = "vp-01"


def waiver(name: str, expires: float, **over: Any) -> Waiver:
    """Return a narrow waiver; `over` makes it another one."""
    narrow = Waiver(
        name, "ports.telnet", "", ASSET, {}, "old", "an", "binh", expires - 9, expires, Place("w.yml", 2, 5)
    )
    return replace(narrow, **over)


def plan(
    *,
    rules: dict[str, Severity] | None = None,
    assets: tuple[str, ...] = (ASSET,),
    digest: str = "d1",
    waivers: dict[str, float] | None = None,
    enabled: bool = True,
    state_dir: str = "",
    listen: Listen | None = None,
) -> CorePlan:
    rules = rules if rules is not None else {"ports.telnet": Severity.CRITICAL, "ports.smb": Severity.HIGH}
    by_check: dict[str, int] = {}
    for rule, severity in rules.items():
        name = rule.split(".", 1)[0]
        by_check[name] = by_check.get(name, 0) + severity.points
    return CorePlan(
        agent="agent-1",
        lang="vi",
        state_dir=state_dir,
        listen=listen or Listen(),
        assets=tuple(Asset(asset) for asset in assets),
        checks={CHECK: CheckPlan(enabled, 300.0, 60.0, ("local",), assets)},
        possible={asset: dict(by_check) for asset in assets},
        critical={
            asset: tuple(rule for rule, severity in rules.items() if severity is Severity.CRITICAL)
            for asset in assets
        },
        rules=rules,
        waivers=tuple(waiver(name, expires) for name, expires in (waivers or {}).items()),
        packs=(Pack("builtin", "0.1.0", "ab" * 32, signed=False),),
        digest=digest,
    )


def result(
    rule: str,
    subject: int = 0,
    *,
    severity: Severity = Severity.HIGH,
    outcome: Outcome = Outcome.FAIL,
    asset: str = ASSET,
    target: str = "local",
) -> Result:
    return Result(
        asset=asset,
        rule=rule,
        check=rule.split(".", 1)[0],
        severity=severity,
        target=target,
        subject={"netns": "host", "proto": "tcp", "address": "0.0.0.0", "port": subject},
        outcome=outcome,
        reason=Reason.PERMISSION if outcome in (Outcome.UNKNOWN, Outcome.ERROR) else None,
        evidence={"scope": "exposed", "port": subject, "process": "sshd"},
        missing={},
        fingerprint=fingerprint(asset, rule, target, ["host", "tcp", "0.0.0.0", subject]),
    )


def judgement(
    of: CorePlan,
    *results: Result,
    finished: float = 1000.0,
    canary: Reason | None = None,
    attempted_all: bool = True,
    waived: tuple[WaivedUntil, ...] = (),
    check: str = CHECK,
) -> Judgement:
    """Judge: what has no result passes; a result that is unknown or erring leaves its rule undecided."""
    outcomes: dict[str, dict[str, int]] = {}
    verdicts = []
    for asset in of.assets:
        counts = outcomes.setdefault(asset.id, {})
        for rule, severity in of.rules.items():
            mine = [item for item in results if item.rule == rule and item.asset == asset.id]
            found = [item.outcome for item in mine] or [Outcome.PASS]
            for outcome in found:
                counts[outcome.value] = counts.get(outcome.value, 0) + 1
            doubtful = Outcome.UNKNOWN in found or Outcome.ERROR in found
            verdicts.append(
                Verdict(
                    asset=asset.id,
                    rule=rule,
                    check=rule.split(".", 1)[0],
                    severity=mine[0].severity if mine else severity,
                    points=severity.points,
                    critical=severity is Severity.CRITICAL,
                    outcome=Outcome.FAIL if Outcome.FAIL in found else found[0],
                    decided=canary is None and not doubtful,
                    failures=tuple(item.fingerprint for item in mine if item.outcome is Outcome.FAIL),
                    complete=("local",),
                )
            )
    return Judgement(
        check=check,
        runs=tuple(Run(a.id, check, finished - 2, finished, attempted_all, canary) for a in of.assets),
        verdicts=tuple(verdicts),
        results=results,
        waived=waived,
        outcomes=outcomes,
        changes_at=finished + 3600,
    )
