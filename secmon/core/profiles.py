"""Read profiles: which rules bind which assets, and what they change of them."""

from __future__ import annotations

import re
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING, Any, Final

from secmon.core.cursor import (
    Cursor,
    read_boolean,
    read_enum,
    read_languages,
    read_list,
    read_text,
    show,
    start,
)
from secmon.core.model import Platform, Role, Severity, Vantage
from secmon.core.nearest import suggest
from secmon.core.nodes import Map
from secmon.core.params import read_given
from secmon.core.rule import Fault, Profile, Use
from secmon.core.rules import is_profile

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from secmon.core.contract import Registry
    from secmon.core.model import Json
    from secmon.core.rule import Place, Rule

PROFILE_KEYS: Final = ("name", "platform", "roles", "vantage", "why")
PROFILE_REQUIRED: Final = ("name", "vantage", "why")
USE_KEYS: Final = ("use", "params", "severity", "enabled", "reason")
NAME: Final = re.compile(r"[a-z0-9]+(?:-[a-z0-9]+)*\Z")


def load_profiles(
    documents: Iterable[tuple[str, Any]], rules: Sequence[Rule], ids: frozenset[str], registry: Registry
) -> tuple[list[Profile], list[Fault]]:
    """Read the profiles of documents; rule files are left to core.rules.

    Args:
        documents: file as the person named it, and what the YAML reader gave.
        rules: every rule without a fault.
        ids: every id, faulty rules included.
        registry: the checks.

    Returns:
        The profiles without a fault, and every fault.
    """
    faults: list[Fault] = []
    profiles: list[Profile] = []
    places: dict[str, Place] = {}
    for file, document in documents:
        if not is_profile(document):
            continue
        cursor = start(document, file, faults)
        fields = cursor.mapping(("profile", "rules"), ("profile", "rules"))
        before = len(faults)
        uses = tuple(_read_uses(fields["rules"], rules, ids, registry)) if "rules" in fields else ()
        profile = _read_profile(fields["profile"], uses)
        if profile is None or len(faults) > before:
            continue
        other = places.setdefault(profile.name, profile.place)
        if other is profile.place:
            profiles.append(profile)
        else:
            message = f"the profile {show(profile.name)} stands twice"
            fields["profile"].fault(message, f"it stands at {other} already")
    return profiles, faults


def _read_profile(cursor: Cursor, uses: tuple[Use, ...]) -> Profile | None:
    fields = cursor.mapping(PROFILE_KEYS, PROFILE_REQUIRED)
    name = None
    if "name" in fields:
        wanted = "a name in lower-case letters, digits and hyphens"
        name = read_text(fields["name"], pattern=NAME, wanted=wanted)
    vantage = read_enum(fields["vantage"], Vantage) if "vantage" in fields else None
    platforms = _read_platforms(fields["platform"]) if "platform" in fields else ()
    roles: tuple[Role, ...] = ()
    if "roles" in fields:
        roles = read_list(fields["roles"], lambda item: read_enum(item, Role), least=1)
    why = read_languages(fields["why"]) if "why" in fields else {}
    if name is None or vantage is None:
        return None
    return Profile(name, platforms, roles, vantage, why, uses, cursor.place)


def _read_platforms(cursor: Cursor) -> tuple[Platform, ...]:
    """Read one platform or a list of them."""
    if isinstance(cursor.value, list):
        return read_list(cursor, lambda item: read_enum(item, Platform), least=1)
    platform = read_enum(cursor, Platform)
    return () if platform is None else (platform,)


def _read_uses(
    cursor: Cursor, rules: Sequence[Rule], ids: frozenset[str], registry: Registry
) -> Iterable[Use]:
    for item in cursor.items():
        fields = item.mapping(USE_KEYS, ("use",))
        pattern = read_pattern(fields["use"], ids) if "use" in fields else None
        enabled = read_boolean(fields["enabled"]) if "enabled" in fields else True
        reason = read_text(fields["reason"]) if "reason" in fields else ""
        if enabled is False and "reason" not in fields:
            item.fault("rules are left out without a reason", "write reason: why")
        severity = read_enum(fields["severity"], Severity) if "severity" in fields else None
        params: Json = {}
        if pattern is not None and "params" in fields:
            params = read_params_of(fields["params"], pattern, {rule.id: rule for rule in rules}, registry)
        if pattern is not None:
            yield Use(pattern, item.place, params, severity, enabled is not False, reason or "")


def read_pattern(cursor: Cursor, ids: frozenset[str] | None) -> str | None:
    """Read a glob over rule ids.

    Args:
        cursor: where.
        ids: every id, of which it must match one; None where the rules it is about may not be here.

    Returns:
        The pattern, None after a fault.
    """
    pattern = read_text(cursor)
    if pattern is None or ids is None or any(fnmatchcase(rule_id, pattern) for rule_id in ids):
        return pattern
    if pattern != "*":  # which is right even where there is no rule
        cursor.fault(f"no rule is named {show(pattern)}", suggest(pattern, ids))
    return pattern


def read_params_of(cursor: Cursor, pattern: str, rules: Mapping[str, Rule], registry: Registry) -> Json:
    """Read values for parameters of all rules that a glob matches.

    A parameter belongs to those of the rules that have it; at least one must.

    Args:
        cursor: parameter -> value.
        pattern: the glob.
        rules: every rule by id.
        registry: the checks.

    Returns:
        Parameter -> value, those without a fault.
    """
    if not isinstance(cursor.value, dict):
        cursor.wrong("a mapping")
        return {}
    matched = [rule for rule_id, rule in rules.items() if fnmatchcase(rule_id, pattern)]
    known = {param.name for rule in matched for param in rule.params}
    given: Json = {}
    faults: dict[Fault, None] = {}
    for name in cursor.entries():
        if name not in known and matched:
            message = f"no rule of {show(pattern)} has a parameter {show(name)}"
            cursor.key_at(name).fault(message, suggest(name, known))
    for rule in matched:
        kind = registry.kind(rule.check, rule.kind)
        own = [param.name for param in rule.params]
        value = cursor.value.only(own) if isinstance(cursor.value, Map) else cursor.value
        part = Cursor(value, cursor.place, cursor.key, [])
        if kind is not None:
            given.update(read_given(part, rule, kind))
        faults.update(dict.fromkeys(part.faults))
    cursor.faults.extend(faults)
    return given
