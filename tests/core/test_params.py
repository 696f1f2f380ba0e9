from __future__ import annotations

import pytest

from secmon.core.cursor import start
from secmon.core.params import read_given, read_params, read_value
from secmon.core.rules import load_rules
from tests.support.rulebook import LISTENER, REGISTRY, read, rule, told


@pytest.mark.parametrize(
    ("type_name", "text", "value"),
    [
        ("integer", "5", 5),
        ("number", "5.5", 5.5),
        ("boolean", "false", False),
        ("text", "x", "x"),
        ("texts", "[a, b]", ["a", "b"]),
        ("predicates", "[{port: 1, until: 2027-01-01}]", [{"port": 1, "until": "2027-01-01"}]),
        ("integer", "5.5", None),
        ("text", "5", None),
        ("texts", "[a, 5]", None),
        ("predicates", "[{prt: 1}]", None),
    ],
)
def test_values_of_every_type(type_name, text, value):
    faults = []
    got = read_value(start(read(f"x: {text}"), "f", faults).at("x"), type_name, LISTENER)
    assert got == value
    assert type(got) is type(value)
    assert bool(faults) == (value is None)


def test_what_the_rule_gives_is_collected_where_it_stands():
    faults = []
    document = read(
        "a: {type: integer, default: 5, level_3: 4, level_4: x}\nb: {type: text, local: true, unit: days}"
    )
    params, values = read_params(start(document, "f", faults), LISTENER)
    assert told(faults) == ['f:1:53: a.level_4: a whole number is wanted, not "x"']
    assert (params["a"].default, params["a"].levels, params["a"].local) == (5, {3: 4}, False)
    assert (params["b"].default, params["b"].levels, params["b"].local, params["b"].unit) == (
        None,
        {},
        True,
        "days",
    )
    assert [(item.value, str(item.place)) for item in values["a"]] == [(5, "f:1:29"), (4, "f:1:41")]
    assert values["b"] == []


def test_values_from_elsewhere_are_checked_where_the_rule_uses_them():
    body = "require: {proto: $which}\nparams: {which: {type: text, default: tcp}}"
    (only,), _ = load_rules([("r", rule(body))], REGISTRY)
    faults = []
    given = read_given(start(read("which: tpc\nother: 1"), "f", faults), only, LISTENER)
    assert given == {"which": "tpc"}
    assert told(faults) == [
        'f:2:1: other: ports.a has no parameter "other"; one of which',
        'f:1:8: which: "tpc" is not known here; did you mean tcp?',
    ]
