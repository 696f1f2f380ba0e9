"""Explain a rule on an asset: why it binds or does not, and who set each value, with the place.

core.binding decides; what stands here tells what it decided from. So an explanation cannot say anything else
than what is done.
"""

from __future__ import annotations

from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING, Any, Literal

from secmon.core.binding import bind, can_yield
from secmon.core.nodes import Map, Seq
from secmon.core.rule import Place
from secmon.core.ruletests import effective

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from secmon.core.contract import KindSpec, Registry
    from secmon.core.model import Asset, Platform, Role, Target, Vantage
    from secmon.core.rule import Binding, Override, Param, Profile, Rule, Use

Layer = Literal["rule", "level", "profile", "override"]
Standing = Literal["uses", "platform", "roles", "vantage", "kind", "unused", "disabled"]

SEVERITY = "severity"


@dataclass(frozen=True, slots=True)
class Step:
    """One layer that gives a value.

    Attributes:
        layer: which.
        who: `level_3`, the name of the profile, or the reason of the override; "" for the rule itself.
        value: what it gives.
        place: where it stands.
        item: where the rule, the line of the profile, or the override begins that it is part of.
        in_force: its value is the effective one.
        refused: it would loosen, which a site may not.
    """

    layer: Layer
    who: str
    value: Any
    place: Place
    item: Place
    in_force: bool = False
    refused: bool = False


@dataclass(frozen=True, slots=True)
class Value:
    """The severity or a parameter, with every layer that gives it a value, in the order in which they speak.

    Attributes:
        name: `severity`, or the parameter's.
        unit: for people.
        effective: what it comes to; None where the rule does not bind, or there is no value.
        local: a site fills it.
        steps: the layers.
    """

    name: str
    unit: str
    effective: Any
    local: bool
    steps: tuple[Step, ...]


@dataclass(frozen=True, slots=True)
class Verdict:
    """What one profile says of the rule on the asset.

    Attributes:
        profile: its name.
        standing: it uses the rule, or the first thing that keeps it from that.
        place: of the line that decides; of the profile where none does.
        platforms: platforms that it is for.
        roles: roles that it is for.
        vantage: from where it looks.
        reason: why it leaves the rule out, where it does.
    """

    profile: str
    standing: Standing
    place: Place
    platforms: tuple[Platform, ...]
    roles: tuple[Role, ...]
    vantage: Vantage
    reason: str = ""


@dataclass(frozen=True, slots=True)
class Explanation:
    """Everything about one rule on one asset.

    Attributes:
        binds: the rule binds the asset.
        verdicts: what each profile says.
        unfilled: parameters without a value, which keep the rule from binding.
        sources: forms of target that yield the rule's facts, each with its vantages.
        values: the severity and each parameter.
    """

    binds: bool
    verdicts: tuple[Verdict, ...]
    unfilled: tuple[str, ...]
    sources: dict[str, tuple[Vantage, ...]]
    values: tuple[Value, ...]


@dataclass(frozen=True, slots=True)
class Site:
    """What decides beside the rule.

    Attributes:
        profiles: every profile.
        overrides: every override, in order.
        targets: every target of every check.
        registry: the checks.
        places: where keys stand.
    """

    profiles: Sequence[Profile]
    overrides: Sequence[Override]
    targets: Sequence[Target]
    registry: Registry
    places: Places


class Places:
    """Find where a key of a rule, a line of a profile or an override stands.

    Args:
        documents: file as the person named it, and what the YAML reader gave.
    """

    def __init__(self, documents: Iterable[tuple[str, Any]]) -> None:
        self._items: dict[Place, Map] = {}
        for file, document in documents:
            for key in ("rules", "overrides"):
                items = document.get(key) if isinstance(document, Map) else None
                for item in items if isinstance(items, Seq) else ():
                    if isinstance(item, Map):
                        self._items[Place(file, *item.mark)] = item

    def of(self, item: Place, *path: str) -> Place:
        """Return where the value of a key stands.

        Args:
            item: where the rule, the line or the override begins.
            *path: keys inside each other.

        Returns:
            The place of the innermost that can be found.
        """
        node: Any = self._items.get(item)
        place = item
        for key in path:
            if not isinstance(node, Map) or key not in node:
                break
            place = Place(item.file, *node.value_marks[key])
            node = node[key]
        return place


def explain(rule: Rule, kind: KindSpec, asset: Asset, site: Site) -> Explanation:
    """Explain a rule on an asset.

    Args:
        rule: the rule.
        kind: its kind of fact.
        asset: the asset.
        site: what decides beside the rule.

    Returns:
        The explanation.
    """
    targets = [target for target in site.targets if (target.asset, target.check) == (asset.id, rule.check)]
    verdicts = tuple(_judge(profile, rule, kind, asset, targets) for profile in site.profiles)
    using = [
        profile
        for profile, verdict in zip(site.profiles, verdicts, strict=True)
        if verdict.standing == "uses"
    ]
    binding = _bind(rule, asset, site, len(site.overrides))
    steps = {name: list(_steps(name, rule, asset, using, site)) for name in _names(rule)}
    unfilled = tuple(
        param.name
        for param in rule.params
        if using and binding is None and all(step.value is None for step in steps[param.name])
    )
    params = {param.name: param for param in rule.params}
    return Explanation(
        binds=binding is not None,
        verdicts=verdicts,
        unfilled=unfilled,
        sources={form.value: tuple(seen) for form, seen in kind.sources.items()},
        values=tuple(_value(name, params.get(name), steps[name], binding) for name in steps),
    )


def _names(rule: Rule) -> list[str]:
    return [SEVERITY, *(param.name for param in rule.params)]


def _bind(rule: Rule, asset: Asset, site: Site, count: int) -> Binding | None:
    """Bind the rule with the first overrides only."""
    found, _ = bind([rule], site.profiles, site.overrides[:count], [asset], site.targets, site.registry)
    return found[0] if found else None


def _judge(profile: Profile, rule: Rule, kind: KindSpec, asset: Asset, targets: Sequence[Target]) -> Verdict:
    line = _last_line(profile, rule)
    standing: Standing = "uses"
    if profile.platforms and asset.platform not in profile.platforms:
        standing = "platform"
    elif profile.roles and set(profile.roles).isdisjoint(asset.roles):
        standing = "roles"
    elif profile.vantage not in asset.vantages:
        standing = "vantage"
    elif line is None:
        standing = "unused"
    elif not line.enabled:
        standing = "disabled"
    elif not can_yield(kind, profile.vantage, targets):
        standing = "kind"
    return Verdict(
        profile.name,
        standing,
        line.place if line is not None else profile.place,
        profile.platforms,
        profile.roles,
        profile.vantage,
        line.reason if line is not None and standing == "disabled" else "",
    )


def _last_line(profile: Profile, rule: Rule) -> Use | None:
    """Return the line of a profile that decides whether it uses a rule."""
    lines = [use for use in profile.uses if fnmatchcase(rule.id, use.pattern)]
    return lines[-1] if lines else None


def _steps(name: str, rule: Rule, asset: Asset, using: Sequence[Profile], site: Site) -> Iterator[Step]:
    yield from _own_steps(name, rule, asset.level, site.places)
    for profile in using:
        yield from _profile_steps(name, rule, profile, site.places)
    yield from _override_steps(name, rule, asset, site)


def _own_steps(name: str, rule: Rule, level: int, places: Places) -> Iterator[Step]:
    """Yield what the rule itself says."""
    if name == SEVERITY:
        yield Step("rule", "", rule.severity, places.of(rule.place, SEVERITY), rule.place)
        return
    param = next(param for param in rule.params if param.name == name)
    if param.default is not None:
        place = places.of(rule.place, "params", name, "default")
        yield Step("rule", "", param.default, place, rule.place)
    below = [number for number in param.levels if number <= level]
    if below:
        who = f"level_{max(below)}"
        place = places.of(rule.place, "params", name, who)
        yield Step("level", who, effective(param, level), place, rule.place)


def _profile_steps(name: str, rule: Rule, profile: Profile, places: Places) -> Iterator[Step]:
    """Yield what the lines of a profile say; a line that leaves the rule out undoes those before it."""
    lines = [use for use in profile.uses if fnmatchcase(rule.id, use.pattern)]
    start = max((index for index, use in enumerate(lines) if not use.enabled), default=-1) + 1
    for use in lines[start:]:
        if name == SEVERITY and use.severity is not None:
            yield Step("profile", profile.name, use.severity, places.of(use.place, SEVERITY), use.place)
        elif name in use.params:
            place = places.of(use.place, "params", name)
            yield Step("profile", profile.name, use.params[name], place, use.place)


def _override_steps(name: str, rule: Rule, asset: Asset, site: Site) -> Iterator[Step]:
    """Yield what overrides say; one is refused where binding with it leaves the value to another."""
    for count, override in enumerate(site.overrides, 1):
        if override.unit not in {"", asset.unit} or override.asset not in {"", asset.id}:
            continue
        if not fnmatchcase(rule.id, override.pattern):
            continue
        value: Any = override.severity if name == SEVERITY else override.params.get(name)
        if value is None:
            continue
        path = (SEVERITY,) if name == SEVERITY else ("params", name)
        binding = _bind(rule, asset, site, count)
        refused = binding is not None and binding.origin[name] != str(override.place)
        place = site.places.of(override.place, *path)
        yield Step("override", override.reason, value, place, override.place, refused=refused)


def _value(name: str, param: Param | None, steps: Sequence[Step], binding: Binding | None) -> Value:
    """Put together what is known of a value; the binding says which layer is in force."""
    unit, local = (param.unit, param.local) if param is not None else ("", False)
    if binding is None:
        return Value(name, unit, None, local, tuple(steps))
    result: Any = binding.severity if name == SEVERITY else binding.params[name]
    # Of the steps of one item the last one counts: a level's value is said after the default.
    ruling = [index for index, step in enumerate(steps) if str(step.item) == binding.origin[name]]
    marked = tuple(
        Step(step.layer, step.who, step.value, step.place, step.item, index == ruling[-1], step.refused)
        for index, step in enumerate(steps)
    )
    return Value(name, unit, result, local, marked)
