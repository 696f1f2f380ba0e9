"""Describe predicates and facts as JSON Schema, from the kinds of fact and the table of operators."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from secmon.core.contract import FieldSpec, FieldType
from secmon.core.operands import PATTERN_LIMIT, group_of
from secmon.core.operators import OPERATORS, QUANTIFIERS, operators_for
from secmon.core.predicate import STRUCTURE, UNTIL
from secmon.core.quantities import DAY_PATTERN, INSTANT_PATTERN
from secmon.core.references import ASSET_FIELDS
from secmon.core.rulewords import OPERATORS as MEANINGS
from secmon.core.rulewords import STRUCTURE as STRUCTURE_WORDS

if TYPE_CHECKING:
    from collections.abc import Mapping
    from re import Pattern

    from secmon.core.contract import CheckSpec, KindSpec
    from secmon.core.model import Json
    from secmon.core.words import Words

COUNT: Final = "count"
"""Definition of the operators of a rule's `count`."""
TEXT: Final[Json] = {"type": "string", "pattern": r"\S"}
"""Text that is not blank."""

_NAME: Final = "[a-z][a-z0-9_]*"
_ASSET: Final = f"asset\\.(?:{'|'.join(ASSET_FIELDS)})"
_REFERENCE: Final = rf"\$(?:{_NAME}|fact\.{_NAME}|{_ASSET})"
_REFERENCE_HERE: Final = rf"\$(?:{_NAME}|{_ASSET})"  # where there is no subject
_PARAM: Final = rf"^\${_NAME}$"
_WORDS: Final = r"\$\$[\s\S]*|(?!\$)[\s\S]*\S[\s\S]*|"  # a literal; "" too
_PARSED: Final = frozenset({FieldType.ADDRESS, FieldType.DPKG_VERSION})  # texts with a form of their own
_NUMBERS: Final = {FieldType.INTEGER: "integer", FieldType.NUMBER: "number", FieldType.TIMESTAMP: "number"}


def ecma(pattern: Pattern[str]) -> str:
    """Return a pattern that is matched from its beginning as JSON Schema writes it (ECMA-262)."""
    return "^" + pattern.pattern.replace(r"\Z", "$")


INSTANT: Final[Json] = {
    "type": ["number", "string"],
    "pattern": f"{ecma(DAY_PATTERN)}|{ecma(INSTANT_PATTERN)}",
}
"""Unix seconds, a day, or an instant with its offset."""


def described(schema: Json, words: Words, unit: str = "") -> Json:
    """Return a schema with what it is for, in English and Vietnamese."""
    more = f" ({unit})" if unit else ""
    return {**schema, "description": f"{words.en}{more}\n{words.vi}{more}"}


def name_of(check: CheckSpec, kind: KindSpec) -> str:
    """Return what the definitions of a kind are named after."""
    return f"{check.name}-{kind.name}"


def kind_definitions(check: CheckSpec, kind: KindSpec) -> Json:
    """Return the definitions of one kind of fact.

    Args:
        check: its check.
        kind: the kind.

    Returns:
        `predicate-NAME`, `entry-NAME` (of a parameter of type predicates), `facts-NAME` (of a test), and one
        for each field that has words of its own.
    """
    name = name_of(check, kind)
    predicate, entry = f"predicate-{name}", f"entry-{name}"
    fields = {spec.name: _field(spec, name) for spec in kind.fields}
    own = {
        _test_name(spec, name): _test(spec, _test_name(spec, name), facts=True)
        for spec in kind.fields
        if spec.values
    }
    until = described({"type": "string", "pattern": ecma(DAY_PATTERN)}, STRUCTURE_WORDS[UNTIL])
    facts = {spec.name: {**_fact_value(spec), "description": _meaning(spec)} for spec in kind.fields}
    return {
        predicate: {
            "type": "object",
            "minProperties": 1,
            "properties": {**_structure(predicate, STRUCTURE), **fields},
            "additionalProperties": False,
        },
        entry: {
            "type": "object",
            "minProperties": 1,
            "not": {"required": [UNTIL], "maxProperties": 1},
            "properties": {**_structure(predicate, ("all", "any", "not")), **fields, UNTIL: until},
            "additionalProperties": False,
        },
        f"facts-{name}": {"type": "object", "properties": facts, "additionalProperties": False},
        **own,
    }


def shared_definitions() -> Json:
    """Return the definitions of what fields of a type must meet, and of `count`."""
    plain = {
        _test_name(spec, ""): _test(spec, _test_name(spec, ""), facts=True)
        for spec in (FieldSpec("", kind, "", "") for kind in FieldType)
    }
    element = FieldSpec("", FieldType.TEXT, "", "")
    count = FieldSpec("", FieldType.INTEGER, "", "")
    return {
        **plain,
        "element": _test(element, "element", facts=False),
        COUNT: _test(count, COUNT, facts=False),
    }


def ref(name: str) -> Json:
    """Return a reference to a definition."""
    return {"$ref": f"#/$defs/{name}"}


def _structure(predicate: str, names: tuple[str, ...]) -> Json:
    several = {"type": "array", "minItems": 1, "items": ref(predicate)}
    shapes: Mapping[str, Json] = {
        "all": several,
        "any": several,
        "not": ref(predicate),
        "listed_in": {"type": "string", "pattern": _PARAM},
    }
    return {name: described(shapes[name], STRUCTURE_WORDS[name]) for name in names}


def _field(spec: FieldSpec, name: str) -> Json:
    return {**ref(_test_name(spec, name)), "description": _meaning(spec)}


def _meaning(spec: FieldSpec) -> str:
    unit = f" ({spec.unit})" if spec.unit else ""
    return f"{spec.en}{unit}\n{spec.vi}{unit}"


def _test_name(spec: FieldSpec, name: str) -> str:
    return f"test-{name}-{spec.name}" if spec.values else f"test-{spec.type.value}"


def _test(spec: FieldSpec, own: str, *, facts: bool) -> Json:
    """Return what a field may be held against: a scalar, which means `eq`, or operators."""
    names = operators_for(spec.type)
    operators = {
        "type": "object",
        "minProperties": 1,
        "properties": {
            name: described(_operand(name, spec, own, facts=facts), MEANINGS[name]) for name in names
        },
        "additionalProperties": False,
    }
    if spec.type not in OPERATORS["eq"].types:
        return operators
    return {"if": {"type": "object"}, "then": operators, "else": _scalar(spec, facts=facts, null=True)}


def _operand(name: str, spec: FieldSpec, own: str, *, facts: bool) -> Json:
    """Return what may follow an operator."""
    if name == "not":
        return ref(own)
    if name in QUANTIFIERS:
        return ref("element")
    operator = OPERATORS[name]
    one = _scalar(spec, facts=facts, null=operator.null_operand)
    several = {"type": "array", "minItems": 1, "items": one}
    number = _number(facts=facts)
    shapes: Mapping[str, Json] = {
        # `eq` and `ne` take a possible value of the field, what compares takes any number.
        "scalar": one if operator.null_operand else number,
        "list": _either(several, _reference(facts=facts)),
        "pair": {"type": "array", "minItems": 2, "maxItems": 2, "items": number},
        "boolean": {"type": "boolean"},
        "pattern": {**_words(facts=facts), "minLength": 1, "maxLength": PATTERN_LIMIT},
        "networks": _either(several, one),
        "version": one,
        "element": one,
    }
    return shapes[operator.operand]


def _either(many: Json, one: Json) -> Json:
    return {"if": {"type": "array"}, "then": many, "else": one}


def _reference(*, facts: bool) -> Json:
    return {"type": "string", "pattern": f"^{_REFERENCE if facts else _REFERENCE_HERE}$"}


def _words(*, facts: bool) -> Json:
    """Return any text, or a reference."""
    return {"type": "string", "pattern": f"^(?:{_REFERENCE if facts else _REFERENCE_HERE}|{_WORDS})$"}


def _number(*, facts: bool, kind: str = "number") -> Json:
    return {"if": {"type": "string"}, "then": _reference(facts=facts), "else": {"type": kind}}


def _scalar(spec: FieldSpec, *, facts: bool, null: bool) -> Json:
    """Return a constant that may equal a field, or a reference to one."""
    group = group_of(spec.type)
    if spec.values:
        words = [*spec.values, None] if null else list(spec.values)
        return {"anyOf": [{"enum": words}, _reference(facts=facts)]}
    if group == "number":
        schema = _number(facts=facts, kind=_NUMBERS[spec.type])
    elif group == "boolean":
        schema = {"if": {"type": "string"}, "then": _reference(facts=facts), "else": {"type": "boolean"}}
    else:
        schema = _words(facts=facts)
    return {"if": {"not": {"type": "null"}}, "then": schema} if null else schema


def _fact_value(spec: FieldSpec) -> Json:
    """Return what a field may be in the facts of a test; null means looked, there is none."""
    group = group_of(spec.type)
    if spec.values and group == "text":
        return {"enum": [*spec.values, None]}
    if spec.type in _PARSED:
        return {"type": ["string", "null"], "pattern": r"^(?!\$)[\s\S]*\S"}
    if spec.type is FieldType.TIMESTAMP:
        return {**INSTANT, "type": ["number", "string", "null"]}
    simple: Mapping[str, Any] = {
        "text": {"type": ["string", "null"], "pattern": r"^$|\S"},
        "number": {"type": [_NUMBERS.get(spec.type, "number"), "null"]},
        "boolean": {"type": ["boolean", "null"]},
        "texts": {
            "type": ["array", "null"],
            "items": {"enum": list(spec.values)} if spec.values else {"type": "string", "pattern": r"^$|\S"},
        },
        "records": {"type": ["array", "null"], "items": {"type": "object"}},
    }
    return dict(simple[group])
