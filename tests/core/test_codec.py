"""Frozen types survive the wire."""

import json

import pytest

from secmon.core.codec import decode, encode
from secmon.core.model import Completeness, Fact, Form, Observation, Reason, Severity, Target, Vantage
from secmon.core.plan import Invocation
from secmon.core.rule import Param, Place, Rule, RuleTest

RULE = Rule(
    id="ports.telnet",
    check="ports",
    kind="listener",
    severity=Severity.CRITICAL,
    title={"vi": "Telnet mở", "en": "Telnet"},
    fix={"vi": "Tắt", "en": "Off"},
    place=Place("a.yml", 3, 5),
    where={"port": {"in": [23]}},
    never=True,
    params=(Param("max", "integer", default=3, levels={3: 1}),),
    tests=(RuleTest("x", ({"port": 23},), "fail", Place("a.yml", 9, 1)),),
)


@pytest.mark.parametrize(
    "value",
    [
        RULE,
        Target("a", "tls", Form.ENDPOINT, "h:443", Vantage.OUTSIDE, {"port": 443}),
        Observation(
            "a", "tls", "h:443", 1.0, 2.0, Completeness.PARTIAL, {"endpoint": None, "certificate": Reason.TIMEOUT},
            (Fact("endpoint", {"port": 443, "sni": None}, {"ocsp": Reason.NO_DATA}),), Reason.TIMEOUT, "x",
        ),
        Invocation("scan", targets=("a", "b"), environment={"HOME": "/"}),
    ],
)  # fmt: skip
def test_there_and_back(value) -> None:
    assert decode(type(value), json.loads(json.dumps(encode(value)))) == value


def test_a_wrong_type_is_an_error() -> None:
    with pytest.raises(ValueError, match="wanted"):
        decode(Place, {"file": 3, "line": 1, "column": 1})
    with pytest.raises(ValueError, match="nonsense"):
        decode(Fact, {"kind": "x", "values": {}, "missing": {"a": "nonsense"}})
    with pytest.raises(TypeError, match="mapping"):
        decode(Place, [1])
    with pytest.raises(TypeError):
        decode(Place, {"file": "x"})


def test_unknown_keys_are_left_out_so_that_formats_may_grow() -> None:
    assert decode(Place, {"file": "x", "line": 1, "column": 2, "new": 1}) == Place("x", 1, 2)
