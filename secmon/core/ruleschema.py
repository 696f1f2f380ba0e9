"""Describe files of rules, profiles, overrides and waivers as JSON Schema (draft 2020-12).

It is made from the tables that the validator reads with, so the two cannot disagree about a key or a word.
What follows from two places at once - an id twice, a parameter not declared - only the validator tells.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, Final

from secmon.core.model import Outcome, Platform, Reason, Role, Severity, Vantage
from secmon.core.overrides import MATCH_KEYS, OVERRIDE_KEYS, OVERRIDE_REQUIRED
from secmon.core.params import LEVELS, ORDERED, PARAM_KEYS, PARAM_NAME, TYPES
from secmon.core.predicateschema import (
    COUNT,
    INSTANT,
    TEXT,
    described,
    ecma,
    kind_definitions,
    name_of,
    ref,
    shared_definitions,
)
from secmon.core.profiles import NAME, PROFILE_KEYS, PROFILE_REQUIRED, USE_KEYS
from secmon.core.quantities import DAY_PATTERN
from secmon.core.rulecases import CASE_KEYS, CASE_REQUIRED, COMPLETE
from secmon.core.rules import FRAMEWORK, MAP_KEYS, MAP_STATUSES, NEVER, RULE_ID, RULE_KEYS, RULE_REQUIRED
from secmon.core.rulewords import (
    CASE,
    FILE,
    LANGUAGES,
    MATCH,
    OVERRIDE,
    PARAM,
    PROFILE,
    RULE,
    SECTION,
    USE,
    WAIVER,
)
from secmon.core.sections import ID
from secmon.core.waiverfiles import WAIVER_ID, WAIVER_KEYS, WAIVER_MATCH_KEYS

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping
    from enum import StrEnum

    from secmon.core.contract import CheckSpec, KindSpec, Registry
    from secmon.core.model import Json
    from secmon.core.words import Words

DIALECT: Final = "https://json-schema.org/draft/2020-12/schema"

_VALUES: Final = ("default", *LEVELS)
_ID: Final[Json] = {"type": "string", "pattern": ecma(ID)}
_DAY: Final[Json] = {"type": "string", "pattern": ecma(DAY_PATTERN)}
_OF_TYPE: Final[Mapping[str, Json]] = {
    "integer": {"type": "integer"},
    "number": {"type": "number"},
    "text": TEXT,
    "texts": {"type": "array", "items": TEXT, "uniqueItems": True},
    "boolean": {"type": "boolean"},
    "predicates": {"type": "array"},
}


def schema_text(registry: Registry) -> str:
    """Return the schema as a file holds it.

    Args:
        registry: the checks whose facts rules may name.

    Returns:
        JSON, with a line end.
    """
    return json.dumps(rules_schema(registry), ensure_ascii=False, indent=2) + "\n"


def rules_schema(registry: Registry) -> Json:
    """Return the schema of a file; its top key says what it holds.

    Args:
        registry: the checks whose facts rules may name.

    Returns:
        A JSON Schema.
    """
    kinds = [(check, kind) for check in registry.checks.values() for kind in check.kinds]
    return {
        "$schema": DIALECT,
        "title": "secmon rules",
        "description": "Rules, profiles, overrides or waivers of secmon.\n"
        "Quy tắc, hồ sơ, điều chỉnh hoặc rủi ro đã chấp nhận của secmon.",
        "type": "object",
        "if": {"required": ["profile"]},
        "then": ref("profile-file"),
        "else": {
            "if": {"required": ["overrides"], "not": {"required": ["rules"]}},
            "then": ref("overrides-file"),
            "else": {
                "if": {"required": ["waivers"], "not": {"required": ["rules"]}},
                "then": ref("waivers-file"),
                "else": ref("rules-file"),
            },
        },
        "$defs": {
            **_files(),
            "rule": _rule(registry, kinds),
            "param": _param(),
            "profile": _profile(),
            "use": _use(),
            "override": _override(),
            "waiver": _waiver(),
            "languages": _object(LANGUAGES, dict.fromkeys(LANGUAGES, TEXT), LANGUAGES),
            "severity": _enum(Severity),
            "section": _section(),
            **shared_definitions(),
            **{
                name: schema
                for check, kind in kinds
                for name, schema in (*kind_definitions(check, kind).items(), *_of_kind(check, kind))
            },
        },
    }


def _files() -> Json:
    """Return what the four kinds of file look like."""
    profile_words = {"profile": FILE["profile"], "rules": FILE["uses"]}
    profile = {"profile": ref("profile"), "rules": _list("use")}
    return {
        "rules-file": _object({"rules": FILE["rules"]}, {"rules": _list("rule")}, ("rules",)),
        "profile-file": _object(profile_words, profile, ("profile", "rules")),
        **{
            f"{name}-file": _object({name: FILE[name]}, {name: _list(name[:-1])}, (name,))
            for name in ("overrides", "waivers")
        },
    }


def _rule(registry: Registry, kinds: Iterable[tuple[CheckSpec, KindSpec]]) -> Json:
    """Return what a rule looks like; what depends on its check and kind stands under conditions."""
    maps = {
        "type": "object",
        "propertyNames": {"pattern": ecma(FRAMEWORK)},
        "additionalProperties": {
            "type": "array",
            "minItems": 1,
            "uniqueItems": True,
            "items": {"if": {"type": "object"}, "then": ref("section"), "else": TEXT},
        },
    }
    shapes: Mapping[str, Any] = {
        "id": {"type": "string", "pattern": ecma(RULE_ID)},
        "check": {"enum": list(registry.checks)},
        "severity": ref("severity"),
        "params": {"type": "object", "propertyNames": {"pattern": ecma(PARAM_NAME)}},
        "for_each": {"type": "string"},
        "where": {"type": "object"},
        "require": {"type": ["object", "string"]},
        "count": ref(COUNT),
        "title": ref("languages"),
        "fix": ref("languages"),
        "maps": maps,
        "tests": {"type": "array"},
    }
    of_checks = [_when({"check": check.name}, _of_check(check)) for check in registry.checks.values()]
    of_kinds = [
        _when({"check": check.name, "for_each": kind.name}, ref(f"rule-{name_of(check, kind)}"))
        for check, kind in kinds
    ]
    return {
        **_object(RULE, {key: shapes[key] for key in RULE_KEYS}, RULE_REQUIRED),
        "oneOf": [{"required": ["require"]}, {"required": ["count"]}],
        "allOf": [*of_checks, *of_kinds],
    }


def _of_check(check: CheckSpec) -> Json:
    return {
        "properties": {
            "id": {"pattern": rf"^{check.name}\."},
            "for_each": {"enum": [kind.name for kind in check.kinds]},
        }
    }


def _of_kind(check: CheckSpec, kind: KindSpec) -> Iterator[tuple[str, Json]]:
    """Yield what a rule, a parameter and a test look like that are about one kind."""
    name = name_of(check, kind)
    predicate = ref(f"predicate-{name}")
    yield (
        f"rule-{name}",
        {
            "properties": {
                "for_each": {"description": f"{kind.en}\n{kind.vi}"},
                "where": predicate,
                "require": {"if": {"type": "string"}, "then": {"const": NEVER}, "else": predicate},
                "params": {"additionalProperties": ref(f"param-{name}")},
                "tests": {"items": ref(f"case-{name}")},
            }
        },
    )
    entries = {"type": "array", "items": ref(f"entry-{name}")}
    yield (
        f"param-{name}",
        {
            **ref("param"),
            **_when({"type": "predicates"}, {"properties": dict.fromkeys(_VALUES, entries)}),
        },
    )
    yield f"case-{name}", _case(ref(f"facts-{name}"))


def _param() -> Json:
    """Return what a parameter looks like, whatever its rule is about."""
    shapes: Mapping[str, Any] = {
        "type": {"enum": list(TYPES)},
        **{key: {} for key in _VALUES},
        "tighten": {"enum": ["up", "down"]},
        "local": {"type": "boolean"},
        "unit": TEXT,
    }
    of_types = [
        _when({"type": name}, {"properties": dict.fromkeys(_VALUES, schema)})
        for name, schema in _OF_TYPE.items()
    ]
    unordered = [
        _when({"type": name}, {"properties": {"tighten": False}}) for name in TYPES if name not in ORDERED
    ]
    return {
        **_object(PARAM, {key: shapes[key] for key in PARAM_KEYS}, ("type",)),
        "allOf": [*of_types, *unordered],
    }


def _case(facts: Json) -> Json:
    shapes: Mapping[str, Any] = {
        "name": TEXT,
        "facts": {"if": {"type": "array"}, "then": {"items": facts}, "else": facts},
        "looked": {"enum": [COMPLETE, *(reason.value for reason in Reason)]},
        "params": {"type": "object"},
        "level": {"type": "integer", "minimum": 1, "maximum": 5},
        "roles": _words(Role),
        "now": INSTANT,
        "expect": _enum(Outcome),
    }
    return _object(CASE, {key: shapes[key] for key in CASE_KEYS}, CASE_REQUIRED)


def _profile() -> Json:
    platforms = {"if": {"type": "array"}, "then": _words(Platform), "else": _enum(Platform)}
    shapes: Mapping[str, Any] = {
        "name": {"type": "string", "pattern": ecma(NAME)},
        "platform": platforms,
        "roles": _words(Role),
        "vantage": _enum(Vantage),
        "why": ref("languages"),
    }
    return _object(PROFILE, {key: shapes[key] for key in PROFILE_KEYS}, PROFILE_REQUIRED)


def _use() -> Json:
    shapes: Mapping[str, Any] = {
        "use": TEXT,
        "params": {"type": "object"},
        "severity": ref("severity"),
        "enabled": {"type": "boolean"},
        "reason": TEXT,
    }
    return {
        **_object(USE, {key: shapes[key] for key in USE_KEYS}, ("use",)),
        **_when({"enabled": False}, {"required": ["reason"]}),
    }


def _override() -> Json:
    shapes: Mapping[str, Any] = {
        "match": _match(MATCH_KEYS),
        "rule": TEXT,
        "params": {"type": "object"},
        "severity": ref("severity"),
        "reason": TEXT,
    }
    return {
        **_object(OVERRIDE, {key: shapes[key] for key in OVERRIDE_KEYS}, OVERRIDE_REQUIRED),
        "anyOf": [{"required": ["params"]}, {"required": ["severity"]}],
    }


def _waiver() -> Json:
    shapes: Mapping[str, Any] = {
        "id": {"type": "string", "pattern": ecma(WAIVER_ID)},
        "match": _match(WAIVER_MATCH_KEYS),
        "created": _DAY,
        "expires": _DAY,
    }
    return _object(WAIVER, {key: shapes.get(key, TEXT) for key in WAIVER_KEYS}, WAIVER_KEYS)


def _match(keys: tuple[str, ...]) -> Json:
    subject = {"type": "object", "minProperties": 1}
    shapes: Mapping[str, Any] = {"unit": _ID, "asset": _ID, "subject": subject}
    return {**_object(MATCH, {key: shapes[key] for key in keys}, ()), "minProperties": 1}


def _section() -> Json:
    shapes: Mapping[str, Any] = {"section": TEXT, "status": {"enum": list(MAP_STATUSES)}}
    return _object(SECTION, {key: shapes[key] for key in MAP_KEYS}, ("section",))


def _object(words: Mapping[str, Words], shapes: Mapping[str, Json], required: Iterable[str]) -> Json:
    """Return a mapping of known keys, each with what it is for."""
    return {
        "type": "object",
        "properties": {key: described(schema, words[key]) for key, schema in shapes.items()},
        "required": list(required),
        "additionalProperties": False,
    }


def _when(values: Mapping[str, Any], then: Json) -> Json:
    """Return a schema that holds where keys have certain values."""
    condition = {
        "properties": {key: {"const": value} for key, value in values.items()},
        "required": list(values),
    }
    return {"if": condition, "then": then}


def _list(name: str) -> Json:
    return {"type": "array", "items": ref(name)}


def _words(words: type[StrEnum]) -> Json:
    return {"type": "array", "minItems": 1, "uniqueItems": True, "items": _enum(words)}


def _enum(words: type[StrEnum]) -> Json:
    return {"enum": [word.value for word in words]}
