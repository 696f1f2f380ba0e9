"""Judge one check over all its assets: observations and rules in, judgement out."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from secmon.core.evaluate import Look, compile_rule, fold, look_needed, make_subject, next_change
from secmon.core.judgement import Judgement, ReasonCount, count_outcomes
from secmon.core.model import (
    VIETNAM_UTC_OFFSET_SECONDS,
    Completeness,
    Observation,
    Outcome,
    Reason,
    Run,
    Severity,
    Verdict,
)
from secmon.core.waivers import cover

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

    from secmon.core.contract import CheckSpec, KindSpec, Sample
    from secmon.core.evaluate import Judge, Subject
    from secmon.core.intake import Part
    from secmon.core.model import Asset, Fact, Result, Target
    from secmon.core.plan import ChildPlan

_DAY = 86_400
_LEAST_PAUSE_SECONDS = 60.0


@dataclass(frozen=True, slots=True)
class _Seen:
    """What was seen of one asset's target, over the probes that look at it.

    Attributes:
        target: the target.
        facts: by kind.
        looks: look name (`kind` or `kind/part`) -> how well it was looked at.
        attempted: every probe that serves its form began it.
        otherwise: the look that holds for a name that no probe spoke of.
        nameless: kind -> why a fact of it lacks a field of its key: which subject that is cannot be told, so
            neither that all were seen, nor what folds with it, nor which waiver is meant for it.
    """

    target: Target
    facts: dict[str, list[Fact]]
    looks: dict[str, Look]
    attempted: bool
    otherwise: Look
    nameless: dict[str, Reason]

    def look(self, kind: str, names: Iterable[str]) -> Look:
        """Return the first look at a kind that is not complete."""
        looks = (self.looks.get(name, self.otherwise) for name in names)
        return next((look for look in looks if look.reason is not None), Look(self.nameless.get(kind)))


@dataclass(frozen=True, slots=True)
class _Bench:
    """What bindings are judged on; subjects are made once for each target and kind.

    Attributes:
        seen: asset -> what was seen of its targets.
        now: Unix seconds.
        subjects: (asset, target, kind) -> facts with their derived fields.
    """

    seen: dict[str, list[_Seen]]
    now: float
    subjects: dict[tuple[str, str, str], list[Subject]] = field(default_factory=dict)

    def judge(self, compiled: Judge) -> tuple[list[Result], Verdict]:
        """Judge a rule on every expected target of its asset."""
        rule, kind, asset = compiled.rule, compiled.kind, compiled.asset.id
        names = look_needed(kind, compiled.parts)
        expected = [item for item in self.seen.get(asset, ()) if kind.is_expected_of(item.target)]
        results: list[Result] = []
        complete: list[str] = []
        for item in expected:
            look = item.look(kind.name, names)
            if look.reason is None:
                complete.append(item.target.text)
            results.extend(compiled.judge_target(item.target.text, self._subjects(item, kind), look))
        if not expected:
            results.append(compiled.unseen("", Look(Reason.NOT_CONFIGURED)))
        undecided = any(result.outcome in (Outcome.UNKNOWN, Outcome.ERROR) for result in results)
        return results, Verdict(
            asset=asset,
            rule=rule.id,
            check=rule.check,
            severity=compiled.severity,
            points=rule.severity.points,
            critical=rule.severity is Severity.CRITICAL,
            outcome=fold(results),
            decided=0 < len(expected) == len(complete) and not undecided,
            failures=tuple(
                dict.fromkeys(result.fingerprint for result in results if result.outcome is Outcome.FAIL)
            ),
            complete=tuple(complete),
        )

    def _subjects(self, item: _Seen, kind: KindSpec) -> list[Subject]:
        key = (item.target.asset, item.target.text, kind.name)
        if key not in self.subjects:
            self.subjects[key] = [
                make_subject(kind, fact, self.now) for fact in item.facts.get(kind.name, ())
            ]
        return self.subjects[key]


def judge_check(
    check: CheckSpec,
    plan: ChildPlan,
    parts: Sequence[Part],
    now: float,
    samples: Callable[[str, Sequence[Observation], float], list[Sample]],
) -> Judgement:
    """Judge everything that one run of a check saw.

    Args:
        check: its declaration.
        plan: targets, rules, bindings, waivers.
        parts: what its probes sent; empty where it never ran.
        now: Unix seconds.
        samples: the check's own `metrics.samples`.

    Returns:
        The judgement, with every result and observation.
    """
    assets = {asset.id: asset for asset in plan.assets}
    seen = _gather(check, plan, parts)
    bench = _Bench(seen, now)
    results: list[Result] = []
    verdicts: list[Verdict] = []
    for compiled in _compile(check, plan, assets, now):
        judged, verdict = bench.judge(compiled)
        results.extend(judged)
        verdicts.append(verdict)
    observations = (
        *(observation for part in parts for observation in part.observations),
        *_unbegun(check, plan, parts),
        *_unvisited(check, plan, parts, now),
    )
    return Judgement(
        check=check.name,
        runs=tuple(_run(check, asset, items, parts) for asset, items in seen.items()),
        verdicts=tuple(verdicts),
        results=tuple(results),
        waived=tuple(cover(results, plan.waivers, assets, now)),
        samples=_samples(observations, now, samples),
        reasons=_count_reasons(observations),
        outcomes=count_outcomes(results),
        changes_at=_changes_at(check, observations, now),
        observations=observations,
        rules=tuple(rule for rule in plan.rules if rule.check == check.name),
    )


def _compile(check: CheckSpec, plan: ChildPlan, assets: dict[str, Asset], now: float) -> Iterator[Judge]:
    rules = {rule.id: rule for rule in plan.rules if rule.check == check.name}
    for binding in plan.bindings:
        rule = rules.get(binding.rule)
        kind = check.kind(rule.kind) if rule else None
        if rule and kind:
            asset = assets[binding.asset]
            yield compile_rule(rule, kind, asset, binding.params, severity=binding.severity, now=now)


def _unbegun(check: CheckSpec, plan: ChildPlan, parts: Sequence[Part]) -> Iterator[Observation]:
    """Yield what stands for each target that a probe never came to, because its child failed before."""
    for part in parts:
        probe = check.probe(part.probe)
        if probe is None or part.status is None:
            continue
        begun = {(observation.asset, observation.target) for observation in part.observations}
        for target in plan.targets:
            if target.check != check.name or probe not in check.serving(target) or target.hours != part.hours:
                continue
            if (target.asset, target.text) not in begun:
                yield Observation(
                    asset=target.asset,
                    check=check.name,
                    target=target.text,
                    started=part.started,
                    finished=part.finished,
                    completeness=Completeness.FAILED,
                    looked={},
                    reason=part.status,
                    detail=part.detail,
                )


def _unvisited(check: CheckSpec, plan: ChildPlan, parts: Sequence[Part], now: float) -> Iterator[Observation]:
    """Yield what stands for each target whose hours have not come since this agent has known of it."""
    visited = {(part.probe, part.hours) for part in parts}
    for target in plan.targets:
        if not parts or target.check != check.name or not target.hours:
            continue
        if all((probe.name, target.hours) not in visited for probe in check.serving(target)):
            yield Observation(
                asset=target.asset,
                check=check.name,
                target=target.text,
                started=now,
                finished=now,
                completeness=Completeness.FAILED,
                looked={},
                reason=Reason.NOT_CONFIGURED,
                detail=f"It may be looked at from {target.hours.replace('-', ' to ')} only; wait until then.",
            )


def _samples(
    observations: Sequence[Observation],
    now: float,
    samples: Callable[[str, Sequence[Observation], float], list[Sample]],
) -> tuple[Sample, ...]:
    by_asset: dict[str, list[Observation]] = {}
    for observation in observations:
        by_asset.setdefault(observation.asset, []).append(observation)
    return tuple(sample for asset, seen in by_asset.items() for sample in samples(asset, seen, now))


def _gather(check: CheckSpec, plan: ChildPlan, parts: Sequence[Part]) -> dict[str, list[_Seen]]:
    """Join what the probes of a check saw, for every expected target of every asset."""
    by_target: dict[tuple[str, str], list[tuple[Part, Observation]]] = {}
    for part in parts:
        for observation in part.observations:
            by_target.setdefault((observation.asset, observation.target), []).append((part, observation))
    seen: dict[str, list[_Seen]] = {}
    for target in plan.targets:
        if target.check != check.name:
            continue
        facts: dict[str, list[Fact]] = {}
        looks: dict[str, Look] = {}
        nameless: dict[str, Reason] = {}
        found = by_target.get((target.asset, target.text), [])
        for part, observation in found:
            for fact in observation.facts:
                facts.setdefault(fact.kind, []).append(fact)
                nameless.update(_unseen_key(check, fact))
            for name, reason in observation.looked.items():
                looks[name] = _look(part, reason)
        serving = {probe.name for probe in check.serving(target)}
        attempted = bool(serving) and serving <= {part.probe for part, _ in found}
        otherwise = _otherwise(serving, [part for part in parts if part.hours == target.hours], found)
        seen.setdefault(target.asset, []).append(_Seen(target, facts, looks, attempted, otherwise, nameless))
    return seen


def _unseen_key(check: CheckSpec, fact: Fact) -> dict[str, Reason]:
    """Return the fact's kind and why a field of its key was not seen; nothing where all were."""
    kind = check.kind(fact.kind)
    unseen = [name for name in kind.key if name not in fact.values] if kind else []
    return {fact.kind: fact.missing.get(unseen[0], Reason.NO_DATA)} if unseen else {}


def _look(part: Part, reason: Reason | None) -> Look:
    """Return a look: never complete without its canary, and an error where the canary says it is blind."""
    if part.canary is not None and part.canary_said:
        return Look(part.canary, error=True)
    return Look(reason or part.canary)


def _otherwise(serving: set[str], parts: Sequence[Part], found: Sequence[tuple[Part, Observation]]) -> Look:
    """Return the look for kinds that nobody spoke of: the reason of the probe that should have."""
    for part in parts:
        if part.probe in serving and part.status is not None:
            return Look(part.status, error=part.status is Reason.CRASHED)
    for _, observation in found:
        if observation.reason is not None:
            return Look(observation.reason)
    return Look(Reason.NO_DATA)


def _run(check: CheckSpec, asset: str, seen: Sequence[_Seen], parts: Sequence[Part]) -> Run:
    """Say how the probes ran that serve an asset's targets; what they saw holds as of the earliest end."""
    turns = {(probe.name, item.target.hours) for item in seen for probe in check.serving(item.target)}
    mine = [part for part in parts if (part.probe, part.hours) in turns]
    blind = (part.canary for part in mine if part.canary is not None)
    return Run(
        asset=asset,
        check=check.name,
        started=min((part.started for part in mine), default=0.0),
        finished=min((part.finished for part in mine), default=0.0),
        attempted_all=bool(mine) and all(item.attempted for item in seen),
        canary=next(blind, None) if mine else Reason.NO_DATA,
    )


def _count_reasons(observations: Iterable[Observation]) -> tuple[ReasonCount, ...]:
    counts: dict[tuple[str, Reason], int] = {}
    for observation in observations:
        if observation.reason is not None:
            key = (observation.asset, observation.reason)
            counts[key] = counts.get(key, 0) + 1
    return tuple(ReasonCount(asset, reason, count) for (asset, reason), count in sorted(counts.items()))


def _changes_at(check: CheckSpec, observations: Sequence[Observation], now: float) -> float:
    """Return when the same facts could be judged otherwise: midnight UTC+7 at the latest."""
    local = now + VIETNAM_UTC_OFFSET_SECONDS
    earliest = now - local % _DAY + _DAY
    by_kind: dict[str, list[Fact]] = {}
    for observation in observations:
        for fact in observation.facts:
            by_kind.setdefault(fact.kind, []).append(fact)
    for name, facts in by_kind.items():
        kind = check.kind(name)
        if kind is not None:
            earliest = min(earliest, next_change(kind, facts, now))
    return max(earliest, now + _LEAST_PAUSE_SECONDS)
