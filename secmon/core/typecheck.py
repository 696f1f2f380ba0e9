"""Check the predicates of a rule against the fields of its kind, and tell every mistake with its place."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, Final

from secmon.core.contract import FieldSpec, FieldType
from secmon.core.cursor import Cursor, read_parsed, show
from secmon.core.nearest import suggest
from secmon.core.operands import check_constant, group_of, is_reference
from secmon.core.operators import OPERATORS, QUANTIFIERS, operators_for
from secmon.core.predicate import STRUCTURE, UNTIL
from secmon.core.quantities import parse_day
from secmon.core.references import ASSET_FIELDS, Reference, parse_reference

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from secmon.core.contract import KindSpec
    from secmon.core.rule import Param

_COUNT: Final = FieldSpec("count", FieldType.INTEGER, "number of selected subjects", "số đối tượng được chọn")
_PARAM_GROUPS: Final = {
    "integer": "number",
    "number": "number",
    "text": "text",
    "boolean": "boolean",
    "texts": "texts",
}
_ASSET_GROUPS: Final = {"level": "number", "roles": "texts", "unit": "text", "id": "text", "platform": "text"}


@dataclass(frozen=True, slots=True)
class Scope:
    """What a predicate may name.

    Attributes:
        kind: its fields.
        params: parameters of the rule by name.
        values: parameter -> every value that is known of it, to be checked where it is used.
        used: names of the parameters that were used, filled by the check.
        facts: `$fact.` may be used.
        broken: parameters whose declaration is faulty: told once, where it stands.
    """

    kind: KindSpec
    params: Mapping[str, Param]
    values: Mapping[str, Iterable[Cursor]] = field(default_factory=dict)
    used: set[str] = field(default_factory=set)
    facts: bool = True
    broken: frozenset[str] = frozenset()

    def without_facts(self) -> Scope:
        """Return the same scope where there is no subject to refer to."""
        return replace(self, facts=False)


def check_predicate(cursor: Cursor, scope: Scope) -> None:
    """Check one predicate.

    Args:
        cursor: the predicate.
        scope: what it may name.
    """
    if not isinstance(cursor.value, dict):
        cursor.wrong("a mapping of fields")
        return
    if not cursor.value:
        cursor.fault("an empty predicate holds for everything", "name a field")
    for key in cursor.value:
        _check_entry(cursor, key, scope)


def _check_entry(parent: Cursor, key: str, scope: Scope) -> None:
    cursor = parent.at(key)
    if key in {"all", "any"}:
        branches = cursor.items()
        if isinstance(cursor.value, list) and not branches:
            cursor.fault(f"{key} of nothing", "list at least one predicate")
        for branch in branches:
            check_predicate(branch, scope)
    elif key == "not":
        check_predicate(cursor, scope)
    elif key == "listed_in":
        _check_listed(cursor, scope)
    else:
        spec = scope.kind.field(key)
        if spec is None:
            known = [item.name for item in scope.kind.fields]
            advice = suggest(key, [*known, *STRUCTURE])
            parent.key_at(key).fault(f"the kind {scope.kind.name} has no field {show(key)}", advice)
            return
        check_field(cursor, spec, scope)


def _check_listed(cursor: Cursor, scope: Scope) -> None:
    reference = _reference(cursor)
    if reference is None or reference.scope != "param":
        cursor.fault("listed_in takes a parameter of type predicates", "write $name")
        return
    param = _param(cursor, reference, scope)
    if param is not None and param.type != "predicates":
        cursor.fault(f"${param.name} is of type {param.type}", "listed_in takes one of type predicates")


def check_entries(cursor: Cursor, scope: Scope) -> None:
    """Check the value of a parameter of type predicates.

    Args:
        cursor: a list of predicates, each with an optional last day `until`.
        scope: what they may name; parameters are left out.
    """
    inner = Scope(scope.kind, {}, facts=scope.facts)
    for entry in cursor.items():
        if not isinstance(entry.value, dict):
            entry.wrong("a mapping of fields")
            continue
        conditions = [key for key in entry.value if key != UNTIL]
        if not conditions:
            entry.fault("an entry without a field would match everything", "name a field")
        if UNTIL in entry.value:
            read_parsed(entry.at(UNTIL), parse_day)
        for key in conditions:
            if key == "listed_in":
                entry.key_at(key).fault("an entry cannot refer to a list")
            else:
                _check_entry(entry, key, inner)


def check_count(cursor: Cursor, scope: Scope) -> None:
    """Check the operators of a rule's `count`.

    Args:
        cursor: a mapping of operators, or one number.
        scope: parameters that it may name.
    """
    check_field(cursor, _COUNT, scope.without_facts())


def check_field(cursor: Cursor, spec: FieldSpec, scope: Scope) -> None:
    """Check what a field must meet.

    Args:
        cursor: a scalar, which means `eq`, or a mapping of operators.
        spec: the field.
        scope: what operands may name.
    """
    if isinstance(cursor.value, list):
        cursor.fault("a bare list says nothing", "write {in: [...]}")
    elif not isinstance(cursor.value, dict):
        _check_operator(cursor, "eq", spec, scope)
    elif not cursor.value:
        cursor.fault("no operator", f"one of {', '.join(operators_for(spec.type))}")
    else:
        for name in cursor.value:
            _check_named(cursor, name, spec, scope)


def _check_named(parent: Cursor, name: str, spec: FieldSpec, scope: Scope) -> None:
    usable = operators_for(spec.type)
    if name not in OPERATORS and name not in (*QUANTIFIERS, "not"):
        parent.key_at(name).fault(f"unknown operator {show(name)}", suggest(name, usable))
    elif name not in usable:
        message = f"{name} does not apply to {spec.name}, which is {spec.type.value}"
        parent.key_at(name).fault(message, f"one of {', '.join(usable)}")
    elif name == "not":
        check_field(parent.at(name), spec, scope)
    elif name in QUANTIFIERS:
        element = FieldSpec(spec.name, FieldType.TEXT, spec.en, spec.vi, values=spec.values)
        check_field(parent.at(name), element, scope.without_facts())
    else:
        _check_operator(parent.at(name), name, spec, scope)


def _check_operator(cursor: Cursor, name: str, spec: FieldSpec, scope: Scope) -> None:
    """Check the operand of one operator: its references here, its constants in core.operands."""
    operator = OPERATORS[name]
    if spec.type not in operator.types:
        message = f"{spec.name} is {spec.type.value}: a value alone cannot be compared with it"
        cursor.fault(message, f"use one of {', '.join(operators_for(spec.type))}")
        return
    takes_list = operator.operand in {"list", "networks"}
    if isinstance(cursor.value, list) and operator.operand in {"list", "networks", "pair"}:
        for item in cursor.items():
            _check_reference(item, name, spec, scope, takes_list=False)
    elif operator.operand != "pair" and _check_reference(cursor, name, spec, scope, takes_list=takes_list):
        return
    check_constant(cursor, operator, spec)


def _check_reference(cursor: Cursor, name: str, spec: FieldSpec, scope: Scope, *, takes_list: bool) -> bool:
    """Check an operand that is a reference; return whether it is one, right or wrong."""
    if not isinstance(cursor.value, str) or not cursor.value.startswith("$") or cursor.value.startswith("$$"):
        return False
    reference = _reference(cursor)
    if reference is None:
        cursor.fault(
            f"{show(cursor.value)} is no reference",
            "write $name, $fact.field or $asset.name; $$ for a text with $",
        )
        return True
    operator = OPERATORS[name]
    if operator.operand == "boolean":
        cursor.fault("a constant is wanted here", "write true or false")
        return True
    got = _group(cursor, reference, scope)
    wanted = "text" if operator.operand == "element" else group_of(spec.type)
    allowed = {wanted, "texts"} if takes_list and wanted == "text" else {wanted}
    if operator.operand == "list" and takes_list:
        allowed = {"texts"} if wanted == "text" else set()
    if got is not None and got not in allowed:
        noun = " or ".join(sorted(allowed)) or f"a list of {wanted}s, written out,"
        cursor.fault(f"{cursor.value} is {got}", f"{name} on {spec.name} takes {noun}")
    elif got is not None and reference.scope == "param":
        _check_values(scope.values.get(reference.name, ()), name, spec, as_item=not takes_list)
    return True


def _check_values(values: Iterable[Cursor], name: str, spec: FieldSpec, *, as_item: bool) -> None:
    """Check every known value of a parameter where the parameter is used."""
    operator = OPERATORS[name]
    for value in values:
        if value.value == []:  # a list that a site has not filled yet
            continue
        if as_item and operator.operand in {"list", "networks", "pair"}:
            item = Cursor([value.value], value.place, value.key, value.faults)
            if operator.operand != "pair":
                check_constant(item, operator, spec)
        else:
            check_constant(value, operator, spec)


def _group(cursor: Cursor, reference: Reference, scope: Scope) -> str | None:
    """Return the group of types that a reference belongs to, None after a fault."""
    if reference.scope == "param":
        return _param_group(cursor, reference, scope)
    if reference.scope == "fact":
        return _fact_group(cursor, reference, scope)
    if reference.name not in ASSET_FIELDS:
        cursor.fault(f"an asset has no {show(reference.name)}", suggest(reference.name, ASSET_FIELDS))
        return None
    return _ASSET_GROUPS[reference.name]


def _param_group(cursor: Cursor, reference: Reference, scope: Scope) -> str | None:
    param = _param(cursor, reference, scope)
    if param is not None and param.type == "predicates":
        cursor.fault(f"${param.name} is a list of predicates", "name it in listed_in")
        return None
    return None if param is None else _PARAM_GROUPS[param.type]


def _fact_group(cursor: Cursor, reference: Reference, scope: Scope) -> str | None:
    if not scope.facts:
        cursor.fault("$fact. means nothing here")
        return None
    spec = scope.kind.field(reference.name)
    if spec is None:
        known = [item.name for item in scope.kind.fields]
        message = f"the kind {scope.kind.name} has no field {show(reference.name)}"
        cursor.fault(message, suggest(reference.name, known))
        return None
    return group_of(spec.type)


def _param(cursor: Cursor, reference: Reference, scope: Scope) -> Param | None:
    param = scope.params.get(reference.name)
    if param is None and reference.name in scope.broken:
        return None
    if param is None:
        advice = suggest(f"${reference.name}", [f"${name}" for name in scope.params])
        cursor.fault(f"there is no parameter ${reference.name}", advice or "declare it under params")
        return None
    scope.used.add(reference.name)
    return param


def _reference(cursor: Cursor) -> Reference | None:
    try:
        return parse_reference(cursor.value)
    except ValueError:
        return None


def check_value(cursor: Cursor, spec: FieldSpec) -> Any:
    """Check the value of a field in the facts of a test.

    Args:
        cursor: the value; null means looked, there is none.
        spec: the field.
    """
    if cursor.value is None:
        return
    if is_reference(cursor) and (spec.type is not FieldType.TEXT or spec.values):
        cursor.fault(f"{show(cursor.value)} stands for nothing in a fact", "write the value itself")
    elif spec.type is FieldType.RECORDS:
        for item in cursor.items():
            item.entries()
    elif spec.type is FieldType.TEXTS:
        for item in cursor.items():
            check_constant(item, OPERATORS["contains"], spec)
    else:
        check_constant(cursor, OPERATORS["eq"], spec)
