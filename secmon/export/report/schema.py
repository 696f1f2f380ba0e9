"""Describe `secmon.report/1` as JSON Schema (draft 2020-12), from the enums and fact kinds that fill it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from secmon.core.contract import FieldType
from secmon.core.model import Completeness, Outcome, Platform, Reason, Role, Severity, Vantage
from secmon.core.waivers import WaiverState

if TYPE_CHECKING:
    from enum import StrEnum

    from secmon.core.contract import FieldSpec, KindSpec, Registry
    from secmon.core.model import Json

DIALECT: Final = "https://json-schema.org/draft/2020-12/schema"

_STAMP: Final = {"type": "string", "format": "date-time", "description": "ISO 8601, UTC"}
_PERCENT: Final = {"type": ["number", "null"], "minimum": 0, "maximum": 100}
_POINTS: Final = {"type": "integer", "minimum": 0}
_BOTH: Final = {
    "type": "object",
    "required": ["vi", "en"],
    "properties": {"vi": {"type": "string"}, "en": {"type": "string"}},
}
_TYPES: Final[dict[FieldType, Json]] = {
    FieldType.TEXT: {"type": ["string", "null"]},
    FieldType.INTEGER: {"type": ["integer", "string", "null"]},
    FieldType.NUMBER: {"type": ["number", "null"]},
    FieldType.BOOLEAN: {"type": ["boolean", "null"]},
    FieldType.TIMESTAMP: {"type": ["number", "null"]},
    FieldType.ADDRESS: {"type": ["string", "null"]},
    FieldType.TEXTS: {"type": ["array", "null"], "items": {"type": "string"}},
    FieldType.RECORDS: {"type": ["array", "null"], "items": {"type": "object"}},
    FieldType.DPKG_VERSION: {"type": ["string", "null"]},
}


def report_schema(registry: Registry) -> Json:
    """Return the schema of a report; keys are only ever added, so unknown ones are allowed everywhere.

    Args:
        registry: the checks whose facts a report may hold.

    Returns:
        A JSON Schema.
    """
    kinds = {kind.name: kind for spec in registry.checks.values() for kind in spec.kinds}
    return {
        "$schema": DIALECT,
        "title": "secmon.report/1",
        "description": "What one audit saw and judged; scores are 0-100.",
        **_object(
            {
                "schema": {"const": "secmon.report/1"},
                "generator": _object({"name": {"const": "secmon"}, "version": _text("of the program")}),
                "agent": _object(
                    {
                        "name": _text("of the agent that looked"),
                        "os": _text("its operating system"),
                        "kernel": _text("its running kernel"),
                    }
                ),
                "sequence": {"type": "integer", "minimum": 0, "description": "0 for `secmon scan`"},
                "started": _STAMP,
                "finished": _STAMP,
                "packs": _list("pack"),
                "assets": _list("asset"),
                "runs": _list("run"),
                "rules": _map({"$ref": "#/$defs/rule"}, "rule id -> the rule, for each rule that was judged"),
                "observations": _list("observation"),
                "results": _list("result"),
                "waivers": _list("waiver"),
                "summary": _object(dict.fromkeys((*(word.value for word in Outcome), "waived"), _POINTS)),
            }
        ),
        "$defs": _definitions(tuple(kinds.values())),
    }


def _definitions(kinds: tuple[KindSpec, ...]) -> Json:
    return {
        "reason": {**_enum(Reason), "description": "why a look failed"},
        "severity": _enum(Severity),
        "pack": _object(
            {
                "name": _text("`builtin` for the installation's own"),
                "version": _text("serial, or the program's version"),
                "sha256": {"type": "string", "pattern": "^[0-9a-f]{64}$"},
                "signed": {"type": "boolean", "description": "its signature was verified"},
            }
        ),
        "points": _object(dict.fromkeys(("earned", "accepted", "covered", "possible"), _POINTS)),
        "score": _score(),
        "asset": _asset(),
        "run": _run(),
        "rule": _rule(),
        "fact": _fact(kinds),
        "observation": _observation(),
        "result": _result(),
        "waiver": _waiver(),
    }


def _score() -> Json:
    return _object(
        {
            "formula": _text("id of the formula"),
            "raw": {
                **_PERCENT,
                "description": "points of rules that are decided and met; null: nothing is possible",
            },
            "accepted": {**_PERCENT, "description": "the same, with accepted risks"},
            "coverage": {**_PERCENT, "description": "points of rules that are decided"},
            "grade": {"enum": ["A", "B", "C", "D", "E", None]},
            "checks": _map({"$ref": "#/$defs/points"}, "check -> points before freshness"),
        }
    )


def _asset() -> Json:
    return _object(
        {
            "id": _text("stable for ever"),
            "unit": _text("id of the unit that operates it, or empty"),
            "platform": _enum(Platform),
            "level": {"type": "integer", "minimum": 1, "maximum": 5},
            "roles": {"type": "array", "items": _enum(Role)},
            "vantages": {"type": "array", "items": _enum(Vantage)},
            "score": {"$ref": "#/$defs/score"},
            "gains": _map(
                {"type": "number", "minimum": 0, "maximum": 100},
                "failing, decided rule -> points of 100 that repairing all its subjects earns",
            ),
        }
    )


def _run() -> Json:
    return _object(
        {
            "asset": _text("id"),
            "check": _text("name"),
            "started": _STAMP,
            "finished": _STAMP,
            "last_complete": {
                "type": ["string", "null"],
                "format": "date-time",
                "description": "end of the last run that attempted every target with its canary passing",
            },
            "canary": {
                "enum": ["ok", *(reason.value for reason in Reason)],
                "description": "whether the sensor proved that it can see",
            },
        }
    )


def _rule() -> Json:
    return _object(
        {
            "check": _text("name"),
            "severity": {"$ref": "#/$defs/severity"},
            "title": _BOTH,
            "fix": _BOTH,
            "maps": _map({}, "framework -> sections"),
        }
    )


def _observation() -> Json:
    return _object(
        {
            "asset": _text("id"),
            "check": _text("name"),
            "target": _text("as it was named"),
            "started": _STAMP,
            "finished": _STAMP,
            "outcome": _enum(Completeness),
            "reason": _nullable("reason"),
            "detail": _text("one sentence for a person"),
            "looked": _map(
                {"enum": ["complete", *(reason.value for reason in Reason)]},
                "kind of fact (anomalies: `anomaly/DETECTOR`) -> whether it was looked at completely",
            ),
            "facts": _list("fact"),
        }
    )


def _result() -> Json:
    return _object(
        {
            "asset": _text("id"),
            "rule": _text("id"),
            "check": _text("name"),
            "severity": {"$ref": "#/$defs/severity"},
            "target": _text("as it was named"),
            "subject": _map({}, "key fields of the fact that was judged; empty for a whole target"),
            "outcome": _enum(Outcome),
            "reason": _nullable("reason"),
            "message": _BOTH,
            "evidence": _map({}, "field that the rule read -> its value"),
            "missing": _map({"$ref": "#/$defs/reason"}, "field that the rule wanted and did not get -> why"),
            "fingerprint": {"type": "string", "pattern": "^[0-9a-f]{64}$"},
            "first_seen": {"type": ["string", "null"], "format": "date-time"},
            "state": {"enum": [None, "new", "open", "resolved"]},
            "waiver": {
                "description": "the waiver that covers the failure longest",
                "anyOf": [{"type": "null"}, _object({"id": _text("of the waiver"), "expires": _STAMP})],
            },
        }
    )


def _waiver() -> Json:
    return _object(
        {
            "id": _text("unique"),
            "rule": _text("id of the rule whose failures it is for"),
            "place": _text("file:line where it stands"),
            "author": _text("who wrote it"),
            "approved_by": _text("who accepted the risk"),
            "reason": _text("why"),
            "expires": _STAMP,
            "state": {
                **_enum(WaiverState),
                "description": "unused: all that it is for was seen, and nothing of it fails; "
                "undecided: nothing of it was seen to fail, and not all of it was seen",
            },
            "broad": {
                "type": "boolean",
                "description": "names neither an asset, nor a unit together with a subject",
            },
            "findings": {
                **_POINTS,
                "description": "failures that it is for; those of an expired one count again",
            },
        }
    )


def _fact(kinds: tuple[KindSpec, ...]) -> Json:
    return {
        **_object(
            {
                "kind": {"enum": sorted(kind.name for kind in kinds)},
                "missing": _map({"$ref": "#/$defs/reason"}, "field that was not seen -> why"),
            }
        ),
        "allOf": [
            {
                "if": {"properties": {"kind": {"const": kind.name}}},
                "then": {
                    "description": kind.en,
                    "properties": {field.name: _field(field) for field in kind.fields},
                },
            }
            for kind in kinds
        ],
    }


def _field(field: FieldSpec) -> Json:
    values = {"enum": [*field.values, None]} if field.values else _TYPES[field.type]
    unit = "Unix seconds" if field.type is FieldType.TIMESTAMP else field.unit
    return {**values, "description": f"{field.en} ({unit})" if unit else field.en}


def _object(properties: Json) -> Json:
    return {"type": "object", "required": sorted(properties), "properties": properties}


def _list(name: str) -> Json:
    return {"type": "array", "items": {"$ref": f"#/$defs/{name}"}}


def _map(values: Json, description: str) -> Json:
    return {"type": "object", "additionalProperties": values, "description": description}


def _text(description: str) -> Json:
    return {"type": "string", "description": description}


def _enum(words: type[StrEnum]) -> Json:
    return {"enum": [word.value for word in words]}


def _nullable(name: str) -> Any:
    return {"anyOf": [{"type": "null"}, {"$ref": f"#/$defs/{name}"}]}
