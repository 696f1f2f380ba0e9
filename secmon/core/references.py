"""Read the references that an operand may hold: `$param`, `$fact.field`, `$asset.level`."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, Literal

if TYPE_CHECKING:
    from collections.abc import Mapping

    from secmon.core.model import Asset

ASSET_FIELDS: Final = ("level", "roles", "unit", "id", "platform")
REFERENCE: Final = re.compile(r"\$(?:(fact|asset)\.)?([a-z][a-z0-9_]*)\Z")


@dataclass(frozen=True, slots=True)
class Reference:
    """A value that stands somewhere else.

    Attributes:
        scope: a parameter of the rule, a field of the same subject, or an attribute of the asset.
        name: its name there.
    """

    scope: Literal["param", "fact", "asset"]
    name: str


def parse_reference(value: Any) -> Reference | None:
    """Return the reference that a value of a rule is.

    Args:
        value: an operand or an item of one.

    Returns:
        The reference; None for a literal, `$$...` included.

    Raises:
        ValueError: it begins with one `$` and is no reference.
    """
    if not isinstance(value, str) or not value.startswith("$") or value.startswith("$$"):
        return None
    found = REFERENCE.match(value)
    if not found:
        raise ValueError("write $name, $fact.field or $asset.name; $$ for a text that begins with $")
    return Reference(found[1] or "param", found[2])  # type: ignore[arg-type]  # the pattern has only these


def literal(value: Any) -> Any:
    """Return a literal with its `$$` unescaped."""
    return value[1:] if isinstance(value, str) and value.startswith("$$") else value


def asset_value(asset: Asset, name: str) -> Any:
    """Return an attribute of an asset as operands compare it.

    Args:
        asset: the asset.
        name: one of ASSET_FIELDS.

    Returns:
        A number, a text, or a list of texts.
    """
    if name == "roles":
        return [role.value for role in asset.roles]
    return asset.platform.value if name == "platform" else getattr(asset, name)


def substitute(operand: Any, params: Mapping[str, Any], asset: Asset) -> Any:
    """Return an operand in which only references to fields of the subject are left.

    Args:
        operand: a scalar, or a list of scalars.
        params: effective values of every parameter.
        asset: the asset.

    Returns:
        The same shape, with a Reference in the place of each `$fact.field`.
    """
    if isinstance(operand, list):
        return [substitute(item, params, asset) for item in operand]
    reference = parse_reference(operand)
    if reference is None:
        return literal(operand)
    if reference.scope == "param":
        return params[reference.name]
    return asset_value(asset, reference.name) if reference.scope == "asset" else reference
