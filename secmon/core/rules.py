"""Read rules out of documents, and tell every mistake of every file in one run."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Final

from secmon.core.cursor import Cursor, read_enum, read_languages, read_list, read_text, read_word, show, start
from secmon.core.model import Severity
from secmon.core.nearest import suggest
from secmon.core.nodes import plain
from secmon.core.params import read_params
from secmon.core.rule import Fault, Place, Rule
from secmon.core.rulecases import read_tests
from secmon.core.typecheck import Scope, check_count, check_predicate

if TYPE_CHECKING:
    from collections.abc import Iterable

    from secmon.core.contract import CheckSpec, KindSpec, Registry
    from secmon.core.model import Json
    from secmon.core.rule import Param

RULE_KEYS: Final = (
    "id",
    "check",
    "severity",
    "params",
    "for_each",
    "where",
    "require",
    "count",
    "title",
    "fix",
    "maps",
    "tests",
)
RULE_REQUIRED: Final = ("id", "check", "severity", "for_each", "title", "fix")
NEVER: Final = "never"
RULE_ID: Final = re.compile(r"[a-z][a-z0-9]*\.[a-z0-9]+(?:-[a-z0-9]+)*\Z")
FRAMEWORK: Final = re.compile(r"[a-z0-9]+(?:[-.][a-z0-9]+)*\Z")
MAP_KEYS: Final = ("section", "status")
MAP_STATUSES: Final = ("confirmed", "unconfirmed")


def is_profile(document: Any) -> bool:
    """Return whether a document is a profile: its `rules` choose rules and define none."""
    return isinstance(document, dict) and "profile" in document


def load_rules(documents: Iterable[tuple[str, Any]], registry: Registry) -> tuple[list[Rule], list[Fault]]:
    """Read the rules of documents; profiles are left to core.profiles.

    Args:
        documents: file as the person named it, and what the YAML reader gave.
        registry: the checks whose facts rules may name.

    Returns:
        The rules without a fault, in order, and every fault.
    """
    faults: list[Fault] = []
    rules: list[Rule] = []
    places: dict[str, Place] = {}
    for file, document in documents:
        if is_profile(document):
            continue
        fields = start(document, file, faults).mapping(("rules",), ("rules",))
        for item in fields["rules"].items() if "rules" in fields else ():
            _claim_id(item, places)
            rule = _read_rule(item, registry)
            if rule is not None:
                rules.append(rule)
    return rules, faults


def rule_ids(documents: Iterable[tuple[str, Any]]) -> frozenset[str]:
    """Return every id that documents give a rule, faulty rules included, so that one mistake is told once.

    Args:
        documents: as for load_rules.

    Returns:
        The ids.
    """
    found: set[str] = set()
    for _, document in documents:
        if (
            isinstance(document, dict)
            and isinstance(document.get("rules"), list)
            and not is_profile(document)
        ):
            entries = (entry for entry in document["rules"] if isinstance(entry, dict))
            found.update(entry["id"] for entry in entries if isinstance(entry.get("id"), str))
    return frozenset(found)


def _claim_id(cursor: Cursor, places: dict[str, Place]) -> None:
    """Tell of an id that another rule has."""
    if not isinstance(cursor.value, dict) or not isinstance(cursor.value.get("id"), str):
        return
    field = cursor.at("id")
    other = places.setdefault(field.value, field.place)
    if other is not field.place:
        field.fault(f"the id {show(field.value)} stands twice", f"it stands at {other} already")


def _read_rule(cursor: Cursor, registry: Registry) -> Rule | None:
    before = len(cursor.faults)
    fields = cursor.mapping(RULE_KEYS, RULE_REQUIRED)
    check = _read_check(fields, registry)
    rule_id = _read_id(fields, check)
    severity = read_enum(fields["severity"], Severity) if "severity" in fields else None
    texts = {key: read_languages(fields[key]) for key in ("title", "fix") if key in fields}
    maps = _read_maps(fields["maps"]) if "maps" in fields else {}
    _require_one_verdict(cursor, fields)
    kind = _read_kind(fields, check)
    if kind is None or check is None:
        _check_shapes(fields)
        return None
    params = _read_logic(cursor, fields, kind)
    sound = len(cursor.faults) == before
    rule = Rule(
        id=rule_id or "",
        check=check.name,
        kind=kind.name,
        severity=severity or Severity.INFO,
        title=texts.get("title", {}),
        fix=texts.get("fix", {}),
        place=cursor.place,
        # What is faulty is told already: the tests of a faulty rule are read for their own faults only.
        where=_tree(fields, "where") if sound else None,
        require=_tree(fields, "require") if sound else None,
        never=_is_never(fields),
        count=_count(fields) if sound else None,
        params=tuple(params.values()),
        maps=maps,
    )
    tests = read_tests(fields["tests"], rule, kind) if "tests" in fields else ()
    return replace(rule, tests=tests) if len(cursor.faults) == before else None


def _check_shapes(fields: dict[str, Cursor]) -> None:
    """Tell of what is no predicate of any kind; the rest cannot be checked against a kind that is unknown."""
    for key in ("where", "require"):
        if key in fields and not isinstance(fields[key].value, dict) and fields[key].value != NEVER:
            fields[key].wrong("a mapping of fields")


def _read_check(fields: dict[str, Cursor], registry: Registry) -> CheckSpec | None:
    name = read_word(fields["check"], registry.checks) if "check" in fields else None
    return None if name is None else registry.checks[name]


def _read_id(fields: dict[str, Cursor], check: CheckSpec | None) -> str | None:
    if "id" not in fields:
        return None
    field = fields["id"]
    wanted = "CHECK.NAME in lower-case letters, digits and hyphens"
    rule_id = read_text(field, pattern=RULE_ID, wanted=wanted)
    if rule_id is not None and check is not None and not rule_id.startswith(f"{check.name}."):
        field.fault(f"{show(rule_id)} does not begin with its check", f"write {check.name}.NAME")
        return None
    return rule_id


def _read_kind(fields: dict[str, Cursor], check: CheckSpec | None) -> KindSpec | None:
    if "for_each" not in fields or check is None:
        return None
    field = fields["for_each"]
    name = read_text(field)
    if name is None:
        return None
    kind = check.kind(name)
    if kind is None:
        known = [spec.name for spec in check.kinds]
        field.fault(f"the check {check.name} has no kind {show(name)}", suggest(name, known))
    return kind


def _require_one_verdict(cursor: Cursor, fields: dict[str, Cursor]) -> None:
    if "require" in fields and "count" in fields:
        cursor.fault("a rule has require or count, not both", "remove one")
    elif isinstance(cursor.value, dict) and "require" not in fields and "count" not in fields:
        cursor.fault("a rule needs require or count", "write require: {...}, require: never, or count: {...}")


def _is_never(fields: dict[str, Cursor]) -> bool:
    return "require" in fields and fields["require"].value == NEVER


def _read_logic(cursor: Cursor, fields: dict[str, Cursor], kind: KindSpec) -> dict[str, Param]:
    """Check parameters and predicates against each other and against the kind."""
    params, values = read_params(fields.get("params"), kind)
    declared = fields["params"].value if "params" in fields else None
    broken = frozenset(declared if isinstance(declared, dict) else ()) - params.keys()
    scope = Scope(kind, params, values, broken=broken)
    before = len(cursor.faults)
    if "where" in fields:
        check_predicate(fields["where"], scope)
    if "require" in fields and not _is_never(fields):
        require = fields["require"]
        if isinstance(require.value, str):
            require.fault(f"{show(require.value)} is not known here", "write never, or a mapping of fields")
        else:
            check_predicate(require, scope)
    if "count" in fields:
        check_count(fields["count"], scope)
    clean = len(cursor.faults) == before
    for name in params:
        if clean and name not in scope.used:
            fields["params"].key_at(name).fault(f"${name} is never used", "remove it")
    return params


def _tree(fields: dict[str, Cursor], key: str) -> Json | None:
    if key not in fields or (key == "require" and _is_never(fields)):
        return None
    tree: Json = plain(fields[key].value)
    return tree


def _count(fields: dict[str, Cursor]) -> Json | None:
    if "count" not in fields:
        return None
    value = plain(fields["count"].value)
    return value if isinstance(value, dict) else {"eq": value}


def _read_maps(cursor: Cursor) -> Json:
    """Read which sections of which framework a rule gives evidence for."""
    maps: Json = {}
    for name, field in cursor.entries().items():
        if not FRAMEWORK.match(name):
            field.fault(f"{show(name)} cannot name a framework", "use lower-case letters, digits and hyphens")
        maps[name] = list(read_list(field, _read_section, least=1))
    return maps


def _read_section(cursor: Cursor) -> Any:
    if not isinstance(cursor.value, dict):
        return read_text(cursor)
    fields = cursor.mapping(MAP_KEYS, ("section",))
    if "section" in fields:
        read_text(fields["section"])
    if "status" in fields:
        read_word(fields["status"], MAP_STATUSES)
    return plain(cursor.value)
