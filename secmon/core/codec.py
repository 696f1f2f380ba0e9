"""Turn the frozen types into JSON values and back, by their annotations."""

from __future__ import annotations

from dataclasses import fields, is_dataclass
from enum import Enum
from functools import cache
from types import NoneType, UnionType
from typing import Any, Literal, TypeVar, Union, get_args, get_origin, get_type_hints

T = TypeVar("T")


def encode(value: Any) -> Any:
    """Return a value as JSON values: dataclasses as mappings, enums as their values, tuples as lists.

    Args:
        value: a frozen type of ours, or JSON values with such types inside.

    Returns:
        What json.dumps takes.
    """
    if isinstance(value, Enum):
        return value.value
    if is_dataclass(value):
        return {spec.name: encode(getattr(value, spec.name)) for spec in fields(value)}
    if isinstance(value, dict):
        return {str(encode(key)): encode(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [encode(item) for item in value]
    return value


def decode(cls: type[T], value: Any) -> T:
    """Build a frozen type from what `encode` made of it.

    Args:
        cls: the dataclass.
        value: a decoded JSON mapping; absent fields take their defaults.

    Returns:
        The instance.

    Raises:
        ValueError: a value does not fit its field.
        TypeError: a field is absent that has no default, or the value is no mapping.
    """
    if not isinstance(value, dict):
        raise TypeError(f"{cls.__name__}: a mapping is wanted")
    hints = _hints(cls)  # type: ignore[arg-type]  # every class is hashable
    return cls(**{name: _build(hints[name], item) for name, item in value.items() if name in hints})


@cache
def _hints(cls: type) -> dict[str, Any]:
    return get_type_hints(cls)


def _build(hint: Any, value: Any) -> Any:
    origin = get_origin(hint)
    if origin in (Union, UnionType):
        if value is None:
            return None
        return _build(next(arm for arm in get_args(hint) if arm is not NoneType), value)
    if origin is tuple:
        return tuple(_build(get_args(hint)[0], item) for item in value)
    if origin is dict:
        key_hint, item_hint = get_args(hint)
        return {_build_key(key_hint, key): _build(item_hint, item) for key, item in value.items()}
    if hint is Any or origin is Literal:
        return value
    return _build_plain(hint, value)


def _build_key(hint: Any, key: str) -> Any:
    return int(key) if hint is int else _build(hint, key)


def _build_plain(hint: Any, value: Any) -> Any:
    if is_dataclass(hint):
        return decode(hint, value)  # type: ignore[arg-type]  # is_dataclass also admits instances
    if issubclass(hint, Enum):
        return hint(value)
    if hint is float and isinstance(value, int) and not isinstance(value, bool):
        return float(value)
    if not isinstance(value, hint):
        raise ValueError(f"{hint.__name__} is wanted, not {value!r}")  # noqa: TRY004  # one kind of bad data
    return value
