"""Read every document of packs as what it is: rules, profiles, overrides or waivers."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from secmon.core.overrides import load_overrides
from secmon.core.profiles import load_profiles
from secmon.core.rules import load_rules, rule_ids
from secmon.core.settings import TOP_KEYS
from secmon.core.waiverfiles import load_waivers

if TYPE_CHECKING:
    from secmon.core.contract import Registry
    from secmon.core.manifest import PackUse
    from secmon.core.rule import Fault, Override, Profile, Rule, Waiver

Documents = list[tuple[str, Any]]
"""File as the person named it, and what the YAML reader gave."""


@dataclass(frozen=True, slots=True)
class Content:
    """What documents hold, as validated data.

    Attributes:
        rules: the rules, in order.
        profiles: the profiles.
        overrides: the overrides, in order.
        waivers: the waivers.
        ids: every id that a rule has, faulty rules included.
        faults: every fault of every document.
    """

    rules: tuple[Rule, ...]
    profiles: tuple[Profile, ...]
    overrides: tuple[Override, ...]
    waivers: tuple[Waiver, ...]
    ids: frozenset[str]
    faults: tuple[Fault, ...]


def use_of(document: Any) -> PackUse:
    """Return what a document holds, by its top key; one that says nothing is meant to hold rules.

    Args:
        document: what the YAML reader gave.

    Returns:
        `rules` for profiles too, which travel with them.
    """
    if isinstance(document, dict) and "rules" not in document:
        if "overrides" in document:
            return "overrides"
        if "waivers" in document:
            return "waivers"
    return "rules"


def is_configuration(document: Any) -> bool:
    """Say whether a document is a secmon.yml, which stands beside packs and holds none.

    Args:
        document: what the YAML reader gave.

    Returns:
        Whether it has a section that only a configuration has.
    """
    if not isinstance(document, dict):
        return False
    return isinstance(document.get("rules"), dict) or any(
        key in document for key in TOP_KEYS if key != "rules"
    )


def load_content(
    rules: Documents, overrides: Documents, waivers: Documents, registry: Registry, now: float
) -> Content:
    """Read all documents, and tell every mistake of all of them.

    Args:
        rules: documents of rules and profiles.
        overrides: documents of overrides.
        waivers: documents of waivers.
        registry: the checks.
        now: Unix seconds.

    Returns:
        What they hold.
    """
    ids = rule_ids(rules)
    found, faults = load_rules(rules, registry)
    profiles, more = load_profiles(rules, found, ids, registry)
    changes, told = load_overrides(overrides, found, ids, registry)
    accepted, last = load_waivers(waivers, found, ids, registry, now)
    return Content(
        tuple(found),
        tuple(profiles),
        tuple(changes),
        tuple(accepted),
        ids,
        (*faults, *more, *told, *last),
    )
