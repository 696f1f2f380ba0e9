"""Read the parameters of a rule, and the values that rules, profiles, overrides and tests give them."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, Final

from secmon.core.cursor import (
    Cursor,
    drop_none,
    read_boolean,
    read_integer,
    read_list,
    read_number,
    read_text,
    read_word,
    show,
)
from secmon.core.nearest import suggest
from secmon.core.nodes import plain
from secmon.core.rule import Param
from secmon.core.typecheck import Scope, check_count, check_entries, check_predicate

if TYPE_CHECKING:
    from collections.abc import Mapping

    from secmon.core.contract import KindSpec
    from secmon.core.model import Json
    from secmon.core.rule import Rule

TYPES: Final = ("integer", "number", "text", "texts", "boolean", "predicates")
LEVELS: Final = tuple(f"level_{level}" for level in range(1, 6))
PARAM_KEYS: Final = ("type", "default", *LEVELS, "tighten", "local", "unit")
PARAM_NAME: Final = re.compile(r"[a-z][a-z0-9_]{0,39}\Z")
ORDERED: Final = ("integer", "number")


def read_params(cursor: Cursor | None, kind: KindSpec) -> tuple[dict[str, Param], dict[str, list[Cursor]]]:
    """Read `params` of a rule.

    Args:
        cursor: the mapping, None where the rule has none.
        kind: the rule's kind of fact.

    Returns:
        Parameters by name, and every value that the rule itself gives them.
    """
    params: dict[str, Param] = {}
    values: dict[str, list[Cursor]] = {}
    for name, entry in (cursor.entries() if cursor else {}).items():
        if not PARAM_NAME.match(name):
            entry.fault(f"{show(name)} cannot be a name", "use lower-case letters, digits and _")
        elif isinstance(entry.value, dict):
            values[name] = []
            param = _read_param(name, entry, kind, values[name])
            if param is not None:
                params[name] = param
        else:
            entry.wrong("a mapping with type and default")
    return params, values


def _read_param(name: str, cursor: Cursor, kind: KindSpec, right: list[Cursor]) -> Param | None:
    """Read one parameter, and collect those of its values that are of its type."""
    fields = cursor.mapping(PARAM_KEYS, ("type",))
    type_name = read_word(fields["type"], TYPES) if "type" in fields else None
    if type_name is None:
        return None
    values = {
        key: read_value(field, type_name, kind)
        for key, field in fields.items()
        if key in {"default", *LEVELS}
    }
    right.extend(fields[key] for key, value in values.items() if value is not None)
    # A faulty default stands in for itself: what is there must not be told to be missing as well.
    if "default" in values and values["default"] is None:
        values["default"] = plain(fields["default"].value)
    tighten = read_word(fields["tighten"], ("up", "down")) if "tighten" in fields else ""
    if tighten and type_name not in ORDERED:
        fields["tighten"].fault(
            f"a parameter of type {type_name} has no stricter side", "only numbers have one"
        )
    return Param(
        name=name,
        type=type_name,  # type: ignore[arg-type]  # read_word let only TYPES through
        default=values.pop("default", None),
        levels={int(key[-1]): value for key, value in drop_none(values).items()},
        tighten=tighten or "",  # type: ignore[arg-type]  # read_word let only these through
        local=bool(read_boolean(fields["local"])) if "local" in fields else False,
        unit=read_text(fields["unit"]) or "" if "unit" in fields else "",
    )


def read_value(cursor: Cursor, type_name: str, kind: KindSpec) -> Any:
    """Read one value of a parameter.

    Args:
        cursor: the value.
        type_name: type of the parameter.
        kind: the rule's kind of fact.

    Returns:
        The value as JSON, None after a fault.
    """
    before = len(cursor.faults)
    if type_name == "integer":
        value: Any = read_integer(cursor)
    elif type_name == "number":
        value = read_number(cursor)
    elif type_name == "boolean":
        value = read_boolean(cursor)
    elif type_name == "text":
        value = read_text(cursor)
    elif type_name == "texts":
        value = list(read_list(cursor, read_text))
    else:
        check_entries(cursor, Scope(kind, {}))
        value = plain(cursor.value)
    return value if len(cursor.faults) == before else None


def read_given(cursor: Cursor, rule: Rule, kind: KindSpec) -> Json:
    """Read values that something else than the rule gives its parameters, and check them where they are used.

    Args:
        cursor: parameter -> value.
        rule: the rule.
        kind: its kind of fact.

    Returns:
        Parameter -> value, those without a fault.
    """
    known = {param.name: param for param in rule.params}
    given: Json = {}
    usable: dict[str, list[Cursor]] = {}
    for name, value in cursor.entries().items():
        if name not in known:
            message = f"{rule.id} has no parameter {show(name)}"
            cursor.key_at(name).fault(message, suggest(name, known))
            continue
        given[name] = read_value(value, known[name].type, kind)
        if given[name] is not None:
            usable[name] = [value]
    check_uses(cursor, rule, kind, usable)
    return drop_none(given)


def check_uses(cursor: Cursor, rule: Rule, kind: KindSpec, values: Mapping[str, list[Cursor]]) -> None:
    """Check values of parameters against the fields that a rule compares them with.

    Args:
        cursor: anything of the document that gives the values.
        rule: a validated rule.
        kind: its kind of fact.
        values: parameter -> its values.
    """
    scope = Scope(kind, {param.name: param for param in rule.params}, values)
    for tree in (rule.where, rule.require):
        if tree is not None:
            check_predicate(Cursor(tree, rule.place, rule.id, cursor.faults), scope)
    if rule.count is not None:
        check_count(Cursor(rule.count, rule.place, rule.id, cursor.faults), scope)
