"""Each kind of fault that the linter knows is planted into the shipped dashboards, and found there and nowhere else."""

from __future__ import annotations

import copy
import functools
import json

import pytest

from tools.dashboards import families, lint
from tools.dashboards.__main__ import ROOT, generate


@functools.cache
def shipped():
    return {path.stem: json.loads(text) for path, text in generate().items()}


@functools.cache
def known():
    return families.known(ROOT)


def found_after(plant, name="province"):
    documents = copy.deepcopy(shipped())
    plant(documents[name])
    return lint.faults(documents, known())


def panel(document, kind, part=""):
    """Return the first panel of a kind whose JSON holds a text."""
    return next(item for item in document["panels"] if item["type"] == kind and part in json.dumps(item))


def first(document):
    return panel(document, "stat")


def table(document):
    return panel(document, "table", '"merge"')


def rename(mapping, old, new):
    mapping[new] = mapping.pop(old)


def expr(document, text):
    first(document)["targets"][0]["expr"] = text


def override(document, *path):
    """Return a property of the table's overrides, by its id."""
    overrides = table(document)["fieldConfig"]["overrides"]
    return next(given for one in overrides for given in one["properties"] if given["id"] == path[0])


KEYS = {
    "dashboard": lambda d: rename(d, "timezone", "timeZone"),
    "time": lambda d: rename(d["time"], "from", "form"),
    "templating": lambda d: rename(d["templating"]["list"][1], "includeAll", "includeall"),
    "panel": lambda d: rename(first(d), "description", "descripton"),
    "row": lambda d: rename(panel(d, "row"), "collapsed", "colapsed"),
    "options": lambda d: rename(first(d)["options"], "colorMode", "colourMode"),
    "deep in options": lambda d: rename(first(d)["options"]["reduceOptions"], "calcs", "calc"),
    "defaults": lambda d: rename(first(d)["fieldConfig"]["defaults"], "noValue", "noData"),
    "threshold": lambda d: rename(
        first(d)["fieldConfig"]["defaults"]["thresholds"]["steps"][1], "color", "colour"
    ),
    "custom": lambda d: rename(
        panel(d, "timeseries")["fieldConfig"]["defaults"]["custom"], "lineWidth", "linewidth"
    ),
    "target": lambda d: rename(first(d)["targets"][0], "expr", "exp"),
    "type of a panel": lambda d: first(d).update(type="stats"),
    "override": lambda d: override(d, "unit").update(id="units"),
    "value of an override": lambda d: rename(override(d, "thresholds")["value"], "mode", "modus"),
    "custom override": lambda d: override(d, "custom.cellOptions").update(id="custom.cellOption"),
    "deep in a custom override": lambda d: rename(
        override(d, "custom.cellOptions")["value"], "mode", "modes"
    ),
    "link of a column": lambda d: rename(override(d, "links")["value"][0], "title", "titel"),
    "matcher": lambda d: table(d)["fieldConfig"]["overrides"][0]["matcher"].update(id="byname"),
    "transformation": lambda d: table(d)["transformations"][1].update(id="filterFields"),
    "option of a transformation": lambda d: rename(
        table(d)["transformations"][2]["options"], "renameByName", "renamebyname"
    ),
    "deep in a transformation": lambda d: rename(
        table(d)["transformations"][1]["options"]["include"], "names", "name"
    ),
    "a discriminator": lambda d: rename(override(d, "custom.cellOptions")["value"], "type", "typ"),
    "a text for an object": lambda d: first(d).update(gridPos="0,0"),
}


@pytest.mark.parametrize("where", KEYS)
def test_misspelt_key(where):
    assert "key" in {fault.kind for fault in found_after(KEYS[where])}


def replaced(document, old, new):
    text = json.dumps(document)
    assert old in text
    document.clear()
    document.update(json.loads(text.replace(old, new)))


FAULTS = {
    ("metric", "unknown"): lambda d: expr(d, "sum(secmon_scores_ratio)"),
    ("metric", "none"): lambda d: expr(d, "1 + time()"),
    ("metric", "nameless"): lambda d: expr(d, 'count({agent="$province"})'),
    ("metric", "of a variable"): lambda d: replaced(d, "label_values(province:", "label_values(provinces:"),
    ("metric", "no label_values"): lambda d: replaced(d, "label_values(province:", "label_value(province:"),
    ("label", "of a metric"): lambda d: expr(d, 'sum(secmon_findings{severty="high"})'),
    ("variable", "in a query"): lambda d: expr(d, 'max(province:secmon_score:ratio{province="$provinz"})'),
    ("variable", "in braces"): lambda d: expr(
        d, 'max(province:secmon_score:ratio{province="${provinz:raw}"})'
    ),
    ("variable", "in a title"): lambda d: first(d).update(title="Score of [[provinz]]"),
    ("variable", "in a link"): lambda d: replaced(d, "${province:queryparam}", "${provinz:queryparam}"),
    ("variable", "repeated"): lambda d: panel(d, "row", "repeat").update(repeat="kind"),
    ("variable", "before it is declared"): lambda d: d["templating"]["list"].reverse(),
    ("source", "variable"): lambda d: d["templating"]["list"].pop(0),
    ("source", "panel"): lambda d: first(d).pop("datasource"),
    ("source", "query"): lambda d: first(d)["targets"][0].update(
        datasource={"type": "prometheus", "uid": "P1"}
    ),
    ("overlap", "panels"): lambda d: first(d)["gridPos"].update(w=5),
    ("overlap", "row"): lambda d: panel(d, "row").update(gridPos={"h": 1, "w": 24, "x": 0, "y": 2}),
    ("grid", "too wide"): lambda d: panel(d, "timeseries", "unit_kind").update(
        gridPos={"h": 2, "w": 13, "x": 12, "y": 90}
    ),
    ("grid", "negative"): lambda d: first(d)["gridPos"].update(x=-1),
    ("grid", "nowhere"): lambda d: first(d).pop("gridPos"),
    ("id", "twice"): lambda d: first(d).update(id=panel(d, "table")["id"]),
    ("id", "of a row"): lambda d: panel(d, "row").update(id=first(d)["id"]),
    ("id", "none"): lambda d: first(d).pop("id"),
    ("id", "uid"): lambda d: d.update(uid="secmon province"),
    ("id", "refId"): lambda d: panel(d, "timeseries")["targets"][1].update(refId="A"),
    ("id", "no query"): lambda d: first(d).pop("targets"),
    ("words", "no title"): lambda d: first(d).update(title=" "),
    ("words", "no description"): lambda d: first(d).pop("description"),
    ("words", "no text for no data"): lambda d: first(d)["fieldConfig"]["defaults"].pop("noValue"),
    ("unit", "none"): lambda d: first(d)["fieldConfig"]["defaults"].pop("unit"),
    ("unit", "unknown"): lambda d: first(d)["fieldConfig"]["defaults"].update(unit="percents"),
    ("unit", "of a column"): lambda d: override(d, "unit").update(value="percents"),
    ("column", "value of no query"): lambda d: table(d)["targets"].pop(),
    ("column", "override of none"): lambda d: table(d)["fieldConfig"]["overrides"][0]["matcher"].update(
        options="Unit"
    ),
    ("column", "sorted by none"): lambda d: table(d)["options"]["sortBy"][0].update(displayName="Score"),
    ("column", "named, not shown"): lambda d: table(d)["transformations"][1]["options"]["include"][
        "names"
    ].pop(),
    ("link", "to no dashboard"): lambda d: replaced(d, "/d/secmon-unit?", "/d/secmon-units?"),
    ("link", "variable not there"): lambda d: replaced(d, "&var-unit=", "&var-units="),
    ("link", "carries what is not there"): lambda d: replaced(
        d, "/d/secmon-asset?", "/d/secmon-asset?${unit_kind:queryparam}&"
    ),
}


@pytest.mark.parametrize(("kind", "what"), FAULTS)
def test_planted_fault(kind, what):
    found = found_after(FAULTS[kind, what])
    assert kind in {fault.kind for fault in found}, list(map(str, found))
    assert all(fault.place.startswith("province") or fault.kind == "link" for fault in found)


def test_panels_within_closed_rows_are_looked_at():
    def close(document):
        stat = first(document)
        document["panels"].remove(stat)
        panel(document, "row").update(collapsed=True, panels=[stat])
        stat["fieldConfig"]["defaults"]["unit"] = "percents"

    assert [fault.kind for fault in found_after(close)] == ["unit"]


def test_a_fault_says_where_and_what_and_what_may_be_meant():
    (fault,) = found_after(KEYS["options"])
    assert str(fault) == (
        "province: panels[1].options.colourMode: unknown key 'colourMode'; did you mean 'colorMode'? [key]"
    )


@pytest.mark.parametrize("name", ["province", "unit", "asset"])
def test_nothing_is_wrong_with_what_is_shipped(name):
    found = lint.faults(shipped(), known())
    assert [str(fault) for fault in found if fault.place.startswith(name)] == []
