from __future__ import annotations

import itertools
import json
import re

import pytest
import yaml

from secmon.core.model import Severity
from secmon.core.score import grade
from tools.dashboards import layout, style
from tools.dashboards.__main__ import FOLDER, ROOT, generate, main
from tools.dashboards.sdk import model

VIETNAMESE = re.compile(r"[ăâđêôơưáàảãạéèẻẽẹíìỉĩịóòỏõọúùủũụýỳỷỹỵ\u1ea0-\u1ef9]", re.IGNORECASE)
DOCUMENTS = {path.stem: json.loads(text) for path, text in generate().items()}
PANELS = [
    pytest.param(panel, id=f"{name}-{panel['id']}")
    for name, document in DOCUMENTS.items()
    for panel in document["panels"]
]


def test_what_is_committed_is_what_is_made(capsys):
    assert main(["--check"]) == 0, capsys.readouterr().out
    assert {path.name for path in FOLDER.iterdir()} == {path.name for path in generate()}


def test_a_file_that_differs_is_told(monkeypatch, tmp_path, capsys):
    monkeypatch.setattr("tools.dashboards.__main__.ROOT", tmp_path)
    monkeypatch.setattr("tools.dashboards.__main__.FOLDER", tmp_path / "dashboards")
    assert main(["--check"]) == 1
    assert not (tmp_path / "dashboards").exists()
    assert main([]) == 0
    assert main(["--check"]) == 0
    path = tmp_path / "dashboards" / "unit.json"
    path.write_text(path.read_text().replace('"refresh": "5m"', '"refresh": "6m"'))
    capsys.readouterr()
    assert main(["--check"]) == 1
    assert capsys.readouterr().out == "dashboards/unit.json\ndashboards: 1 stale files; run `make docs`\n"


def test_the_same_code_makes_the_same_bytes():
    assert generate() == generate()


@pytest.mark.parametrize("panel", PANELS)
def test_both_languages(panel):
    texts = [(panel["title"], " / ")]
    if "description" in panel:
        texts.append((panel["description"], "\n\n"))
    for text, between in texts:
        vietnamese, english = text.split(between)
        assert VIETNAMESE.search(vietnamese)
        assert english
        assert not VIETNAMESE.search(english)


def test_colours_of_scores_are_the_grades():
    colours = dict(sorted(style.GRADE_STEPS))
    for percent in range(101):
        least = max(least for least in colours if least <= percent / 100 + 1e-9)
        assert colours[least] == style.GRADE_COLOURS[grade(percent, critical_in_order=True)]


def test_severities_are_shown_worst_first():
    assert list(style.SEVERITY_COLOURS) == sorted(Severity, key=lambda severity: -severity.rank)


# What a person without red (protan) or green (deutan) cones sees: Viénot, Brettel and Mollon 1999, on linear RGB.
BLIND = {
    "protan": ((0.11238, 0.88762, 0.0), (0.11238, 0.88762, 0.0), (0.00401, -0.00401, 1.0)),
    "deutan": ((0.29275, 0.70725, 0.0), (0.29275, 0.70725, 0.0), (-0.02234, 0.02234, 1.0)),
}


def seen(colour, matrix):
    parts = [(int(colour[at : at + 2], 16) / 255) ** 2.2 for at in (1, 3, 5)]
    return [max(0.0, sum(a * b for a, b in zip(row, parts, strict=True))) ** (1 / 2.2) for row in matrix]


@pytest.mark.parametrize("kind", BLIND)
def test_colour_blind_people_tell_neighbouring_grades_apart(kind):
    for one, other in itertools.pairwise("ABCDE"):
        pair = [seen(style.GRADE_COLOURS[letter], BLIND[kind]) for letter in (one, other)]
        assert sum((a - b) ** 2 for a, b in zip(*pair, strict=True)) ** 0.5 > 0.15, (one, other)


def test_panels_flow_to_the_next_line_and_section():
    def place(width, height):
        return layout.Place(model.Panel(), width, height)

    title = style.Words("a", "b")
    sections = [
        layout.Section(title, (place(10, 3), place(10, 5), place(5, 2))),
        layout.Section(title, (place(24, 1),)),
    ]
    made = [(p.id_val, p.grid_pos.x, p.grid_pos.y, p.grid_pos.w) for p in layout.arranged(sections)]
    assert made == [(1, 0, 0, 24), (2, 0, 1, 10), (3, 10, 1, 10), (4, 0, 6, 5), (5, 0, 8, 24), (6, 0, 9, 24)]


def provisioned(kind):
    text = (ROOT / "deploy" / "grafana" / "provisioning" / kind / "secmon.yml").read_text(encoding="utf-8")
    document = yaml.safe_load(text)
    assert document["apiVersion"] == 1
    return document


def test_grafana_finds_the_dashboards_where_the_readme_puts_them():
    (provider,) = provisioned("dashboards")["providers"]
    place = provider["options"]["path"]
    readme = (ROOT / "deploy" / "grafana" / "README.md").read_text(encoding="utf-8")
    assert f"dashboards/*.json {place}/" in readme
    assert f"/d/{DOCUMENTS['province']['uid']}>" in readme
    home = f"GF_DASHBOARDS_DEFAULT_HOME_DASHBOARD_PATH={place}/province.json"
    assert home in (ROOT / "deploy" / "grafana" / "offline.conf").read_text(encoding="utf-8")


def test_grafana_knows_how_often_prometheus_scrapes():
    (source,) = provisioned("datasources")["datasources"]
    prometheus = yaml.safe_load((ROOT / "deploy" / "prometheus" / "prometheus.example.yml").read_text())
    assert source["jsonData"]["timeInterval"] == prometheus["global"]["scrape_interval"]
    assert source["type"] == "prometheus"
    assert source["isDefault"]
