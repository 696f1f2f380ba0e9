"""The shipped rules of the check load, and each holds to its own tests."""

from __future__ import annotations

import pathlib

from secmon.checks.traffic import CHECK
from secmon.core.contract import Registry
from secmon.core.rules import load_rules
from secmon.core.ruletests import run_tests
from secmon.sources import yaml

FOLDER = pathlib.Path(__file__).parents[3] / "rules" / "traffic"


def test_every_rule_loads_and_passes_its_tests():
    documents = [yaml.read(path.read_bytes(), str(path)) for path in sorted(FOLDER.glob("*.yml"))]
    assert [fault for document in documents for fault in document.faults] == []
    rules, faults = load_rules(
        [(document.file, document.value) for document in documents], Registry({"traffic": CHECK})
    )
    assert [str(fault) for fault in faults] == []
    assert len(rules) >= 5
    assert [str(failure) for rule in rules for failure in run_tests(rule, CHECK.kind(rule.kind))] == []


def test_every_rule_is_tried_failing_and_unknown():
    documents = [yaml.read(path.read_bytes(), str(path)) for path in sorted(FOLDER.glob("*.yml"))]
    rules, _ = load_rules(
        [(document.file, document.value) for document in documents], Registry({"traffic": CHECK})
    )
    for rule in rules:
        outcomes = {test.expect for test in rule.tests}
        assert {"fail", "unknown"} < outcomes, rule.id
