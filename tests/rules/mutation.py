"""Make every small mistake that somebody could make in a rule: the mutants that its own tests must notice."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Final

from secmon.core.predicate import UNTIL

if TYPE_CHECKING:
    from collections.abc import Iterator

    from secmon.core.contract import FieldSpec, KindSpec
    from secmon.core.rule import Param, Rule

SWAPS: Final = {
    "eq": ("ne",),
    "ne": ("eq",),
    "in": ("not_in",),
    "not_in": ("in",),
    "lt": ("le", "ge"),
    "le": ("lt", "gt", "eq"),
    "gt": ("ge", "le"),
    "ge": ("gt", "lt", "eq"),
    "prefix": ("suffix", "eq"),
    "suffix": ("prefix", "eq"),
    "glob": ("eq",),
    "some": ("every",),
    "every": ("some",),
    "all": ("any",),
    "any": ("all",),
}
"""Operator -> what a tired author could have written instead."""


@dataclass(frozen=True)
class Mutant:
    """A rule with one mistake."""

    what: str
    rule: Rule


def mutants(rule: Rule, kind: KindSpec) -> Iterator[Mutant]:
    """Yield every mutant of a rule's `where`, `require`, `count` and parameters."""
    for name in ("where", "require"):
        tree = getattr(rule, name)
        if tree is None:
            continue
        for what, mutated in _of_predicate(tree, kind):
            yield Mutant(f"{name}: {what}", replace(rule, **{name: mutated}))
    if rule.where is not None:
        yield Mutant("where: removed", replace(rule, where=None))
    if rule.never:
        yield Mutant("require: never removed", replace(rule, never=False, require={}))
    for what, mutated in _of_operators(rule.count or {}, None):
        if mutated:
            yield Mutant(f"count: {what}", replace(rule, count=mutated))
    for index, param in enumerate(rule.params):
        for what, mutated in _of_param(param, kind):
            params = (*rule.params[:index], mutated, *rule.params[index + 1 :])
            yield Mutant(f"params.{param.name}: {what}", replace(rule, params=params))


def _of_param(param: Param, kind: KindSpec) -> Iterator[tuple[str, Param]]:
    for what, value in _of_value(param.default, None, kind):
        yield f"default: {what}", replace(param, default=value)
    for level, value in param.levels.items():
        for what, mutated in _of_value(value, None, kind):
            yield f"level_{level}: {what}", replace(param, levels={**param.levels, level: mutated})
        others = {number: other for number, other in param.levels.items() if number != level}
        yield f"level_{level} removed", replace(param, levels=others)


def _of_predicate(tree: dict[str, Any], kind: KindSpec) -> Iterator[tuple[str, dict[str, Any]]]:
    for key, value in tree.items():
        rest = {name: other for name, other in tree.items() if name != key}
        yield f"{key} removed", rest
        for what, mutated in _of_entry(key, value, kind):
            yield f"{key}: {what}", {**tree, key: mutated}
        if key in SWAPS:
            for other in SWAPS[key]:
                if other not in tree:
                    yield f"{key} -> {other}", {**rest, other: value}
        if key == "not":
            yield "not dropped", {"all": [*([rest] if rest else []), value]}


def _of_entry(key: str, value: Any, kind: KindSpec) -> Iterator[tuple[str, Any]]:
    if key in {"all", "any"}:
        for index, branch in enumerate(value):
            rest = [*value[:index], *value[index + 1 :]]
            yield f"branch {index} removed", rest
            for what, mutated in _of_predicate(branch, kind):
                yield f"branch {index}: {what}", [*value[:index], mutated, *value[index + 1 :]]
    elif key == "not":
        yield from _of_predicate(value, kind)
    elif key not in {"listed_in", UNTIL}:
        spec = kind.field(key)
        if isinstance(value, dict):
            yield from _of_operators(value, spec)
        else:
            yield "eq -> ne", {"ne": value}
            yield from _of_value(value, spec, kind)


def _of_operators(operators: dict[str, Any], spec: FieldSpec | None) -> Iterator[tuple[str, dict[str, Any]]]:
    for name, operand in operators.items():
        rest = {other: value for other, value in operators.items() if other != name}
        if rest:
            yield f"{name} removed", rest
        for other in SWAPS.get(name, ()):
            yield f"{name} -> {other}", {**rest, other: operand}
        if name == "between":
            yield "between -> ge", {**rest, "ge": operand[0]}
            yield "between -> le", {**rest, "le": operand[1]}
        elif name in {"cidr", "contains", "version_lt"}:
            yield f"{name} -> not", {**rest, "not": {name: operand}}
        inner = _of_operators(operand, spec) if isinstance(operand, dict) else _of_value(operand, spec, None)
        for what, mutated in inner:
            yield f"{name}: {what}", {**operators, name: mutated}


def _of_value(value: Any, spec: FieldSpec | None, kind: KindSpec | None) -> Iterator[tuple[str, Any]]:
    if isinstance(value, list):
        yield from _of_list(value, spec, kind)
    elif isinstance(value, bool):
        yield f"{value} flipped", not value
    elif isinstance(value, int):
        yield from ((f"{value} -> {other}", other) for other in (value - 1, value + 1))
    elif isinstance(value, float):
        yield from (
            (f"{value} -> {other}", other) for other in (value - 1, value * 0.9, value * 1.1, value + 1)
        )
    elif isinstance(value, str) and not value.startswith("$"):
        yield from ((f"{value} -> {other}", other) for other in _other_texts(value, spec))


def _other_texts(value: str, spec: FieldSpec | None) -> list[str]:
    return [f"{value}x", *(word for word in (spec.values if spec else ()) if word != value)]


def _of_list(
    value: list[Any], spec: FieldSpec | None, kind: KindSpec | None
) -> Iterator[tuple[str, list[Any]]]:
    for index, item in enumerate(value):
        rest = [*value[:index], *value[index + 1 :]]
        yield f"{item} removed", rest
        if isinstance(item, dict):
            assert kind is not None
            for what, mutated in _of_predicate(item, kind):
                if mutated:
                    yield f"entry {index}: {what}", [*value[:index], mutated, *value[index + 1 :]]
        else:
            for what, mutated in _of_value(item, spec, kind):
                yield what, [*value[:index], mutated, *value[index + 1 :]]
    for added in _additions(value, spec):
        yield f"{added} added", [*value, added]


def _additions(value: list[Any], spec: FieldSpec | None) -> list[Any]:
    """Return what could stand in a list by mistake: a neighbour of each number, each other word."""
    numbers = [item for item in value if isinstance(item, int)]
    near = {number + step for number in numbers for step in (-1, 1)} - set(numbers)
    words = [word for word in (spec.values if spec else ()) if word not in value]
    return [*sorted(near), *words]
