"""Random assets, rules, targets, runs, clocks, overrides and waivers, and everything that can happen to them.

A world is made from a tape of bytes: hypothesis draws and shrinks the tape in one go, and
`python -m tests.core.worlds CASES` makes a million worlds without it.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from secmon.core.binding import bind
from secmon.core.contract import CheckSpec, FieldSpec, FieldType, KindSpec, ProbeSpec, Registry
from secmon.core.intake import Part
from secmon.core.judge import judge_check
from secmon.core.judged import Judged, fail, keep
from secmon.core.model import (
    Asset,
    Completeness,
    Fact,
    Form,
    Observation,
    Outcome,
    Reason,
    Role,
    Severity,
    Target,
    Vantage,
)
from secmon.core.plan import ChildPlan
from secmon.core.rule import Override, Param, Place, Profile, Rule, Use, Waiver
from secmon.core.score import CLOCK_SKEW_SECONDS, Score, count_points, critical_in_order, freshness, score

if TYPE_CHECKING:
    from secmon.core.judgement import Judgement

NOW = 1_800_000_000.0
DAY = 86_400.0
PLACE = Place("world.yml", 1, 1)
TEXTS = {"vi": "v", "en": "e"}
REASONS = (Reason.TIMEOUT, Reason.PERMISSION, Reason.CRASHED, Reason.NO_DATA, Reason.STALE_DATA)
AGES = (
    *(0.0, 60.0, 900.0, 3600.0, 0.2 * DAY, 0.4 * DAY, 0.6 * DAY, 0.9 * DAY, DAY),
    *(1.5 * DAY, 2.5 * DAY, 13.0 * DAY, 365.0 * DAY),
    *(-200.0, -400.0, -30.0 * DAY),
)
"""Seconds since a run ended: fresh, stale, and from the future."""
MAX_AGES = (DAY, 12 * DAY, 14 * DAY)
"""`always`, `office`, `airgapped`."""

THING = KindSpec(
    "thing",
    ("id", "side"),
    (
        FieldSpec("id", FieldType.TEXT, "", ""),
        FieldSpec("side", FieldType.INTEGER, "", ""),
        FieldSpec("size", FieldType.INTEGER, "", ""),
        FieldSpec("limit", FieldType.INTEGER, "", ""),
        FieldSpec("good", FieldType.BOOLEAN, "", ""),
        FieldSpec("ends", FieldType.TIMESTAMP, "", ""),
        FieldSpec("days_left", FieldType.INTEGER, "", "", days_until="ends"),
    ),
    {Form.LOCAL: (Vantage.INSIDE,), Form.HOST: (Vantage.OUTSIDE,)},
    "",
    "",
)
SIGN = KindSpec(
    "sign",
    ("detector", "source"),
    (
        FieldSpec("detector", FieldType.TEXT, "", "", values=("d1", "d2")),
        FieldSpec("source", FieldType.INTEGER, "", ""),
        FieldSpec("size", FieldType.INTEGER, "", ""),
    ),
    {Form.LOCAL: (Vantage.INSIDE,)},
    "",
    "",
    parts=("d1", "d2"),
    part_field="detector",
)
LOOKS = {"thing": ("thing",), "sign": ("sign/d1", "sign/d2")}


def check(name: str) -> CheckSpec:
    probes = (
        ProbeSpec("things", "x", (Form.LOCAL, Form.HOST), ("thing",)),
        ProbeSpec("signs", "x", (Form.LOCAL,), ("sign",)),
    )
    return CheckSpec(name, (THING, SIGN), probes, 60, 10, "", "")


REGISTRY = Registry({name: check(name) for name in ("one", "two")})


class Tape:
    """Choices read from bytes; past their end every choice is the first."""

    def __init__(self, data: bytes) -> None:
        self.data = data
        self.at = 0

    def below(self, limit: int) -> int:
        self.at += 1
        return self.data[self.at - 1] % limit if self.at <= len(self.data) else 0

    def pick(self, items: Any) -> Any:
        return items[self.below(len(items))]

    def chance(self, parts: int, of: int = 8) -> bool:
        return self.below(of) >= of - parts

    def several(self, least: int, most: int) -> range:
        return range(least + self.below(most - least + 1))


@dataclass(frozen=True)
class World:
    """Everything that a score follows from.

    Attributes:
        parts: check -> what its probes sent in the latest run; None where the latest run could not be judged.
        history: check -> asset -> end of the last complete run before the latest.
    """

    assets: tuple[Asset, ...]
    rules: tuple[Rule, ...]
    profiles: tuple[Profile, ...]
    targets: tuple[Target, ...]
    parts: dict[str, tuple[Part, ...] | None]
    history: dict[str, dict[str, float]]
    max_age: float
    overrides: tuple[Override, ...] = ()
    waivers: tuple[Waiver, ...] = ()


@dataclass(frozen=True)
class Said:
    """What a world comes to.

    Attributes:
        scores: asset -> score.
        covered: (asset, rule) -> points of it that count as covered, freshness included.
        judgements: check -> judgement, of those that could be judged.
        undecided: (asset, rule) that are not decided.
        faults: of binding.
    """

    scores: dict[str, Score]
    covered: dict[tuple[str, str], float]
    judgements: dict[str, Judgement] = field(default_factory=dict)
    undecided: frozenset[tuple[str, str]] = frozenset()
    faults: tuple[str, ...] = ()


# What worlds come to


def say(world: World) -> Said:
    """Bind, judge, keep and score, as the agent does."""
    bindings, faults = bind(
        world.rules, world.profiles, world.overrides, world.assets, world.targets, REGISTRY
    )
    plan = ChildPlan(
        targets=world.targets,
        settings={},
        allowed_networks=(),
        known_sources=(),
        assets=world.assets,
        rules=world.rules,
        bindings=tuple(bindings),
        waivers=world.waivers,
    )
    judgements: dict[str, Judgement] = {}
    judged: list[Judged] = []
    for name, spec in REGISTRY.checks.items():
        before = Judged(name, "d", last_complete=dict(world.history.get(name, {})))
        parts = world.parts[name]
        if parts is None:
            judged.append(fail(name, "d", Reason.CRASHED, before))
            continue
        judgements[name] = judge_check(spec, plan, parts, NOW, lambda *_: [])
        judged.append(keep(judgements[name], "d", before, ()))
    return _score(world, plan, judged, judgements, tuple(map(str, faults)))


def _score(
    world: World,
    plan: ChildPlan,
    judged: list[Judged],
    judgements: dict[str, Judgement],
    faults: tuple[str, ...],
) -> Said:
    rules = {rule.id: rule for rule in world.rules}
    scores: dict[str, Score] = {}
    covered: dict[tuple[str, str], float] = {}
    undecided = set()
    waived = {key for kept in judged for key, expires in kept.waived.items() if expires > NOW}
    for asset in world.assets:
        mine = [rules[binding.rule] for binding in plan.bindings if binding.asset == asset.id]
        verdicts = [verdict for kept in judged for verdict in kept.verdicts if verdict.asset == asset.id]
        possible: dict[str, int] = {}
        for rule in mine:
            possible[rule.check] = possible.get(rule.check, 0) + rule.severity.points
        fresh = {kept.check: freshness(kept.believed(asset.id, NOW), NOW, world.max_age) for kept in judged}
        critical = [rule.id for rule in mine if rule.severity is Severity.CRITICAL]
        in_order = critical_in_order(verdicts, critical, fresh, waived.__contains__)
        points = count_points(verdicts, possible, waived.__contains__)
        scores[asset.id] = score(points, fresh, critical_in_order=in_order)
        decided = {verdict.rule for verdict in verdicts if verdict.decided}
        for rule in mine:
            key = (asset.id, rule.id)
            covered[key] = rule.severity.points * fresh[rule.check] if rule.id in decided else 0.0
            if rule.id not in decided:
                undecided.add(key)
    return Said(scores, covered, judgements, frozenset(undecided), faults)


def outcomes(said: Said) -> dict[tuple[str, str, str], Outcome]:
    """Return (asset, rule, fingerprint) -> outcome of every result."""
    return {
        (result.asset, result.rule, result.fingerprint): result.outcome
        for judgement in said.judgements.values()
        for result in judgement.results
    }


# Making worlds


def make_world(tape: Tape) -> World:
    """Make a world: assets first, the clocks last, so that a short tape makes a quiet one."""
    assets = tuple(make_asset(tape, index) for index in tape.several(1, 2))
    rules = tuple(make_rule(tape, index) for index in tape.several(1, 4))
    targets = tuple(
        target for asset in assets for name in REGISTRY.checks for target in make_targets(tape, asset, name)
    )
    world = World(
        assets=assets,
        rules=rules,
        profiles=make_profiles(tape, rules),
        targets=targets,
        parts={name: make_parts(tape, name, targets) for name in REGISTRY.checks},
        history={
            name: {asset.id: NOW - tape.pick(AGES) for asset in assets if tape.chance(4)}
            for name in REGISTRY.checks
        },
        max_age=tape.pick(MAX_AGES),
    )
    overrides = tuple(make_override(tape, world) for _ in tape.several(0, 1))
    waivers = tuple(make_waiver(tape, world, f"W{index}") for index in tape.several(0, 2))
    return replace(world, overrides=overrides, waivers=waivers)


def make_asset(tape: Tape, index: int) -> Asset:
    vantages = tape.pick([(Vantage.INSIDE,), (Vantage.INSIDE, Vantage.OUTSIDE), (Vantage.OUTSIDE,)])
    roles = tape.pick([(Role.SERVER,), (Role.DATABASE,), (Role.SERVER, Role.DATABASE)])
    return Asset(f"a{index}", f"u{tape.below(2)}", level=1 + tape.below(5), roles=roles, vantages=vantages)


NUMBER = Param("n", "integer", 2, {3: 1, 5: 0}, "down")
LEAST = Param("n", "integer", 1, {4: 2}, "up")


def make_rule(tape: Tape, index: int) -> Rule:
    name = tape.pick(tuple(REGISTRY.checks))
    kind = "sign" if tape.chance(2) else "thing"
    rule = Rule(f"{name}.r{index}", name, kind, tape.pick(tuple(Severity)), TEXTS, TEXTS, PLACE)
    where = tape.pick(WHERE[kind])
    form = tape.below(5)
    if form == 0:
        return replace(rule, where=where, never=True)
    if form == 1:
        most = tape.chance(4)
        count = {"le": "$n"} if most else {"ge": "$n"}
        return replace(rule, where=where, count=count, params=(NUMBER if most else LEAST,))
    require, params = tape.pick(REQUIRE[kind])
    return replace(rule, where=where, require=require, params=params)


WHERE: dict[str, list[Any]] = {
    "thing": [
        None,
        {"good": False},
        {"size": {"ge": 1}},
        {"any": [{"good": True}, {"size": {"in": [0, 3]}}]},
        {"not": {"limit": 1}},
        {"days_left": {"lt": 10}},
        {"good": {"exists": True}},
    ],
    "sign": [None, {"detector": "d1"}, {"detector": {"in": ["d1", "d2"]}, "size": {"gt": 0}}],
}
REQUIRE: dict[str, list[Any]] = {
    "thing": [
        ({"good": True}, ()),
        ({"size": {"le": "$n"}}, (NUMBER,)),
        ({"size": {"ge": "$n"}}, (LEAST,)),
        ({"size": {"le": "$fact.limit"}}, ()),
        ({"size": {"le": "$n"}, "good": True}, (NUMBER,)),
        ({"any": [{"size": {"le": "$n"}}, {"good": True}]}, (NUMBER,)),
        ({"days_left": {"ge": "$n"}}, (LEAST,)),
        ({"limit": {"lt": "$asset.level"}}, ()),
        ({"not": {"good": False}}, ()),
    ],
    "sign": [({"size": {"le": "$n"}}, (NUMBER,)), ({"size": {"ne": 1}}, ())],
}


def make_profiles(tape: Tape, rules: tuple[Rule, ...]) -> tuple[Profile, ...]:
    base = [Profile(vantage.value, (), (), vantage, TEXTS, (Use("*", PLACE),), PLACE) for vantage in Vantage]
    if tape.chance(3):
        rule = tape.pick(rules)
        params = {param.name: tape.below(3) for param in rule.params}
        use = Use(rule.id, PLACE, params, tape.pick([None, Severity.CRITICAL]))
        base.append(Profile("role", (), (Role.DATABASE,), Vantage.INSIDE, TEXTS, (use,), PLACE))
    return tuple(base)


def make_targets(tape: Tape, asset: Asset, name: str) -> list[Target]:
    targets = []
    if Vantage.INSIDE in asset.vantages and tape.chance(7):
        targets.append(Target(asset.id, name, Form.LOCAL, "local"))
    if Vantage.OUTSIDE in asset.vantages:
        targets += [
            Target(asset.id, name, Form.HOST, f"h{host}", Vantage.OUTSIDE) for host in tape.several(0, 2)
        ]
    return targets


def make_parts(tape: Tape, name: str, targets: tuple[Target, ...]) -> tuple[Part, ...]:
    parts = []
    finished = NOW - tape.pick(AGES)
    for probe in REGISTRY.checks[name].probes:
        served = [target for target in targets if target.check == name and target.form in probe.forms]
        if not served:
            continue
        seen = tuple(
            make_observation(tape, target, probe.kinds[0]) for target in served if not tape.chance(1, 32)
        )
        parts.append(Part(probe.name, None, finished - 5, finished, True, None, "", seen))
    return tuple(hide_part(tape, part) if tape.chance(1, 32) else part for part in parts)


def make_observation(tape: Tape, target: Target, kind: str) -> Observation:
    facts = tuple(make_fact(tape, kind) for _ in tape.several(0, 3))
    looked = {name: tape.pick(REASONS) if tape.chance(1, 32) else None for name in LOOKS[kind]}
    reason = next((why for why in looked.values() if why), None)
    how = Completeness.PARTIAL if reason else Completeness.OK
    return Observation(target.asset, target.check, target.text, NOW - 9, NOW - 5, how, looked, facts, reason)


VALUES: dict[str, list[Any]] = {
    "id": ["x", "y", None],
    "side": [0, 1],
    "size": [0, 1, 2, 3, None],
    "limit": [1, 0, 3, None],
    "good": [True, False, None],
    "ends": [NOW + 30 * DAY, NOW + DAY, NOW - DAY, None],
    "detector": ["d1", "d2"],
    "source": [0, 1, None],
}
"""Field -> the values that it may have."""


def make_fact(tape: Tape, kind: str) -> Fact:
    spec = THING if kind == "thing" else SIGN
    values: dict[str, Any] = {}
    missing: dict[str, Reason] = {}
    for field_spec in spec.fields:
        if field_spec.days_until:
            continue
        if tape.chance(1, 64):
            missing[field_spec.name] = tape.pick(REASONS)
        else:
            values[field_spec.name] = tape.pick(VALUES[field_spec.name])
    return Fact(kind, values, missing)


def make_override(tape: Tape, world: World) -> Override:
    """Make an override that tightens: a parameter of a rule, or its severity."""
    rule = tape.pick(world.rules)
    params = {
        param.name: -1 - tape.below(2) if param.tighten == "down" else 3 + tape.below(2)
        for param in rule.params
        if tape.chance(6)
    }
    severity = None if params else Severity.CRITICAL
    asset = tape.pick(["", *(asset.id for asset in world.assets)])
    return Override("" if asset else tape.pick(["u0", "u1"]), asset, rule.id, params, severity, "r", PLACE)


def make_waiver(tape: Tape, world: World, name: str) -> Waiver:
    rule = tape.pick(world.rules)
    subject: dict[str, Any] = {}
    if tape.chance(4):
        key = tape.pick((THING if rule.kind == "thing" else SIGN).key)
        subject = {key: tape.pick(VALUES[key])}
    created = NOW - tape.pick([DAY, -DAY])
    expires = NOW + tape.pick([30 * DAY, -1.0, 0.0])
    asset = tape.pick([world.assets[0].id, ""])
    unit = tape.pick(["", "u0", "u1"])
    return Waiver(name, rule.id, unit, asset, subject, "r", "x", "y", created, expires, PLACE)


# What happens to worlds: each of these takes evidence away


def hide(tape: Tape, world: World) -> World:
    """Take some evidence away: of a fact, a look, an observation, a probe, a run, or of time."""
    for _ in tape.several(1, 3):
        world = tape.pick(HIDINGS)(tape, world)
    return world


def hide_part(tape: Tape, part: Part) -> Part:
    how = tape.below(6)
    why = tape.pick(REASONS)
    if how == 0:
        return replace(part, canary=why)
    if how == 1:
        return replace(part, canary_said=False, canary=part.status or Reason.NO_DATA)
    if how == 2:
        return replace(part, status=why, observations=())
    if how == 3:
        return replace(part, status=why, observations=part.observations[:-1])
    if how == 4:
        return replace(part, status=why, canary_said=False, canary=why, observations=())
    return replace(part, observations=part.observations[1:])


def hide_observation(tape: Tape, observation: Observation) -> Observation | None:
    """Make an observation less: partial, failed, unended, or gone; facts may go with the look at them."""
    how = tape.below(6)
    why = tape.pick(REASONS)
    partial = replace(observation, completeness=Completeness.PARTIAL, reason=why)
    if how == 0:
        return None
    if how == 1:
        return replace(
            partial, completeness=Completeness.FAILED, looked=dict.fromkeys(observation.looked, why), facts=()
        )
    if how == 2:
        return replace(partial, looked={}, facts=observation.facts[: tape.below(4)])
    name = tape.pick(tuple(observation.looked) or ("thing",))
    looked = {**observation.looked, name: why}
    if how == 3:
        return replace(partial, looked=looked)
    if how == 4:
        left = {other: reason for other, reason in observation.looked.items() if other != name}
        return replace(partial, looked=left)
    _, _, part = name.partition("/")
    kept = tuple(fact for fact in observation.facts if part and fact.values.get("detector") != part)
    return replace(partial, looked=looked, facts=kept)


def hide_field(tape: Tape, observation: Observation) -> Observation:
    if not observation.facts:
        return observation
    index = tape.below(len(observation.facts))
    fact = observation.facts[index]
    if not fact.values:
        return observation
    name = tape.pick(tuple(fact.values))
    values = {other: value for other, value in fact.values.items() if other != name}
    hidden = replace(fact, values=values, missing={**fact.missing, name: tape.pick(REASONS)})
    return replace(observation, facts=(*observation.facts[:index], hidden, *observation.facts[index + 1 :]))


def _in_part(tape: Tape, world: World, change: Any) -> World:
    """Change one part of one check."""
    name = tape.pick(tuple(REGISTRY.checks))
    parts = world.parts[name]
    if not parts:
        return world
    index = tape.below(len(parts))
    changed = (*parts[:index], change(parts[index]), *parts[index + 1 :])
    return replace(world, parts={**world.parts, name: changed})


def _in_observation(tape: Tape, world: World, change: Any) -> World:
    def of_part(part: Part) -> Part:
        if not part.observations:
            return part
        index = tape.below(len(part.observations))
        changed = change(part.observations[index])
        kept = [changed] if changed is not None else []
        seen = (*part.observations[:index], *kept, *part.observations[index + 1 :])
        return replace(part, observations=seen)

    return _in_part(tape, world, of_part)


def _hide_a_field(tape: Tape, world: World) -> World:
    return _in_observation(tape, world, lambda seen: hide_field(tape, seen))


def _hide_an_observation(tape: Tape, world: World) -> World:
    return _in_observation(tape, world, lambda seen: hide_observation(tape, seen))


def _hide_a_part(tape: Tape, world: World) -> World:
    return _in_part(tape, world, lambda part: hide_part(tape, part))


def _stop(tape: Tape, world: World) -> World:
    """Stop a check: it never ran, a probe of it sent nothing, or the run could not be judged."""
    name = tape.pick(tuple(REGISTRY.checks))
    parts = tape.pick([(), None, (world.parts[name] or ())[1:]])
    return replace(world, parts={**world.parts, name: parts})


def _age(tape: Tape, world: World) -> World:
    """Make the runs of a check older, or set their clock into the future; what is there already stays."""
    name = tape.pick(tuple(REGISTRY.checks))
    shift = 400 * DAY if tape.chance(2) else -tape.pick([DAY / 2, 3 * DAY, 365 * DAY])

    def move(stamp: float) -> float:
        return stamp if stamp > NOW + CLOCK_SKEW_SECONDS else stamp + shift

    history = {asset: move(stamp) for asset, stamp in world.history[name].items()}
    parts = world.parts[name]
    if parts:
        parts = tuple(replace(part, finished=move(part.finished)) for part in parts)
    return replace(world, parts={**world.parts, name: parts}, history={**world.history, name: history})


def _forget(tape: Tape, world: World) -> World:
    """Lose what was known of earlier runs."""
    return replace(world, history={**world.history, tape.pick(tuple(REGISTRY.checks)): {}})


def _unconfigure(tape: Tape, world: World) -> World:
    """Take every target of a check from the configuration."""
    name = tape.pick(tuple(REGISTRY.checks))
    targets = tuple(target for target in world.targets if target.check != name)
    return replace(world, targets=targets, parts={**world.parts, name: ()})


HIDINGS = (
    _hide_a_field,
    _hide_a_field,
    _hide_an_observation,
    _hide_an_observation,
    _hide_a_part,
    _stop,
    _age,
    _forget,
    _unconfigure,
)


# What else happens: repairs, waivers, tightening


def repair(tape: Tape, world: World) -> World:
    """Change a field of a fact, or take the fact away on the look that it was seen in."""

    def of_observation(seen: Observation) -> Observation:
        if not seen.facts:
            return seen
        index = tape.below(len(seen.facts))
        rest = (seen.facts[:index], seen.facts[index + 1 :])
        if tape.chance(2):
            return replace(seen, facts=(*rest[0], *rest[1]))
        fact = seen.facts[index]
        if not fact.values:
            return seen
        name = tape.pick(tuple(fact.values))
        mended = replace(fact, values={**fact.values, name: tape.pick(VALUES[name])})
        return replace(seen, facts=(*rest[0], mended, *rest[1]))

    return _in_observation(tape, world, of_observation)


def waive(tape: Tape, world: World) -> World:
    """Add waivers, of some rule or of one failure."""
    added = tuple(make_waiver(tape, world, f"N{index}") for index in tape.several(1, 2))
    return replace(world, waivers=world.waivers + added)


def tighten(tape: Tape, world: World) -> World:
    """Add an override that tightens."""
    return replace(world, overrides=(*world.overrides, make_override(tape, world)))
