"""Assemble the plan that every process works from, out of what was read and chosen."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from secmon.core.model import Severity
from secmon.core.plan import CheckPlan, ChildPlan, CorePlan

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from secmon.core.configuration import Configuration
    from secmon.core.contract import CheckSpec, Registry
    from secmon.core.model import Target
    from secmon.core.plan import Pack
    from secmon.core.rule import Binding, Fault, Rule, Waiver
    from secmon.core.targets import Chosen


@dataclass(frozen=True, slots=True)
class Parts:
    """Everything that a plan is made of.

    Attributes:
        configuration: secmon.yml.
        chosen: assets, targets and settings of this invocation.
        rules: every rule.
        bindings: which of them bind what.
        waivers: every waiver.
        packs: what was read.
        digest: sha256 over everything that was read.
        state_dir: folder of the store.
        lang: `vi` or `en`.
        resident: the plan is for the daemon, which runs long-lived probes.
        serials: `kind/name` -> highest serial of a signed pack that was accepted.
        notes: what a person should know.
        warnings: what a person should look at.
        expected: asset -> check -> points of the rules that bind whatever targets are named.
    """

    configuration: Configuration
    chosen: Chosen
    rules: Sequence[Rule]
    bindings: Sequence[Binding]
    waivers: Sequence[Waiver]
    packs: Sequence[Pack]
    digest: str
    state_dir: str
    lang: str
    resident: bool
    serials: Mapping[str, int] = field(default_factory=dict)
    notes: tuple[str, ...] = ()
    warnings: tuple[Fault, ...] = ()
    expected: Mapping[str, dict[str, int]] = field(default_factory=dict)


def assemble(parts: Parts, registry: Registry) -> tuple[CorePlan, ChildPlan]:
    """Assemble the two halves of a plan.

    Args:
        parts: what it is made of, without a fault.
        registry: the checks.

    Returns:
        What the core keeps, and what only children parse: rules that bind nothing and the rules' own tests
        are left out.
    """
    bound = {binding.rule for binding in parts.bindings}
    rules = {rule.id: rule for rule in parts.rules if rule.id in bound}
    possible, critical = _points(parts, rules)
    core = CorePlan(
        agent=parts.configuration.agent,
        lang=parts.lang,
        state_dir=parts.state_dir,
        listen=parts.configuration.listen,
        assets=parts.chosen.assets,
        checks={name: _plan_check(registry.checks[name], parts) for name in parts.chosen.enabled},
        possible=possible,
        critical=critical,
        rules={rule_id: rule.severity for rule_id, rule in rules.items()},
        waivers=tuple(parts.waivers),
        packs=tuple(parts.packs),
        digest=parts.digest,
        serials=dict(parts.serials),
        notes=parts.notes,
        warnings=parts.warnings,
        expected=dict(parts.expected),
    )
    child = ChildPlan(
        targets=parts.chosen.targets,
        settings=parts.chosen.settings,
        allowed_networks=parts.configuration.allowed_networks,
        known_sources=parts.configuration.known_sources,
        assets=parts.chosen.assets,
        rules=tuple(replace(rule, tests=()) for rule in rules.values()),
        bindings=tuple(parts.bindings),
        waivers=tuple(parts.waivers),
    )
    return core, child


def _points(
    parts: Parts, rules: dict[str, Rule]
) -> tuple[dict[str, dict[str, int]], dict[str, tuple[str, ...]]]:
    """Return the points that bound rules are worth, and the critical ones, by asset.

    Both follow from a rule's own severity: what a site changes never adds or removes points.
    """
    possible: dict[str, dict[str, int]] = {asset.id: {} for asset in parts.chosen.assets}
    critical: dict[str, list[str]] = {asset.id: [] for asset in parts.chosen.assets}
    for binding in parts.bindings:
        rule = rules[binding.rule]
        points = possible[binding.asset]
        points[rule.check] = points.get(rule.check, 0) + rule.severity.points
        if rule.severity is Severity.CRITICAL:
            critical[binding.asset].append(rule.id)
    return possible, {asset: tuple(ids) for asset, ids in critical.items()}


def _plan_check(spec: CheckSpec, parts: Parts) -> CheckPlan:
    settings = parts.configuration.checks[spec.name]
    targets = [target for target in parts.chosen.targets if target.check == spec.name]
    serving = {probe.name for target in targets for probe in spec.serving(target)}
    probes = tuple(probe.name for probe in spec.probes if probe.name in serving)
    long_lived = spec.long_lived_probe if parts.resident and spec.long_lived_probe in probes else ""
    # A long-lived probe speaks once a window; a shorter interval would have it killed as silent.
    window = float(settings.values.get("window", 0)) if long_lived else 0.0
    return CheckPlan(
        enabled=parts.chosen.enabled[spec.name],
        interval=max(settings.interval, window),
        deadline=settings.deadline,
        probes=probes,
        assets=tuple(dict.fromkeys(target.asset for target in targets)),
        long_lived=long_lived,
        hours={probe: hours for probe in probes if (hours := _hours(spec, probe, targets)) != ("",)},
    )


def _hours(spec: CheckSpec, probe: str, targets: Sequence[Target]) -> tuple[str, ...]:
    """Return the hours of the targets of a probe, "" for those of any time."""
    served = (target for target in targets if any(one.name == probe for one in spec.serving(target)))
    return tuple(sorted({target.hours for target in served}))
