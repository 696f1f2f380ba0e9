"""Write rules, the outcome of their tests, and explanations as plain JSON."""

from __future__ import annotations

from fnmatch import fnmatchcase
from typing import TYPE_CHECKING, Any

from secmon.core.codec import encode
from secmon.core.nearest import suggest
from secmon.core.ruletests import missing_cases, run_tests

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from secmon.core.contract import Registry
    from secmon.core.explain import Explanation
    from secmon.core.model import Asset, Json
    from secmon.core.rule import Param, Place, Profile, Rule


def place_row(place: Place) -> Json:
    """Return where something stands, under the names that faults have."""
    return {"file": place.file, "line": place.line, "column": place.column}


def rule_row(rule: Rule, profiles: Iterable[Profile]) -> Json:
    """Return a rule without its logic and its tests.

    Args:
        rule: the rule.
        profiles: every profile.

    Returns:
        JSON, with the names of the profiles that use it.
    """
    return {
        "id": rule.id,
        "check": rule.check,
        "for_each": rule.kind,
        "severity": rule.severity.value,
        "title": rule.title,
        "fix": rule.fix,
        "maps": rule.maps,
        "params": {param.name: _param_row(param) for param in rule.params},
        "profiles": [profile.name for profile in profiles if _uses(profile, rule)],
        "tests": len(rule.tests),
        **place_row(rule.place),
    }


def _param_row(param: Param) -> Json:
    row = {
        "type": param.type,
        "unit": param.unit,
        "default": param.default,
        "tighten": param.tighten,
        "local": param.local,
    }
    return row | {f"level_{level}": value for level, value in sorted(param.levels.items())}


def _uses(profile: Profile, rule: Rule) -> bool:
    """Return whether a profile uses a rule; of the lines that name it the last one counts."""
    lines = [use.enabled for use in profile.uses if fnmatchcase(rule.id, use.pattern)]
    return bool(lines) and lines[-1]


def outcomes_row(rules: Sequence[Rule], registry: Registry) -> Json:
    """Run the tests of rules.

    Args:
        rules: the rules.
        registry: the checks.

    Returns:
        How many rules and cases there are, every case that failed, and every rule that lacks a case.
    """
    failures: list[Json] = []
    lacking: list[Json] = []
    for rule in rules:
        kind = registry.kind(rule.check, rule.kind)
        for failure in run_tests(rule, kind) if kind is not None else ():
            case = failure.test
            failures.append(
                {
                    "rule": rule.id,
                    "case": case.name,
                    "expected": case.expect,
                    "got": failure.got.value,
                    **place_row(case.place),
                }
            )
        lacks = missing_cases(rule)
        if lacks:
            lacking.append(
                {"rule": rule.id, "lacks": [word.value for word in lacks], **place_row(rule.place)}
            )
    return {
        "rules": len(rules),
        "cases": sum(len(rule.tests) for rule in rules),
        "failures": failures,
        "lacking": lacking,
    }


def explanation_row(rule: Rule, asset: Asset, told: Explanation, *, enabled: bool) -> Json:
    """Return an explanation.

    Args:
        rule: the rule.
        asset: the asset that it is about.
        told: what core.explain said.
        enabled: the rule's check runs.

    Returns:
        JSON.
    """
    row: dict[str, Any] = encode(told)
    return {"rule": rule_row(rule, ()), "asset": encode(asset), "enabled": enabled, **row}


def pick(listed: Json, *, check: str, severity: str, profile: str, framework: str) -> list[Json]:
    """Return the rules that are asked for.

    Args:
        listed: every rule, and the names of all profiles.
        check: name of the check, "" for all.
        severity: the rule's own severity, "" for all.
        profile: name of a profile that uses the rule, "" for all.
        framework: `NAME` or `NAME:SECTION` of the rule's maps, "" for all; a section holds those below it.

    Returns:
        Rows, in order.

    Raises:
        ValueError: there is no such profile or framework; the text says which are near.
    """
    rules: list[Json] = listed["rules"]
    name, colon, section = framework.partition(":")
    frameworks = sorted({known for rule in rules for known in rule["maps"]})
    if profile and profile not in listed["profiles"]:
        raise ValueError(f"{profile} is no profile; {suggest(profile, listed['profiles'])}")
    if name and name not in frameworks:
        raise ValueError(f"no rule maps to {name}; {suggest(name, frameworks)}")
    if colon and not section:
        raise ValueError(f"{framework} names no section; write {name}:SECTION, or {name} for all")
    return [
        rule
        for rule in rules
        if check in {"", rule["check"]}
        and severity in {"", rule["severity"]}
        and (not profile or profile in rule["profiles"])
        and (not name or _maps_to(rule["maps"].get(name, ()), section))
    ]


def _maps_to(sections: Iterable[Any], wanted: str) -> bool:
    """Return whether one of some sections is the wanted one, or below it: 4 holds 4.8, AC-2 holds AC-2(1)."""
    names = [section["section"] if isinstance(section, dict) else section for section in sections]
    return any(
        not wanted or name == wanted or name.startswith((f"{wanted}.", f"{wanted}(")) for name in names
    )
