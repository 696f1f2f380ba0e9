"""Describe every rule and profile that is shipped."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Any

from secmon.core.model import Severity
from tools.reference.markdown import code, table
from tools.reference.markdown import page as markdown_page

if TYPE_CHECKING:
    from collections.abc import Sequence

    from secmon.core.contract import Registry
    from secmon.core.rule import Param, Profile, Rule


def page(rules: Sequence[Rule], profiles: Sequence[Profile], registry: Registry) -> str:
    """Return docs/reference/rules.md."""
    counts = Counter(rule.severity for rule in rules)
    shares = ", ".join(f"{counts[word]} {word.value}" for word in reversed(Severity) if counts[word])
    return markdown_page(
        "Rules",
        f"{len(rules)} rules are shipped: {shares}. Points of a rule: critical 10, high 6, medium 3, low 1, "
        f"info 0.",
        "A map whose status is *unconfirmed* names the section that the rule is thought to give evidence "
        "for; no "
        "authority has confirmed it.",
        *(block for check in registry.checks for block in _check(check, rules)),
        "## Profiles",
        "A profile says which rules bind an asset, by platform, role and vantage.",
        table(("profile", "platform", "roles", "vantage", "rules", "why"), map(_profile, profiles)),
    )


def _check(check: str, rules: Sequence[Rule]) -> list[str]:
    own = [rule for rule in rules if rule.check == check]
    blocks = [f"## {check}"] if own else []
    for rule in own:
        blocks += [
            f"### {rule.id}",
            _about(rule),
            table(
                ("parameter", "type", "default", "by level", "stricter", "filled by a site"),
                map(_param, rule.params),
            ),
            _maps(rule.maps),
        ]
    return blocks


def _about(rule: Rule) -> str:
    lines = (
        f"**{rule.severity.value}**, for each {code(rule.kind)}",
        "",
        f"- en: {rule.title['en']}",
        f"- vi: {rule.title['vi']}",
        f"- repair: {rule.fix['en']}",
        f"- cách sửa: {rule.fix['vi']}",
    )
    return "\n".join(lines)


def _param(param: Param) -> tuple[str, ...]:
    levels = ", ".join(f"{level}: {_value(value)}" for level, value in sorted(param.levels.items()))
    kind = f"{param.type}{f', {param.unit}' if param.unit else ''}"
    return code(param.name), kind, _value(param.default), levels, param.tighten, "yes" if param.local else ""


def _value(value: Any) -> str:
    if isinstance(value, (list, tuple)):
        return ", ".join(map(_value, value))
    return "" if value is None else str(value)


def _maps(maps: dict[str, Any]) -> str:
    shown = []
    for framework, sections in sorted(maps.items()):
        names = [
            section
            if isinstance(section, str)
            else f"{section['section']} ({section.get('status', 'confirmed')})"
            for section in sections
        ]
        shown.append(f"{framework} {', '.join(names)}")
    return f"Maps: {'; '.join(shown)}." if shown else ""


def _profile(profile: Profile) -> tuple[str, ...]:
    return (
        code(profile.name),
        ", ".join(word.value for word in profile.platforms) or "any",
        ", ".join(word.value for word in profile.roles) or "any",
        profile.vantage.value,
        ", ".join(f"{code(use.pattern)}{'' if use.enabled else ' (off)'}" for use in profile.uses),
        profile.why["en"],
    )
