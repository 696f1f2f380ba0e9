"""The rules that secmon ships, with the checks that it ships."""

from __future__ import annotations

import pathlib

import pytest

from secmon.checks import load
from secmon.core.model import Vantage
from secmon.core.profiles import load_profiles
from secmon.core.rules import is_profile, load_rules, rule_ids
from secmon.core.ruletests import run_tests
from secmon.sources import paths, yaml
from tests.support.rulebook import told

REGISTRY = load()
FOLDER = paths.builtin_rules()
DOCUMENTS = [
    yaml.read(pathlib.Path(file).read_bytes(), file.removeprefix(f"{FOLDER}/"))
    for file in paths.list_files(FOLDER)
    if paths.is_document(file)
]
VALUES = [(document.file, document.value) for document in DOCUMENTS]
RULES, FAULTS = load_rules(VALUES, REGISTRY)


def test_every_file_is_right():
    assert [fault for document in DOCUMENTS for fault in told(document.faults)] == []
    assert told(FAULTS) == []


def test_there_is_a_profile_for_each_vantage():
    profiles, faults = load_profiles(VALUES, RULES, rule_ids(VALUES), REGISTRY)
    assert told(faults) == []
    assert {profile.vantage for profile in profiles} == set(Vantage)


def test_a_rule_stands_in_the_folder_of_its_check():
    for file, value in VALUES:
        if not is_profile(value):
            assert {rule["check"] for rule in value["rules"]} == {file.partition("/")[0]}


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.id)
def test_a_rule_keeps_what_its_own_tests_promise(rule):
    assert [str(failure) for failure in run_tests(rule, REGISTRY.kind(rule.check, rule.kind))] == []
    expected = {test.expect for test in rule.tests}
    assert {"fail", "unknown"} <= expected
    assert expected & {"pass", "not_applicable"}, "a rule that cannot be met is no rule"
