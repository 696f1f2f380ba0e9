from __future__ import annotations

import copy

import pytest
from jsonschema import Draft202012Validator

from secmon.core.contract import CheckSpec, FieldSpec, FieldType, KindSpec, Registry
from secmon.export.report.schema import report_schema
from tests.export.report import samples

LISTENER = KindSpec(
    name="listener",
    key=("port",),
    fields=(
        FieldSpec("port", FieldType.INTEGER, "TCP port", "cổng"),
        FieldSpec("scope", FieldType.TEXT, "who can reach it", "ai tới được", values=("exposed", "loopback")),
        FieldSpec("since", FieldType.TIMESTAMP, "first seen", "thấy lần đầu"),
    ),
    sources={},
    en="one socket",
    vi="một cổng",
)
REGISTRY = Registry({"ports": CheckSpec("ports", (LISTENER,), (), 60, 10, "Ports.", "Cổng.")})
VALIDATOR = Draft202012Validator(report_schema(REGISTRY), format_checker=Draft202012Validator.FORMAT_CHECKER)


def test_the_schema_itself_is_valid():
    Draft202012Validator.check_schema(report_schema(REGISTRY))


@pytest.mark.parametrize(
    "sample",
    [samples.typical, samples.hostile, samples.many, samples.several, samples.report, samples.doubtful],
)
def test_reports_meet_it(sample):
    VALIDATOR.validate(sample())


def with_fact(fact):
    seen = samples.observation("ports", facts=[{"kind": "listener", "missing": {}} | fact])
    return samples.report(observations=[seen])


@pytest.mark.parametrize(
    "fact",
    [
        {"port": 22, "scope": "exposed", "since": 1763880000},
        {"port": "ephemeral", "scope": None},
        {"port": 22, "missing": {"scope": "permission"}},
        {"port": 22, "added_later": [1]},
    ],
)
def test_facts_are_typed_by_their_kind(fact):
    VALIDATOR.validate(with_fact(fact))


@pytest.mark.parametrize(
    "fact",
    [
        {"port": [22]},
        {"scope": "somewhere"},
        {"since": "today"},
        {"kind": "unheard-of"},
        {"missing": {"scope": "why"}},
    ],
)
def test_wrong_facts_are_refused(fact):
    assert not VALIDATOR.is_valid(with_fact(fact))


@pytest.mark.parametrize(
    ("path", "value"),
    [
        (("schema",), "secmon.report/2"),
        (("results", 0, "outcome"), "passed"),
        (("results", 0, "severity"), "urgent"),
        (("results", 0, "reason"), "because"),
        (("assets", 0, "score", "raw"), 100.1),
        (("assets", 0, "score", "grade"), "F"),
        (("assets", 0, "level"), 6),
        (("runs", 0, "canary"), None),
        (("observations", 0, "looked", "listener"), None),
        (("summary", "fail"), -1),
        (("finished",), 1763880000),
    ],
)
def test_wrong_values_are_refused(path, value):
    report = copy.deepcopy(samples.typical())
    place = report
    for key in path[:-1]:
        place = place[key]
    place[path[-1]] = value
    assert not VALIDATOR.is_valid(report)


def test_no_key_may_be_left_out():
    for key in samples.typical():
        report = samples.typical()
        del report[key]
        assert not VALIDATOR.is_valid(report), key
