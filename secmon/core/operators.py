"""Hold the operators that a rule may use: a table of small matchers, never an expression language.

A matcher says whether a value that was seen meets an operand: True, False, or None where it cannot be told.
Null means looked, there is none: `exists: false` holds, `eq ne in not_in` compare, all others are false.
"""

from __future__ import annotations

import fnmatch
import ipaddress
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, Literal

from secmon.core.contract import FieldType
from secmon.core.versions import dpkg_key

if TYPE_CHECKING:
    from collections.abc import Callable

Kleene = bool | None

_NUMBERS: Final = frozenset({FieldType.INTEGER, FieldType.NUMBER, FieldType.TIMESTAMP})
_TEXTS: Final = frozenset({FieldType.TEXT, FieldType.ADDRESS, FieldType.DPKG_VERSION})
_SCALARS: Final = _NUMBERS | _TEXTS | {FieldType.BOOLEAN}
_LISTS: Final = frozenset({FieldType.TEXTS})


@dataclass(frozen=True, slots=True)
class Operator:
    """One operator.

    Attributes:
        name: as rules spell it.
        types: types of field that it applies to.
        operand: shape of its operand.
        bind: operand -> matcher; raises ValueError where the operand means nothing.
        null_operand: it compares with null too.
    """

    name: str
    types: frozenset[FieldType]
    operand: Literal["scalar", "list", "pair", "boolean", "pattern", "networks", "version", "element"]
    bind: Callable[[Any], Callable[[Any], Kleene]]
    null_operand: bool = False


def _eq(operand: Any) -> Callable[[Any], Kleene]:
    return lambda value: bool(value == operand)


def _ne(operand: Any) -> Callable[[Any], Kleene]:
    return lambda value: bool(value != operand)


def _in(operand: Any) -> Callable[[Any], Kleene]:
    members = frozenset(operand or ())
    return lambda value: value in members


def _not_in(operand: Any) -> Callable[[Any], Kleene]:
    members = frozenset(operand or ())
    return lambda value: value not in members


def _lt(operand: Any) -> Callable[[Any], Kleene]:
    return lambda value: value is not None and value < operand


def _le(operand: Any) -> Callable[[Any], Kleene]:
    return lambda value: value is not None and value <= operand


def _gt(operand: Any) -> Callable[[Any], Kleene]:
    return lambda value: value is not None and value > operand


def _ge(operand: Any) -> Callable[[Any], Kleene]:
    return lambda value: value is not None and value >= operand


def _between(operand: Any) -> Callable[[Any], Kleene]:
    low, high = operand
    if low is None or high is None:
        return lambda _value: False
    return lambda value: value is not None and low <= value <= high


def _exists(operand: Any) -> Callable[[Any], Kleene]:
    return lambda value: (value is not None) is operand


def _glob(operand: Any) -> Callable[[Any], Kleene]:
    # fnmatch makes atomic groups of its stars: the time is linear in the text for each star.
    match = re.compile(fnmatch.translate(operand)).match
    return lambda value: value is not None and match(value) is not None


def _prefix(operand: Any) -> Callable[[Any], Kleene]:
    return lambda value: value is not None and value.startswith(operand)


def _suffix(operand: Any) -> Callable[[Any], Kleene]:
    return lambda value: value is not None and value.endswith(operand)


def _contains(operand: Any) -> Callable[[Any], Kleene]:
    return lambda value: value is not None and operand in value


def _cidr(operand: Any) -> Callable[[Any], Kleene]:
    networks = [parse_network(text) for text in ([operand] if isinstance(operand, str) else operand)]

    def match(value: Any) -> Kleene:
        if value is None:
            return False
        try:
            address = parse_address(value)
        except ValueError:
            return None  # a name may be an address of any network
        return any(address.version == network.version and address in network for network in networks)

    return match


def _version_lt(operand: Any) -> Callable[[Any], Kleene]:
    limit = dpkg_key(operand)

    def match(value: Any) -> Kleene:
        if value is None:
            return False
        try:
            return bool(dpkg_key(value) < limit)
        except ValueError:
            return None  # a version that has no order is neither below nor above

    return match


def parse_address(text: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address:
    """Return an address, without its zone; IPv4 mapped into IPv6 counts as IPv4.

    Args:
        text: as a fact holds it.

    Returns:
        The address.

    Raises:
        ValueError: it is none.
    """
    address = ipaddress.ip_address(text.partition("%")[0])
    if isinstance(address, ipaddress.IPv6Address) and address.ipv4_mapped is not None:
        return address.ipv4_mapped
    return address


def parse_network(text: str) -> ipaddress.IPv4Network | ipaddress.IPv6Network:
    """Return a network; an address alone is a network of one.

    Args:
        text: `10.0.0.0/8`, `2001:db8::/32`.

    Returns:
        The network.

    Raises:
        ValueError: it is none, or has bits beyond its prefix, with what would be right.
    """
    try:
        loose = ipaddress.ip_network(text, strict=False)
    except ValueError:
        raise ValueError("write a network such as 10.0.0.0/8 or 2001:db8::/32") from None
    if "/" in text and loose.network_address != ipaddress.ip_address(text.partition("/")[0]):
        raise ValueError(f"the network of that address is {loose}")
    return loose


OPERATORS: Final = {
    operator.name: operator
    for operator in (
        Operator("eq", _SCALARS, "scalar", _eq, null_operand=True),
        Operator("ne", _SCALARS, "scalar", _ne, null_operand=True),
        Operator("in", _SCALARS, "list", _in, null_operand=True),
        Operator("not_in", _SCALARS, "list", _not_in, null_operand=True),
        Operator("lt", _NUMBERS, "scalar", _lt),
        Operator("le", _NUMBERS, "scalar", _le),
        Operator("gt", _NUMBERS, "scalar", _gt),
        Operator("ge", _NUMBERS, "scalar", _ge),
        Operator("between", _NUMBERS, "pair", _between),
        Operator("exists", frozenset(FieldType), "boolean", _exists),
        Operator("glob", _TEXTS, "pattern", _glob),
        Operator("prefix", _TEXTS, "pattern", _prefix),
        Operator("suffix", _TEXTS, "pattern", _suffix),
        Operator("cidr", frozenset({FieldType.ADDRESS, FieldType.TEXT}), "networks", _cidr),
        Operator("version_lt", frozenset({FieldType.DPKG_VERSION}), "version", _version_lt),
        Operator("contains", _LISTS, "element", _contains),
    )
}
"""Every operator but `not`, `some` and `every`, which hold operators themselves."""

QUANTIFIERS: Final = ("some", "every")


def operators_for(kind: FieldType) -> list[str]:
    """Return the operators that apply to a type of field, `not` and the quantifiers included.

    Args:
        kind: the type.

    Returns:
        Their names.
    """
    if kind is FieldType.RECORDS:
        return ["exists"]
    names = [operator.name for operator in OPERATORS.values() if kind in operator.types]
    return [*names, "not", *(QUANTIFIERS if kind in _LISTS else ())]
