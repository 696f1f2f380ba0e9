"""Compile a validated predicate into closures that answer in three values (Kleene's strong logic).

A field that was not seen makes every operator on it unknown, `exists` included; false beats unknown in a
conjunction, true in a disjunction.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from secmon.core.operators import OPERATORS, Kleene
from secmon.core.quantities import day_end, parse_day
from secmon.core.references import Reference, parse_reference, substitute

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from secmon.core.contract import KindSpec
    from secmon.core.model import Asset, Json

    Test = Callable[[Mapping[str, Any]], Kleene]
    Matcher = Callable[[Any], Kleene]

STRUCTURE: Final = ("all", "any", "not", "listed_in")
"""Keys of a predicate that are no fields."""
UNTIL: Final = "until"
"""Key of an entry of a `predicates` parameter: its last day."""

_MISSING: Final = object()


@dataclass(frozen=True, slots=True)
class Predicate:
    """A compiled predicate.

    Attributes:
        test: field -> value of a subject (absent where not seen) to True, False, or None for unknown.
        fields: every field that it reads.
    """

    test: Callable[[Mapping[str, Any]], bool | None]
    fields: frozenset[str]


def compile_predicate(
    tree: Json, kind: KindSpec, params: Mapping[str, Any], asset: Asset, now: float
) -> Predicate:
    """Compile a validated predicate.

    Args:
        tree: what core.typecheck found right.
        kind: the kind of fact that it is about.
        params: effective values of every parameter that it names.
        asset: what `$asset.` means.
        now: Unix seconds; entries of a list whose last day is over do not hold.

    Returns:
        The predicate.

    Raises:
        ValueError: an effective value means nothing to an operator, such as a text that is no network.
    """
    del kind  # the type check used it; compiled code needs no types
    compiler = _Compiler(params, asset, now, set())
    test = compiler.predicate(tree)
    return Predicate(test, frozenset(compiler.fields))


def compile_count(operators: Json, params: Mapping[str, Any], asset: Asset) -> Callable[[int], bool]:
    """Compile the operators of a rule's `count`.

    Args:
        operators: what core.typecheck found right.
        params: effective values of every parameter.
        asset: what `$asset.` means.

    Returns:
        Whether a number of subjects meets them.

    Raises:
        ValueError: an effective value means nothing to an operator.
    """
    matcher = _Compiler(params, asset, 0.0, set()).matcher(operators)
    return lambda number: bool(matcher(number))


def parts_named(where: Json | None, kind: KindSpec, params: Mapping[str, Any]) -> frozenset[str] | None:
    """Return the parts of a kind that a `where` restricts itself to by `eq` and `in`.

    Args:
        where: a validated predicate, None for all subjects.
        kind: the kind; its `part_field` names the part.
        params: effective values of every parameter.

    Returns:
        The parts, None for all of them.
    """
    if where is None or not kind.part_field:
        return None
    named = [_parts_of_entry(key, value, kind, params) for key, value in where.items()]
    restricted = [parts for parts in named if parts is not None]
    return frozenset.intersection(*restricted) if restricted else None


def _parts_of_entry(key: str, value: Any, kind: KindSpec, params: Mapping[str, Any]) -> frozenset[str] | None:
    if key == "all":
        named = [parts_named(branch, kind, params) for branch in value]
        restricted = [parts for parts in named if parts is not None]
        return frozenset.intersection(*restricted) if restricted else None
    if key == "any":
        branches = [parts_named(branch, kind, params) for branch in value]
        return None if None in branches else frozenset().union(*(parts for parts in branches if parts))
    if key != kind.part_field:
        return None
    operators = value if isinstance(value, dict) else {"eq": value}
    found: list[frozenset[str]] = []
    for name in ("eq", "in"):
        if name in operators:
            words = _constants(operators[name], params)
            if words is not None:
                found.append(frozenset(words))
    return frozenset.intersection(*found) if found else None


def _constants(operand: Any, params: Mapping[str, Any]) -> list[str] | None:
    """Return the texts that an operand stands for, None where they depend on the subject or the asset."""
    words: list[str] = []
    for item in operand if isinstance(operand, list) else [operand]:
        reference = parse_reference(item)
        if reference is not None and reference.scope != "param":
            return None
        value = item if reference is None else params[reference.name]
        words.extend(value if isinstance(value, list) else [value])
    return words


@dataclass(frozen=True, slots=True)
class _Compiler:
    params: Mapping[str, Any]
    asset: Asset
    now: float
    fields: set[str]

    def predicate(self, tree: Json) -> Test:
        return _all([self._entry(key, value) for key, value in tree.items()])

    def _entry(self, key: str, value: Any) -> Test:
        if key == "all":
            return _all([self.predicate(branch) for branch in value])
        if key == "any":
            return _any([self.predicate(branch) for branch in value])
        if key == "not":
            return _not(self.predicate(value))
        if key == "listed_in":
            return self._listed(value)
        return self._field(key, value)

    def _listed(self, operand: str) -> Test:
        reference = parse_reference(operand)
        entries = self.params[reference.name] if reference is not None else None
        return _any([self.predicate(entry) for entry in self._current(entries or ())])

    def _current(self, entries: Iterable[Json]) -> Iterable[Json]:
        """Return the entries whose last day is not over, without that day."""
        for entry in entries:
            until = entry.get(UNTIL)
            if until is None or self.now < day_end(parse_day(until)):
                yield {key: value for key, value in entry.items() if key != UNTIL}

    def _field(self, name: str, value: Any) -> Test:
        self.fields.add(name)
        operators = value if isinstance(value, dict) else {"eq": value}
        return _all([self._operator(name, operator, operand) for operator, operand in operators.items()])

    def _operator(self, name: str, operator: str, operand: Any) -> Test:
        if operator == "not":
            return _not(self._field(name, operand))
        if operator in OPERATORS:
            operand = substitute(operand, self.params, self.asset)
            if _has_reference(operand):
                return self._dynamic(name, operator, operand)
            return _apply(name, OPERATORS[operator].bind(operand))
        return _apply(name, self._quantifier(operator, operand))

    def _dynamic(self, name: str, operator: str, operand: Any) -> Test:
        """Return a test whose operand is a field of the same subject."""
        spec = OPERATORS[operator]
        self.fields.update(_referred(operand))

        def test(values: Mapping[str, Any]) -> Kleene:
            value = values.get(name, _MISSING)
            bound = _fill(operand, values)
            if value is _MISSING or bound is _MISSING:
                return None
            if bound is None and not spec.null_operand:
                return False
            try:
                return spec.bind(bound)(value)
            except ValueError:
                return None  # the other field holds what this operator cannot read

        return test

    def _quantifier(self, operator: str, operand: Any) -> Matcher:
        matcher = self.matcher(operand if isinstance(operand, dict) else {"eq": operand})
        fold = _some if operator == "some" else _every
        return lambda value: False if value is None else fold(matcher(item) for item in value)

    def matcher(self, operators: Json) -> Matcher:
        """Compile operators on a value that is no field of its own: a list's element, a count."""
        matchers = [self._match(operator, operand) for operator, operand in operators.items()]
        return lambda value: _every(matcher(value) for matcher in matchers)

    def _match(self, operator: str, operand: Any) -> Matcher:
        if operator == "not":
            inner = self.matcher(operand if isinstance(operand, dict) else {"eq": operand})
            return lambda value: negate(inner(value))
        return OPERATORS[operator].bind(substitute(operand, self.params, self.asset))


def negate(value: Kleene) -> Kleene:
    """Return Kleene's not."""
    return None if value is None else not value


def _every(values: Iterable[Kleene]) -> Kleene:
    verdict: Kleene = True
    for value in values:
        if value is False:
            return False
        if value is None:
            verdict = None
    return verdict


def _some(values: Iterable[Kleene]) -> Kleene:
    verdict: Kleene = False
    for value in values:
        if value:
            return True
        if value is None:
            verdict = None
    return verdict


def _all(tests: list[Test]) -> Test:
    if len(tests) == 1:
        return tests[0]

    def test(values: Mapping[str, Any]) -> Kleene:
        verdict: Kleene = True
        for each in tests:
            said = each(values)
            if said is False:
                return False
            if said is None:
                verdict = None
        return verdict

    return test


def _any(tests: list[Test]) -> Test:
    return lambda values: _some(test(values) for test in tests)


def _not(inner: Test) -> Test:
    return lambda values: negate(inner(values))


def _apply(name: str, matcher: Matcher) -> Test:
    def test(values: Mapping[str, Any]) -> Kleene:
        try:  # costs nothing where the field was seen, which is nearly always
            value = values[name]
        except KeyError:
            return None
        return matcher(value)

    return test


def _has_reference(operand: Any) -> bool:
    items = operand if isinstance(operand, list) else [operand]
    return any(isinstance(item, Reference) for item in items)


def _referred(operand: Any) -> set[str]:
    items = operand if isinstance(operand, list) else [operand]
    return {item.name for item in items if isinstance(item, Reference)}


def _fill(operand: Any, values: Mapping[str, Any]) -> Any:
    """Return an operand with the subject's values, or _MISSING where one was not seen."""
    if isinstance(operand, Reference):
        return values.get(operand.name, _MISSING)
    if not isinstance(operand, list):
        return operand
    filled = [_fill(item, values) for item in operand]
    return _MISSING if any(item is _MISSING for item in filled) else filled
