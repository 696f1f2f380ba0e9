"""promtool accepts what deploy/prometheus ships, and each alert is tested, bilingual, and has its page."""

from __future__ import annotations

import json
import pathlib
import re
import subprocess

import pytest
import yaml

from tests.lab.prometheus_alerts import CASES, filled, unit_test

ROOT = pathlib.Path(__file__).parents[2]
FOLDER = ROOT / "deploy/prometheus"
RULES = ("secmon-rules.yml", "secmon-alerts.yml")
VIETNAMESE = re.compile(r"[ăâđêôơưĂÂĐÊÔƠƯ\u1ea0-\u1ef9]")


def _load(name: str) -> dict:
    return yaml.safe_load((FOLDER / name).read_text(encoding="utf-8"))


def _alerts() -> dict[str, dict]:
    return {rule["alert"]: rule for group in _load("secmon-alerts.yml")["groups"] for rule in group["rules"]}


@pytest.mark.parametrize(
    "arguments",
    [
        ("check", "rules", "--lint=all", "--lint-fatal", *RULES),
        ("check", "config", "--syntax-only", "prometheus.example.yml"),
    ],
    ids=lambda arguments: " ".join(arguments[:2]),
)
def test_promtool_accepts(needs, arguments):
    needs("promtool")
    result = subprocess.run(
        ["promtool", *arguments], cwd=FOLDER, capture_output=True, text=True, timeout=300, check=False
    )
    assert result.returncode == 0, result.stdout + result.stderr


def test_amtool_accepts(needs, tmp_path):
    needs("amtool")
    text = (FOLDER / "alertmanager.example.yml").read_text(encoding="utf-8")
    (tmp_path / "good.yml").write_text(text, encoding="utf-8")
    (tmp_path / "bad.yml").write_text(text.replace("receiver:", "reciever:"), encoding="utf-8")
    codes = [
        subprocess.run(
            ["amtool", "check-config", tmp_path / name], capture_output=True, check=False
        ).returncode
        for name in ("good.yml", "bad.yml")
    ]
    assert codes == [0, 1]


@pytest.mark.parametrize("name", _alerts())
def test_alert_speaks_both_languages_and_has_a_page(name):
    rule = _alerts()[name]
    assert rule["labels"]["severity"] in {"critical", "warning", "info"}
    assert VIETNAMESE.search(rule["annotations"]["summary_vi"])
    assert not VIETNAMESE.search(rule["annotations"]["summary_en"])
    vietnamese, english = (
        (ROOT / rule["annotations"]["runbook"]).read_text(encoding="utf-8").split("## English")
    )
    assert vietnamese.startswith(f"# {name}\n\n## Tiếng Việt")
    assert vietnamese.count("\n1. ") == english.count("\n1. ") == 1
    assert not VIETNAMESE.search(english)


@pytest.mark.parametrize("name", _alerts())
def test_alert_fires_once_and_resolves_once(needs, tmp_path, name):
    """And is quiet about the same fault on an asset in maintenance."""
    needs("promtool")
    annotations = _alerts()[name]["annotations"]
    test = unit_test(name, {key: filled(name, text) for key, text in annotations.items()})
    path = tmp_path / "alerts_test.json"
    document = {
        "rule_files": [str(FOLDER / rules) for rules in RULES],
        "evaluation_interval": "1m",
        # Otherwise promtool takes the groups in any order, and an alert may come a minute later.
        "group_eval_order": ["secmon-score", "secmon-alerts"],
        "tests": [test],
    }
    path.write_text(json.dumps(document, ensure_ascii=False), encoding="utf-8")
    command = ["promtool", "test", "rules", str(path)]
    result = subprocess.run(command, capture_output=True, text=True, timeout=300, check=False)
    assert result.returncode == 0, result.stdout + result.stderr


def test_every_alert_has_its_case():
    assert CASES.keys() == _alerts().keys()


def test_there_is_no_page_without_an_alert():
    pages = {path.stem for path in (ROOT / "docs/runbooks").glob("*.md")} - {"README"}
    assert pages == _alerts().keys()
    index = (ROOT / "docs/runbooks/README.md").read_text(encoding="utf-8")
    assert [name for name in pages if f"({name}.md)" not in index] == []


@pytest.mark.parametrize(
    ("metric", "kept_of_agents"),
    [
        ("secmon_points_earned", True),
        ("secmon_process_cpu_seconds_total", True),
        ("secmon_inventory_asset_info", False),
        ("province:secmon_score:ratio", False),
        ("secmon_x:held", False),
        ("up", False),
    ],
)
def test_an_agent_cannot_speak_for_the_inventory_or_the_rules(metric, kept_of_agents):
    agents, inventory = _load("prometheus.example.yml")["scrape_configs"]
    assert not agents["honor_labels"]
    assert _keeps(agents, metric) == kept_of_agents
    assert _keeps(inventory, metric) == metric.startswith("secmon_inventory_")


def _keeps(scrape: dict, metric: str) -> bool:
    for rule in scrape["metric_relabel_configs"]:
        assert rule["source_labels"] == ["__name__"]
        if (re.fullmatch(rule["regex"], metric) is not None) != (rule["action"] == "keep"):
            return False
    return True
