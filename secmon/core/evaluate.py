"""Judge one rule on the facts of one target, in three values (docs/architecture.md, "Rules")."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from secmon.core.identity import fingerprint
from secmon.core.model import WORST_FIRST, Outcome, Reason, Result
from secmon.core.predicate import compile_count, compile_predicate, parts_named

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from secmon.core.contract import KindSpec
    from secmon.core.model import Asset, Fact, Json, Severity
    from secmon.core.predicate import Predicate
    from secmon.core.rule import Rule

DAY_SECONDS: Final = 86_400
_RANK: Final = {outcome: rank for rank, outcome in enumerate(WORST_FIRST)}


@dataclass(frozen=True, slots=True)
class Subject:
    """One fact as predicates see it.

    Attributes:
        values: field -> value, derived fields included; absent where not seen.
        missing: absent field -> why.
    """

    values: Json
    missing: Mapping[str, Reason]


@dataclass(frozen=True, slots=True)
class Look:
    """How well one target was looked at for one rule.

    Attributes:
        reason: None where it was looked at completely, else why not.
        error: the sensor failed (crashed, never started, blind), rather than the look.
    """

    reason: Reason | None
    error: bool = False


COMPLETE: Final = Look(None)


@dataclass(frozen=True, slots=True)
class Judge:
    """A rule compiled for one asset.

    Attributes:
        rule: the rule.
        kind: the kind of fact that it judges.
        asset: the asset.
        severity: effective severity.
        parts: the parts of the kind that it needs to have been looked at, None for all.
        where: selects subjects, None for all.
        require: what a selected subject must meet, None where `never` or `count` is used.
        count: what the number of selected subjects must meet, None where unused.
        constants: integers that `count` compares with.
        reads: the fields that `where` and `require` read, sorted.
    """

    rule: Rule
    kind: KindSpec
    asset: Asset
    severity: Severity
    parts: frozenset[str] | None
    where: Predicate | None
    require: Predicate | None
    count: Callable[[int], bool] | None
    constants: frozenset[int]
    reads: tuple[str, ...]

    def judge_target(self, target: str, subjects: Iterable[Subject], look: Look) -> list[Result]:
        """Judge the subjects of one target.

        Args:
            target: the target's text.
            subjects: every fact of the kind that was seen of the target.
            look: how well it was looked at.

        Returns:
            At least one result; one for each selected subject, folded worst first over equal keys.
        """
        if self.count is not None:
            return [self._judge_count(target, subjects, look)]
        folded: dict[str, Result] = {}
        for subject in subjects:
            outcome = self._judge_subject(subject.values)
            if outcome is None:
                continue
            result = self._result(target, subject, outcome)
            known = folded.get(result.fingerprint)
            if known is None or _RANK[result.outcome] < _RANK[known.outcome]:
                folded[result.fingerprint] = result
        results = list(folded.values())
        if look.reason is not None:
            results.append(self.unseen(target, look))
        elif not results:
            results.append(self._whole(target, Outcome.NOT_APPLICABLE, None, {}))
        return results

    def unseen(self, target: str, look: Look) -> Result:
        """Return the result that says a target was not looked at completely.

        Args:
            target: the target's text, "" where the asset has none.
            look: why.

        Returns:
            An unknown result, or an error where the sensor failed.
        """
        return self._whole(target, Outcome.ERROR if look.error else Outcome.UNKNOWN, look.reason, {})

    def _judge_subject(self, values: Json) -> Outcome | None:
        """Return (not where) or require by Kleene; None where `where` is false."""
        selected = True if self.where is None else self.where.test(values)
        if selected is False:
            return None
        required = False if self.require is None else self.require.test(values)
        if required:
            return Outcome.PASS
        if selected is None or required is None:
            return Outcome.UNKNOWN
        return Outcome.FAIL

    def _judge_count(self, target: str, subjects: Iterable[Subject], look: Look) -> Result:
        tests = [True if self.where is None else self.where.test(subject.values) for subject in subjects]
        least = sum(test is True for test in tests)
        most = math.inf if look.reason is not None else least + sum(test is None for test in tests)
        assert self.count is not None  # noqa: S101  # the caller looked
        said = {self.count(number) for number in self._possible_counts(least, most)}
        evidence = {"count": least}
        if len(said) > 1:
            error = look.error
            return self._whole(
                target, Outcome.ERROR if error else Outcome.UNKNOWN, look.reason or Reason.NO_DATA, evidence
            )
        return self._whole(target, Outcome.PASS if said.pop() else Outcome.FAIL, None, evidence)

    def _possible_counts(self, least: int, most: float) -> set[int]:
        """Return counts enough to see every answer from least to most: operators turn at constants."""
        turns = {least} | {constant + step for constant in self.constants for step in (-1, 0, 1)}
        beyond = max(turns) + 1
        turns.add(int(most) if most != math.inf else beyond)
        return {number for number in turns if least <= number <= most}

    def _result(self, target: str, subject: Subject, outcome: Outcome) -> Result:
        values = subject.values
        key = {name: values.get(name) for name in self.kind.key}
        told = dict.fromkeys((*self.reads, *self.kind.shown))
        missing = {
            name: subject.missing.get(name, Reason.NO_DATA) for name in self.reads if name not in values
        }
        reason = next(iter(missing.values()), Reason.NO_DATA) if outcome is Outcome.UNKNOWN else None
        return Result(
            asset=self.asset.id,
            rule=self.rule.id,
            check=self.rule.check,
            severity=self.severity,
            target=target,
            subject=key,
            outcome=outcome,
            reason=reason,
            evidence={name: values[name] for name in told if name in values and name not in key},
            missing=missing,
            fingerprint=fingerprint(self.asset.id, self.rule.id, target, key.values()),
        )

    def _whole(self, target: str, outcome: Outcome, reason: Reason | None, evidence: Json) -> Result:
        return Result(
            asset=self.asset.id,
            rule=self.rule.id,
            check=self.rule.check,
            severity=self.severity,
            target=target,
            subject={},
            outcome=outcome,
            reason=reason,
            evidence=evidence,
            missing={},
            fingerprint=fingerprint(self.asset.id, self.rule.id, target, ()),
        )


def compile_rule(
    rule: Rule,
    kind: KindSpec,
    asset: Asset,
    params: Mapping[str, Any],
    *,
    severity: Severity,
    now: float,
) -> Judge:
    """Compile a rule for one asset.

    Args:
        rule: a validated rule.
        kind: its kind of fact.
        asset: the asset.
        params: effective values of every parameter.
        severity: effective severity.
        now: Unix seconds.

    Returns:
        What judges targets of that asset.
    """

    def predicate(tree: Json | None) -> Predicate | None:
        return None if tree is None else compile_predicate(tree, kind, params, asset, now)

    where, require = predicate(rule.where), predicate(rule.require)
    return Judge(
        rule=rule,
        kind=kind,
        asset=asset,
        severity=severity,
        parts=parts_named(rule.where, kind, params) if kind.parts else None,
        where=where,
        require=require,
        count=None if rule.count is None else compile_count(rule.count, params, asset),
        constants=frozenset(_integers(rule.count)) | frozenset(_integers(list(params.values()))),
        reads=tuple(sorted({name for part in (where, require) if part is not None for name in part.fields})),
    )


def _integers(value: Any) -> Iterable[int]:
    if isinstance(value, dict):
        value = list(value.values())
    if isinstance(value, list):
        for item in value:
            yield from _integers(item)
    elif isinstance(value, (int, float)) and not isinstance(value, bool):
        yield math.floor(value)


def look_needed(kind: KindSpec, parts: frozenset[str] | None) -> tuple[str, ...]:
    """Return the names that `looked` must say complete for a rule.

    Args:
        kind: the kind of fact.
        parts: the parts that the rule restricts itself to, None for all.

    Returns:
        The kind's name, or `kind/PART` for each part.
    """
    if not kind.parts:
        return (kind.name,)
    return tuple(f"{kind.name}/{part}" for part in kind.parts if parts is None or part in parts)


def make_subject(kind: KindSpec, fact: Fact, now: float) -> Subject:
    """Add the derived fields to a fact.

    Args:
        kind: its kind.
        fact: what was seen.
        now: Unix seconds.

    Returns:
        The subject; a field derived from null is null, from a missing field missing.
    """
    values = dict(fact.values)
    missing = dict(fact.missing)
    for spec in kind.fields:
        source = spec.days_until or spec.days_since
        if not source:
            continue
        if source in values:
            values[spec.name] = _days(values[source], now, until=bool(spec.days_until))
        else:
            missing[spec.name] = missing.get(source, Reason.NO_DATA)
    return Subject(values, missing)


def _days(stamp: float | None, now: float, *, until: bool) -> int | None:
    if stamp is None:
        return None
    if until:
        return math.floor((stamp - now) / DAY_SECONDS)
    return max(0, math.floor((now - stamp) / DAY_SECONDS))


def next_change(kind: KindSpec, facts: Sequence[Fact], now: float) -> float:
    """Return when a derived field of these facts next takes another value.

    Args:
        kind: their kind.
        facts: what was seen.
        now: Unix seconds.

    Returns:
        Unix seconds, infinity where nothing is derived.
    """
    earliest = math.inf
    for spec in kind.fields:
        source = spec.days_until or spec.days_since
        for fact in facts if source else ():
            stamp = fact.values.get(source)
            if stamp is None:
                continue
            days = _days(stamp, now, until=bool(spec.days_until)) or 0
            turn = stamp - days * DAY_SECONDS if spec.days_until else stamp + (days + 1) * DAY_SECONDS
            earliest = min(earliest, turn)
    return earliest


def fold(results: Iterable[Result]) -> Outcome:
    """Return the worst outcome: fail, error, unknown, pass, not_applicable.

    Args:
        results: of one rule; not empty.

    Returns:
        The outcome that stands for them all.
    """
    return min((result.outcome for result in results), key=_RANK.__getitem__)
