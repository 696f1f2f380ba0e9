"""Decide which rules bind which assets, with which parameters, and who said so.

A rule binds an asset when a profile for the asset's platform, roles and vantage uses it, the vantage can
yield the facts that it judges, and each of its parameters has a value.

Which vantage can yield a kind of fact follows from what the check has to look at:

- Targets that the command line named are the whole question. A rule binds only where one of them can yield
  its kind; `secmon scan tls --target file:cert.pem` asks nothing about endpoints.
- A rule over a kind that only a certain option of a target asks for binds only where a target has it.
- Otherwise a rule binds where a configured target can yield its kind, or where a target could have been
  configured: from inside where the kind comes from `local`, from outside where it comes from any other form.
  A rule that binds without a target is unknown, `not_configured`: what nobody looks at is never fine.
- A check that the invocation does not run at all binds nothing: its rules are not passed in. A check that the
  configuration disables does bind, and its rules are unknown.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING, Any

from secmon.core.cursor import show
from secmon.core.model import Form, Vantage
from secmon.core.rule import Binding, Fault
from secmon.core.ruletests import effective
from secmon.core.targets import NAMED

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from secmon.core.contract import KindSpec, Registry
    from secmon.core.model import Asset, Json, Severity, Target
    from secmon.core.rule import Override, Param, Place, Profile, Rule


@dataclass(slots=True)
class _Choice:
    """The values of one rule on one asset so far, and the places that set them."""

    severity: Severity
    params: Json
    origin: dict[str, str]
    profile: str
    explicit: set[str] = field(default_factory=set)


def bind(
    rules: Sequence[Rule],
    profiles: Sequence[Profile],
    overrides: Sequence[Override],
    assets: Sequence[Asset],
    targets: Sequence[Target],
    registry: Registry,
) -> tuple[list[Binding], list[Fault]]:
    """Bind rules to assets.

    Args:
        rules: rules of the checks that this invocation runs.
        profiles: every profile.
        overrides: every override, in order.
        assets: every asset.
        targets: every target of every check.
        registry: the checks.

    Returns:
        A binding for each rule on each asset that it binds, and a fault for each override that would loosen
        and each parameter over which two profiles differ.
    """
    grouped: dict[tuple[str, str], list[Target]] = {}
    for target in targets:
        grouped.setdefault((target.asset, target.check), []).append(target)
    binder = _Binder(profiles, overrides, grouped, registry)
    bindings = [
        binding
        for asset in assets
        for rule in rules
        if (binding := binder.bind_rule(rule, asset)) is not None
    ]
    return bindings, binder.finish()


def can_yield(kind: KindSpec, vantage: Vantage, targets: Sequence[Target]) -> bool:
    """Return whether facts of a kind are expected of an asset from a vantage.

    Args:
        kind: the kind.
        vantage: from where the asset is looked at.
        targets: the asset's targets of the kind's check.

    Returns:
        The answer that the text above gives.
    """
    mine = [target for target in targets if target.vantage is vantage]
    if any(kind.is_expected_of(target) for target in mine):
        return True
    if kind.when or any(target.options.get(NAMED) for target in targets):
        return False
    if vantage is Vantage.INSIDE:
        return Vantage.INSIDE in kind.sources.get(Form.LOCAL, ())
    return any(vantage in seen for form, seen in kind.sources.items() if form is not Form.LOCAL)


@dataclass(slots=True)
class _Binder:
    profiles: Sequence[Profile]
    overrides: Sequence[Override]
    targets: Mapping[tuple[str, str], Sequence[Target]]
    registry: Registry
    faults: dict[Fault, None] = field(default_factory=dict)
    loosened: dict[Place, Fault] = field(default_factory=dict)
    applied: set[Place] = field(default_factory=set)

    def bind_rule(self, rule: Rule, asset: Asset) -> Binding | None:
        """Bind one rule to one asset, None where it does not."""
        kind = self.registry.kind(rule.check, rule.kind)
        if kind is None:
            return None
        targets = self.targets.get((asset.id, rule.check), ())
        chosen: _Choice | None = None
        for profile in self.profiles:
            if _is_for(profile, asset) and can_yield(kind, profile.vantage, targets):
                choice = _choose(rule, profile, asset.level)
                if choice is not None:
                    chosen = choice if chosen is None else self._merge(chosen, choice, rule)
        if chosen is None:
            return None
        for override in self.overrides:
            if _concerns(override, asset) and fnmatchcase(rule.id, override.pattern):
                self._override(chosen, override, rule)
        if any(chosen.params[param.name] is None for param in rule.params):
            return None
        return Binding(asset.id, rule.id, chosen.severity, chosen.params, chosen.origin, chosen.profile)

    def finish(self) -> list[Fault]:
        """Return every fault: an override is one where it loosens and nowhere does what it says."""
        refused = [fault for place, fault in self.loosened.items() if place not in self.applied]
        return [*self.faults, *refused]

    def _merge(self, one: _Choice, other: _Choice, rule: Rule) -> _Choice:
        """Return the strictest of what two profiles say."""
        strict = other if other.severity.rank > one.severity.rank else one
        merged = _Choice(strict.severity, {}, {"severity": strict.origin["severity"]}, one.profile)
        merged.explicit = one.explicit | other.explicit
        for param in rule.params:
            winner = self._stricter(param, one, other, rule)
            merged.params[param.name] = winner.params[param.name]
            merged.origin[param.name] = winner.origin[param.name]
        return merged

    def _stricter(self, param: Param, one: _Choice, other: _Choice, rule: Rule) -> _Choice:
        name = param.name
        left, right = one.params[name], other.params[name]
        if left == right or right is None:
            return one
        if left is None:
            return other
        if param.tighten:
            return other if is_stricter(param, right, left) else one
        if name in one.explicit and name in other.explicit:
            place = rule.place
            message = f"two profiles give ${name} different values"
            advice = f"they stand at {one.origin[name]} and {other.origin[name]}; remove one"
            self.faults[Fault(place, f"{rule.id}.params.{name}", message, advice)] = None
        return other if name in other.explicit else one

    def _override(self, choice: _Choice, override: Override, rule: Rule) -> None:
        if override.severity is not None:
            if override.severity.rank >= choice.severity.rank:
                self._apply(choice, override, "severity")
                choice.severity = override.severity
            else:
                self._refuse(override, rule, f"the severity {choice.severity.value} would be lowered")
        for param in rule.params:
            if param.name in override.params:
                self._override_param(choice, override, rule, param)

    def _override_param(self, choice: _Choice, override: Override, rule: Rule, param: Param) -> None:
        new, old = override.params[param.name], choice.params[param.name]
        if param.local or old is None or new == old or (param.tighten and is_stricter(param, new, old)):
            self._apply(choice, override, param.name)
            choice.params[param.name] = new
        elif param.tighten:
            self._refuse(override, rule, f"${param.name} of {show(old)} would be loosened to {show(new)}")
        else:
            self._refuse(override, rule, f"${param.name} is not for sites to change")

    def _apply(self, choice: _Choice, override: Override, name: str) -> None:
        self.applied.add(override.place)
        choice.origin[name] = str(override.place)

    def _refuse(self, override: Override, rule: Rule, message: str) -> None:
        advice = "a site only tightens; to accept a risk write a waiver"
        self.loosened.setdefault(override.place, Fault(override.place, rule.id, message, advice))


def is_stricter(param: Param, new: float, old: float) -> bool:
    """Return whether a value is at least as strict as another.

    Args:
        param: a parameter with a stricter side.
        new: the value in question.
        old: the value in force.
    """
    return new >= old if param.tighten == "up" else new <= old


def _is_for(profile: Profile, asset: Asset) -> bool:
    return (
        profile.vantage in asset.vantages
        and (not profile.platforms or asset.platform in profile.platforms)
        and (not profile.roles or not set(profile.roles).isdisjoint(asset.roles))
    )


def _concerns(override: Override, asset: Asset) -> bool:
    return override.unit in {"", asset.unit} and override.asset in {"", asset.id}


def _choose(rule: Rule, profile: Profile, level: int) -> _Choice | None:
    """Return what a profile makes of a rule, None where it does not use it; later lines win."""
    choice: _Choice | None = None
    for use in profile.uses:
        if not fnmatchcase(rule.id, use.pattern):
            continue
        if not use.enabled:
            choice = None
            continue
        if choice is None:
            choice = _start(rule, profile.name, level)
        if use.severity is not None:
            choice.severity, choice.origin["severity"] = use.severity, str(use.place)
        for param in rule.params:
            if param.name in use.params:
                choice.params[param.name] = use.params[param.name]
                choice.origin[param.name] = str(use.place)
                choice.explicit.add(param.name)
    return choice


def _start(rule: Rule, profile: str, level: int) -> _Choice:
    params: dict[str, Any] = {param.name: effective(param, level) for param in rule.params}
    origin = dict.fromkeys(("severity", *params), str(rule.place))
    return _Choice(rule.severity, params, origin, profile)
