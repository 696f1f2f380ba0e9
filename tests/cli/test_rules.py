from __future__ import annotations

import json

import pytest

from secmon.checks import load
from secmon.cli.command import Bad
from secmon.cli.overview import all_commands
from secmon.cli.rulecommands import CHECK, EXPLAIN, LIST, SCHEMA, TEST
from secmon.cli.rules import run
from tests.core.test_shipped_rules import RULES


@pytest.mark.parametrize(
    ("name", "arguments", "message"),
    [
        ("rules explain", [], "takes the id of one rule"),
        ("rules explain", ["ports.a", "ports.b"], "takes the id of one rule"),
        ("rules explain", ["ports.a", "--level", "6"], "1 to 5"),
        ("rules explain", ["ports.a", "--role", "king"], "'king' is none of document-exchange"),
        ("rules check", ["rules", "-c", "secmon.yml"], "--config cannot be used together with PATH"),
        ("rules check", ["--format", "xml"], "'xml' is none of table, json"),
        ("rules list", ["--severity", "hihg"], "'hihg' is none of info"),
        ("rules list", ["--chek", "tls"], "did you mean --check?"),
        ("rules schema", ["--lang"], "secmon rules schema does not take --lang"),
    ],
)
def test_bad_usage_says_what_would_be_right(name, arguments, message):
    with pytest.raises(Bad, match=r".") as error:
        run(name, arguments)
    assert message in str(error.value)


def test_the_schema_is_printed(capsys):
    assert run("rules schema", []) == 0
    assert json.loads(capsys.readouterr().out)["title"] == "secmon rules"


def test_every_command_is_registered():
    assert {command.name for command in (CHECK, TEST, LIST, EXPLAIN, SCHEMA)} <= {
        command.name for command in all_commands()
    }


def test_examples_name_rules_and_checks_that_exist():
    ids = {rule.id for rule in RULES}
    checks = set(load().checks)
    for example in (example for command in (TEST, LIST, EXPLAIN) for example in command.examples):
        words = [word for word in example.line.replace('"', " ").split() if word.partition(".")[0] in checks]
        assert all(word in ids or word.endswith(".*") for word in words), example.line
