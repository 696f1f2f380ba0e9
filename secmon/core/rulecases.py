"""Read the tests that travel with a rule."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from secmon.core.contract import FieldType
from secmon.core.cursor import (
    Cursor,
    read_enum,
    read_integer,
    read_list,
    read_parsed,
    read_text,
    read_word,
    show,
)
from secmon.core.model import Outcome, Reason, Role
from secmon.core.nearest import suggest
from secmon.core.nodes import plain
from secmon.core.params import read_given
from secmon.core.quantities import parse_instant
from secmon.core.rule import RuleTest
from secmon.core.ruletests import effective
from secmon.core.typecheck import check_value

if TYPE_CHECKING:
    from secmon.core.contract import FieldSpec, KindSpec
    from secmon.core.model import Json
    from secmon.core.rule import Rule

CASE_KEYS: Final = ("name", "facts", "looked", "params", "level", "roles", "now", "expect")
CASE_REQUIRED: Final = ("name", "facts", "expect")
COMPLETE: Final = "complete"
_DEFAULT_LEVEL: Final = 2


def read_tests(cursor: Cursor, rule: Rule, kind: KindSpec) -> tuple[RuleTest, ...]:
    """Read `tests` of a rule.

    Args:
        cursor: the list.
        rule: the rule, without its tests.
        kind: its kind of fact.

    Returns:
        The tests without a fault.
    """
    tests: list[RuleTest] = []
    for item in cursor.items():
        test = _read_test(item, rule, kind)
        if test is None:
            continue
        if any(test.name == other.name for other in tests):
            item.fault(f"two tests are named {show(test.name)}", "name what each one shows")
        tests.append(test)
    return tuple(tests)


def _read_test(cursor: Cursor, rule: Rule, kind: KindSpec) -> RuleTest | None:
    before = len(cursor.faults)
    fields = cursor.mapping(CASE_KEYS, CASE_REQUIRED)
    name = read_text(fields["name"]) if "name" in fields else None
    facts = _read_facts(fields["facts"], kind) if "facts" in fields else ()
    expect = read_enum(fields["expect"], Outcome) if "expect" in fields else None
    looked = None
    if "looked" in fields:
        looked = read_word(fields["looked"], [COMPLETE, *(reason.value for reason in Reason)])
    level = read_integer(fields["level"], 1, 5) if "level" in fields else _DEFAULT_LEVEL
    roles: tuple[Role, ...] = (Role.SERVER,)
    if "roles" in fields:
        roles = read_list(fields["roles"], lambda item: read_enum(item, Role), least=1)
    params = read_given(fields["params"], rule, kind) if "params" in fields else {}
    now = _read_instant(fields["now"]) if "now" in fields else None
    if "params" not in fields or isinstance(fields["params"].value, dict):
        _require_params(cursor, rule, level or _DEFAULT_LEVEL, fields)
    if len(cursor.faults) > before or name is None or expect is None:
        return None
    return RuleTest(
        name=name,
        facts=facts,
        expect=expect.value,
        place=cursor.place,
        looked=None if looked == COMPLETE else looked,
        params=params,
        level=level or _DEFAULT_LEVEL,
        roles=tuple(role.value for role in roles),
        now=now,
    )


def _require_params(cursor: Cursor, rule: Rule, level: int, fields: dict[str, Cursor]) -> None:
    """Tell of parameters that have no value of their own and get none from the test."""
    given = fields["params"].value if "params" in fields else {}
    for param in rule.params:
        if effective(param, level) is None and param.name not in given:
            cursor.fault(f"${param.name} has no default", f"give the test params: {{{param.name}: ...}}")


def _read_facts(cursor: Cursor, kind: KindSpec) -> tuple[Json, ...]:
    """Read one fact or a list of them; what a fact leaves out was not seen."""
    if isinstance(cursor.value, dict):
        return (_read_fact(cursor, kind),)
    return tuple(_read_fact(item, kind) for item in cursor.items())


def _read_fact(cursor: Cursor, kind: KindSpec) -> Json:
    fact: Json = {}
    for name, value in cursor.entries().items():
        spec = kind.field(name)
        if spec is None:
            known = [item.name for item in kind.fields]
            message = f"the kind {kind.name} has no field {show(name)}"
            cursor.key_at(name).fault(message, suggest(name, known))
        else:
            fact[name] = _read_field(value, spec)
    return fact


def _read_field(cursor: Cursor, spec: FieldSpec) -> Any:
    if spec.type is FieldType.TIMESTAMP and isinstance(cursor.value, str):
        return _read_instant(cursor)
    check_value(cursor, spec)
    return plain(cursor.value)


def _read_instant(cursor: Cursor) -> float | None:
    """Read Unix seconds, or an instant as text."""
    value = cursor.value
    if isinstance(value, (int, float)) and not isinstance(value, bool):
        return float(value)
    if not isinstance(value, str):
        cursor.wrong("an instant")
        return None
    return read_parsed(cursor, parse_instant)
