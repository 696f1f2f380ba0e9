from __future__ import annotations

import json
import pathlib

import pytest

from secmon.checks import load
from secmon.core.contract import Registry
from secmon.core.model import Reason
from tools.docs import generate, main, read_rules
from tools.reference import manual
from tools.reference.markdown import code, page, table

ROOT = pathlib.Path(__file__).parents[2]


@pytest.fixture(scope="module")
def pages():
    return {path.name: content for path, content in generate(ROOT).items()}


def test_the_same_sources_give_the_same_bytes(pages):
    assert {path.name: content for path, content in generate(ROOT).items()} == pages


def test_what_is_committed_is_not_stale(capsys):
    assert main(["--check"]) == 0, capsys.readouterr().out


def test_every_rule_kind_metric_and_reason_is_there(pages):
    rules, profiles = read_rules(ROOT / "rules", load())
    assert all(f"### {rule.id}\n" in pages["rules.md"] for rule in rules)
    assert all(f"`{profile.name}`" in pages["rules.md"] for profile in profiles)
    for check in load().checks.values():
        assert all(f"### `{kind.name}`" in pages["facts.md"] for kind in check.kinds)
        assert all(f"`{family.name}`" in pages["metrics.md"] for family in check.metrics)
        assert all(f"`{setting.name}`" in pages["configuration.md"] for setting in check.settings)
    assert all(f"| `{reason.value}` |" in pages["facts.md"] for reason in Reason)


def test_every_decision_is_listed(pages):
    records = list((ROOT / "docs" / "adr").glob("0*.md"))
    assert len(records) >= 8
    assert all(f"]({record.name})" in pages["README.md"] for record in records)


def test_the_schema_is_shipped_as_it_is_published():
    shipped = (ROOT / "secmon" / "data" / "report.schema.json").read_text()
    assert shipped == (ROOT / "docs" / "reference" / "report.schema.json").read_text()
    assert json.loads(shipped)["title"] == "secmon.report/1"


def test_no_file_holds_a_time_or_a_path_of_this_machine(pages):
    for content in pages.values():
        assert str(ROOT) not in content
        assert "/tmp/" not in content


def test_tables_survive_what_stands_in_them():
    shown = table(("a", "b"), [("x|y", code("z"))])
    assert shown == "| a | b |\n| --- | --- |\n| x\\|y | `z` |"
    assert table(("a",), []) == ""
    assert page("T", "one", "", "two").endswith("one\n\ntwo\n")


def test_faulty_rules_are_told_not_documented(tmp_path):
    (tmp_path / "bad.yml").write_text("rules:\n  - id: nonsense\n")
    with pytest.raises(ValueError, match=r"bad.yml:2:5"):
        read_rules(tmp_path, Registry())


def test_the_manual_begins_no_line_with_a_stray_request():
    known = (".TH", ".SH", ".TP", ".PP", ".B ", ".br", '.\\"')
    lines = manual.page().splitlines()
    assert [line for line in lines if line.startswith(".") and not line.startswith(known)] == []
    assert [line for line in lines if line.startswith("'")] == []
