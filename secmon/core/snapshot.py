"""Build the picture of one instant that pages and `secmon status` are made of, and nothing else reads."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal

from secmon.core.handover import Handover, hand_over
from secmon.core.model import Asset, Outcome, Reason, Run, Severity
from secmon.core.score import Points, Score, count_points, critical_in_order, freshness, score

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from secmon.core.contract import Sample
    from secmon.core.judged import Judged, RuleCount
    from secmon.core.model import Verdict
    from secmon.core.plan import CorePlan, Pack
    from secmon.core.rule import Waiver

FindingState = Literal["open", "waived"]


@dataclass(frozen=True, slots=True)
class FindingCount:
    """How many findings of one check on one asset are open.

    Attributes:
        check: name of the check.
        severity: effective severity.
        state: `waived` while a waiver holds, else `open`.
        count: findings; zero where the check was judged and found none.
    """

    check: str
    severity: Severity
    state: FindingState
    count: int


@dataclass(frozen=True, slots=True)
class AssetCheck:
    """One check on one asset.

    Attributes:
        check: name of the check.
        points: before freshness.
        freshness: 0-1.
        last_complete: Unix seconds, None where no run was complete.
        run: its latest run, None where there was none.
        outcomes: outcome -> results; empty where it was not judged by the plan in force.
        reasons: why looks failed -> observations.
    """

    check: str
    points: Points
    freshness: float
    last_complete: float | None
    run: Run | None
    outcomes: dict[str, int]
    reasons: dict[Reason, int]


@dataclass(frozen=True, slots=True)
class AssetState:
    """Everything about one asset.

    Attributes:
        asset: what it is.
        score: with its coverage and grade.
        checks: one for each check that has rules or targets on it.
        findings: open ones, counted.
        rules: results that are not passes, by rule.
        handover: what the province is told of its points.
    """

    asset: Asset
    score: Score
    checks: tuple[AssetCheck, ...]
    findings: tuple[FindingCount, ...]
    rules: tuple[RuleCount, ...]
    handover: Handover


@dataclass(frozen=True, slots=True)
class CheckStats:
    """What the supervisor counted about one check since the core started.

    Attributes:
        last_run: Unix seconds at which the last run ended, None where none did.
        duration: seconds that it took, None likewise.
        next_run: Unix seconds of the next tick, None where it is not scheduled.
        missed: ticks while a run was still going.
        kills: children killed for a limit or a deadline.
        quarantined: paused after kills in a row.
        failures: why runs or judging failed -> times.
    """

    last_run: float | None = None
    duration: float | None = None
    next_run: float | None = None
    missed: int = 0
    kills: int = 0
    quarantined: bool = False
    failures: dict[Reason, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class CheckState:
    """One enabled check as the agent runs it.

    Attributes:
        check: name of the check.
        interval: seconds between runs.
        up: the latest run was judged and its sensor proved that it can see, on every asset.
        stats: what the supervisor counted.
    """

    check: str
    interval: float
    up: bool
    stats: CheckStats


@dataclass(frozen=True, slots=True)
class Reload:
    """How the latest reading of the configuration went.

    Attributes:
        at: Unix seconds, 0 before the first.
        config: secmon.yml was good.
        rules: packs, waivers and overrides were good.
    """

    at: float = 0.0
    config: bool = True
    rules: bool = True


@dataclass(frozen=True, slots=True)
class Usage:
    """What the core itself uses.

    Attributes:
        cpu_seconds: user and system time.
        resident_bytes: memory in RAM.
        virtual_bytes: address space.
        start_time: Unix seconds.
        open_fds: file descriptors in use.
        max_fds: soft limit on them.
    """

    cpu_seconds: float = 0.0
    resident_bytes: int = 0
    virtual_bytes: int = 0
    start_time: float = 0.0
    open_fds: int = 0
    max_fds: int = 0


@dataclass(frozen=True, slots=True)
class Agent:
    """What the core knows of itself.

    Attributes:
        version: of secmon.
        root: it runs as uid 0, where giving up capabilities protects little.
        reload: how the latest reading of the configuration went.
        usage: what it uses.
        state_write_errors: failed writes to the store since it started.
        rejected: reason -> requests or connections refused since it started.
    """

    version: str
    root: bool = False
    reload: Reload = field(default_factory=Reload)
    usage: Usage = field(default_factory=Usage)
    state_write_errors: int = 0
    rejected: dict[str, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Snapshot:
    """One instant of one agent.

    Attributes:
        at: Unix seconds.
        name: of the agent.
        agent: what the core knows of itself.
        assets: in the plan's order.
        checks: enabled checks, in the plan's order.
        gauges: the checks' own gauges of their latest runs.
        counters: the checks' own counters since the core started.
        waivers: every waiver, also expired ones.
        packs: what was read.
        insecure: the page is served off loopback without protection, on purpose.
    """

    at: float
    name: str
    agent: Agent
    assets: tuple[AssetState, ...]
    checks: tuple[CheckState, ...]
    gauges: tuple[Sample, ...]
    counters: tuple[Sample, ...]
    waivers: tuple[Waiver, ...]
    packs: tuple[Pack, ...]
    insecure: bool


@dataclass(frozen=True, slots=True)
class Inputs:
    """What a snapshot is built from, beside the agent itself.

    Attributes:
        plan: in force.
        judged: check -> what is kept of its latest judgement.
        stats: check -> what the supervisor counted.
        counters: the checks' own counters since the core started.
    """

    plan: CorePlan
    judged: Mapping[str, Judged]
    stats: Mapping[str, CheckStats]
    counters: tuple[Sample, ...] = ()


def build(inputs: Inputs, agent: Agent, now: float) -> Snapshot:
    """Build the picture of one instant: freshness, waivers and scores are those of `now`.

    Args:
        inputs: what is known.
        agent: what the core knows of itself.
        now: Unix seconds.

    Returns:
        The snapshot.
    """
    plan = inputs.plan
    view = _view(inputs, now)
    enabled = [name for name, check in plan.checks.items() if check.enabled]
    return Snapshot(
        at=now,
        name=plan.agent,
        agent=agent,
        assets=tuple(_asset(inputs, view, asset) for asset in plan.assets),
        checks=tuple(
            CheckState(
                check=name,
                interval=plan.checks[name].interval,
                up=_is_up(inputs.judged.get(name), plan.checks[name].assets),
                stats=inputs.stats.get(name, CheckStats()),
            )
            for name in enabled
        ),
        gauges=tuple(sample for name in enabled for sample in _samples(inputs.judged.get(name))),
        counters=inputs.counters,
        waivers=plan.waivers,
        packs=plan.packs,
        insecure=plan.listen.insecure,
    )


def _is_up(judged: Judged | None, assets: Iterable[str]) -> bool:
    if judged is None or judged.failure is not None:
        return False
    runs = [judged.runs.get(asset) for asset in assets]
    return all(run is not None and run.finished > 0 and run.canary is None for run in runs)


def _samples(judged: Judged | None) -> tuple[Sample, ...]:
    return judged.samples if judged else ()


_FindingKey = tuple[str, Severity, FindingState]


@dataclass(frozen=True, slots=True)
class _View:
    """What is known, sorted by asset once.

    Attributes:
        now: Unix seconds.
        current: judged by the plan in force; what other rules and parameters said does not count.
        verdicts: asset -> verdicts of `current`.
        rules: asset -> results of `current` that are not passes, by rule.
        findings: asset -> (check, severity, state) -> open findings.
        waived: fingerprints that a waiver covers at `now`.
    """

    now: float
    current: dict[str, Judged]
    verdicts: dict[str, list[Verdict]]
    rules: dict[str, list[RuleCount]]
    findings: dict[str, Counter[_FindingKey]]
    waived: frozenset[str]


def _view(inputs: Inputs, now: float) -> _View:
    current = {name: judged for name, judged in inputs.judged.items() if judged.digest == inputs.plan.digest}
    waived = frozenset(
        fingerprint
        for judged in current.values()
        for fingerprint, expires in judged.waived.items()
        if expires > now
    )
    verdicts: dict[str, list[Verdict]] = {}
    rules: dict[str, list[RuleCount]] = {}
    for judged in current.values():
        for verdict in judged.verdicts:
            verdicts.setdefault(verdict.asset, []).append(verdict)
        for rule in judged.rules:
            rules.setdefault(rule.asset, []).append(rule)
    findings: dict[str, Counter[_FindingKey]] = {}
    for judged in inputs.judged.values():
        for group in judged.findings:
            state: FindingState = "waived" if group.waived_until > now else "open"
            findings.setdefault(group.asset, Counter())[judged.check, group.severity, state] += group.count
    return _View(now, current, verdicts, rules, findings, waived)


def _asset(inputs: Inputs, view: _View, asset: Asset) -> AssetState:
    plan = inputs.plan
    possible = plan.possible.get(asset.id, {})
    verdicts = view.verdicts.get(asset.id, [])
    points = count_points(verdicts, possible, view.waived.__contains__)
    checks = tuple(
        _asset_check(inputs, view, name, asset.id, points.get(name, Points()))
        for name, check in plan.checks.items()
        if name in possible or (check.enabled and asset.id in check.assets)
    )
    fresh = {check.check: check.freshness for check in checks}
    in_order = critical_in_order(verdicts, plan.critical.get(asset.id, ()), fresh, view.waived.__contains__)
    counts = view.findings.get(asset.id, Counter())
    return AssetState(
        asset=asset,
        score=score(points, fresh, critical_in_order=in_order),
        checks=checks,
        findings=tuple(_finding_counts(counts, [check.check for check in checks if check.outcomes])),
        rules=tuple(view.rules.get(asset.id, ())),
        handover=hand_over(
            points,
            plan.expected.get(asset.id, possible),
            {check.check: check.last_complete for check in checks},
            view.now,
        ),
    )


def _asset_check(inputs: Inputs, view: _View, check: str, asset: str, points: Points) -> AssetCheck:
    judged = inputs.judged.get(check)
    if judged is None:
        return AssetCheck(check, points, 0.0, None, None, {}, {})
    last = judged.believed(asset, view.now)
    outcomes = _every_outcome(judged.outcomes.get(asset, {})) if check in view.current else {}
    return AssetCheck(
        check=check,
        points=points,
        freshness=freshness(last, view.now),
        last_complete=last,
        run=judged.runs.get(asset),
        outcomes=outcomes,
        reasons={item.reason: item.count for item in judged.reasons if item.asset == asset},
    )


def _every_outcome(counts: Mapping[str, int]) -> dict[str, int]:
    """Return a count for every outcome, so that a series at zero does not vanish."""
    return {outcome.value: counts.get(outcome.value, 0) for outcome in Outcome}


def _finding_counts(counts: Counter[_FindingKey], judged: Iterable[str]) -> Iterable[FindingCount]:
    """Yield zeros too for checks that were judged; for the others only what is known."""
    states: tuple[FindingState, ...] = ("open", "waived")
    keys = {(check, severity, state) for check in judged for severity in Severity for state in states}
    order = {state: place for place, state in enumerate(states)}
    for key in sorted(keys | counts.keys(), key=lambda key: (key[0], -key[1].rank, order[key[2]])):
        check, severity, state = key
        yield FindingCount(check, severity, state, counts[key])
