"""Check the constants that rules compare fields with."""

from __future__ import annotations

import ipaddress
from typing import TYPE_CHECKING, Final

from secmon.core.contract import FieldType
from secmon.core.cursor import Cursor, read_boolean, read_parsed, read_text, read_word, show
from secmon.core.operators import parse_network
from secmon.core.versions import dpkg_key

if TYPE_CHECKING:
    from collections.abc import Callable

    from secmon.core.contract import FieldSpec
    from secmon.core.operators import Operator

PATTERN_LIMIT: Final = 256
"""Characters of a glob, prefix or suffix."""

_GROUPS: Final = {
    FieldType.TEXT: "text",
    FieldType.ADDRESS: "text",
    FieldType.DPKG_VERSION: "text",
    FieldType.INTEGER: "number",
    FieldType.NUMBER: "number",
    FieldType.TIMESTAMP: "number",
    FieldType.BOOLEAN: "boolean",
    FieldType.TEXTS: "texts",
    FieldType.RECORDS: "records",
}


def group_of(kind: FieldType) -> str:
    """Return which types a type may be compared with: text, number, boolean, texts, records."""
    return _GROUPS[kind]


def check_constant(cursor: Cursor, operator: Operator, spec: FieldSpec) -> None:
    """Check an operand in which references are left alone.

    Args:
        cursor: the operand.
        operator: what it belongs to.
        spec: the field.
    """
    if operator.operand == "boolean":
        read_boolean(cursor)
    elif operator.operand == "pattern":
        _check_pattern(cursor)
    elif operator.operand == "networks":
        _check_networks(cursor)
    elif operator.operand == "version":
        _check_parsed(cursor, dpkg_key, "a Debian version")
    elif operator.operand == "pair":
        _check_pair(cursor, spec)
    elif operator.operand == "list":
        _check_list(cursor, operator, spec)
    else:
        check_scalar(cursor, spec, null=operator.null_operand, exact=operator.null_operand)


def is_reference(cursor: Cursor) -> bool:
    """Return whether a value is meant as a reference, right or wrong."""
    value = cursor.value
    return isinstance(value, str) and value.startswith("$") and not value.startswith("$$")


def check_scalar(cursor: Cursor, spec: FieldSpec, *, null: bool, exact: bool) -> None:
    """Check one constant against the type of a field.

    Args:
        cursor: the constant.
        spec: the field; of a list field, its elements.
        null: null may be compared with.
        exact: the constant must be a possible value of the field, as with eq and in.
    """
    value = cursor.value
    if (value is None and null) or is_reference(cursor):
        return
    group = group_of(spec.type)
    if group == "boolean":
        read_boolean(cursor)
    elif group == "number":
        _check_number(cursor, spec, exact=exact)
    elif spec.values:
        read_word(cursor, spec.values)
    elif spec.type is FieldType.ADDRESS:
        _check_address(cursor)
    elif spec.type is FieldType.DPKG_VERSION:
        _check_parsed(cursor, dpkg_key, "a Debian version")
    elif value != "":
        read_text(cursor)


def _check_number(cursor: Cursor, spec: FieldSpec, *, exact: bool) -> None:
    value = cursor.value
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        cursor.wrong("a number", _advise_number(value))
    elif exact and spec.type is FieldType.INTEGER and not isinstance(value, int):
        cursor.wrong("a whole number")


def _advise_number(value: object) -> str:
    if not isinstance(value, str) or not value.strip("+-").isdecimal():
        return ""
    if len(value) > 1 and value[0] == "0":  # 022 is 18 to some readers and 22 to others
        return "write it without the zero in front"
    return "remove the quotes"


def _check_address(cursor: Cursor) -> None:
    """Check an address; facts hold the shortest spelling, so another one would never be equal."""
    text = read_text(cursor)
    if text is None:
        return
    try:
        address = ipaddress.ip_address(text)
    except ValueError:
        cursor.wrong("an address", "use cidr for a network" if "/" in text else "")
        return
    if str(address) != text:
        cursor.fault(f"{show(text)} is not how facts spell that address", f"write {address}")


def _check_parsed(cursor: Cursor, parse: Callable[[str], object], wanted: str) -> None:
    text = read_text(cursor)
    if text is None:
        return
    try:
        parse(text)
    except ValueError as error:
        cursor.wrong(wanted, str(error))


def _check_pattern(cursor: Cursor) -> None:
    text = read_text(cursor)
    if text is not None and len(text) > PATTERN_LIMIT:
        cursor.fault(f"a pattern of {len(text)} characters", f"at most {PATTERN_LIMIT}")


def _check_networks(cursor: Cursor) -> None:
    if not isinstance(cursor.value, list):
        read_parsed(cursor, parse_network)
        return
    items = cursor.items()
    if not items:
        cursor.fault("the list is empty")
    for item in items:
        if not is_reference(item):
            read_parsed(item, parse_network)


def _check_pair(cursor: Cursor, spec: FieldSpec) -> None:
    items = cursor.items()
    if not isinstance(cursor.value, list):
        return
    if len(items) != 2:
        cursor.fault("between takes two values", "write [low, high]; both are included")
        return
    before = len(cursor.faults)
    for item in items:
        check_scalar(item, spec, null=False, exact=False)
    low, high = items
    if (
        len(cursor.faults) == before
        and not is_reference(low)
        and not is_reference(high)
        and low.value > high.value
    ):
        cursor.fault("the first value is above the second", "write [low, high]")


def _check_list(cursor: Cursor, operator: Operator, spec: FieldSpec) -> None:
    if not isinstance(cursor.value, list):
        cursor.wrong("a list", f"write [{cursor.value}]" if isinstance(cursor.value, (str, int)) else "")
        return
    items = cursor.items()
    if not items:
        cursor.fault("the list is empty")
    for item in items:
        check_scalar(item, spec, null=operator.null_operand, exact=True)
