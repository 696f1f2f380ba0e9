"""Find what is wrong with dashboards, without Grafana and without Prometheus.

Grafana says nothing about most of these faults: it leaves out a key that it does not know, draws panels over
each other, and shows "No data" for a metric that nobody exports. What only Prometheus can say, that a query
parses and finds something, tests/lab/test_dashboards.py asks it.
"""

from __future__ import annotations

import itertools
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import parse_qsl, urlsplit

from tools.dashboards import promql, shape, variables
from tools.dashboards.layout import COLUMNS
from tools.dashboards.sdk import units

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

Json = Any
"""What `json.loads` gives."""

Families = dict[str, frozenset[str] | None]
"""Metric -> labels that it can have, None where that is not declared."""

_OWN_VARIABLES: Final = frozenset(
    {
        "__all",
        "__data",
        "__field",
        "__from",
        "__interval",
        "__range",
        "__rate_interval",
        "__series",
        "__to",
        "__url_time_range",
        "__value",
    }
)
"""Variables that Grafana makes."""
_UNITS: Final = frozenset(value for name, value in vars(units).items() if name[0].isupper())
_MADE_UNITS: Final = ("suffix:", "prefix:", "time:", "si:", "count:", "currency:")
_SOURCE: Final = {"type": "prometheus", "uid": "${datasource}"}
_UID: Final = re.compile(r"[A-Za-z0-9_-]{1,40}")


@dataclass(frozen=True, slots=True)
class Fault:
    """Something wrong.

    Attributes:
        kind: one word: key, id, grid, overlap, words, unit, source, variable, metric, label, column or link.
        place: dashboard, and panel or path within it.
        message: what is wrong.
    """

    kind: str
    place: str
    message: str

    def __str__(self) -> str:
        return f"{self.place}: {self.message} [{self.kind}]"


def faults(documents: Mapping[str, Json], families: Families) -> list[Fault]:
    """Find what is wrong with dashboards that link to each other.

    Args:
        documents: name -> dashboard, of the classic schema.
        families: metric -> labels that it can have, None where that is not declared.

    Returns:
        Every fault; none for a good set.
    """
    found = []
    for name, document in documents.items():
        strange = [Fault("key", f"{name}: {path}", message) for path, message in shape.faults(document)]
        if strange:  # what Grafana would not read says nothing about the rest
            found += strange
            continue
        panels = list(_panels(document))
        found += [
            *_ids(name, document, panels),
            *_grid(name, document),
            *_words(name, panels),
            *_units(name, panels),
            *_sources(name, document, panels),
            *_variables(name, document),
            *_metrics(name, document, panels, families),
            *_columns(name, panels),
            *_links(name, document, documents),
        ]
    return found


def _panels(document: Json) -> Iterator[Json]:
    """Yield all panels, also those within rows, and no rows."""
    for panel in document.get("panels", []):
        if panel.get("type") == "row":
            yield from panel.get("panels", [])
        else:
            yield panel


def _place(name: str, panel: Json) -> str:
    return f"{name}: panel {panel.get('id')} {panel.get('title', '')!r}"


def _ids(name: str, document: Json, panels: Sequence[Json]) -> Iterator[Fault]:
    if not _UID.fullmatch(document.get("uid", "")):
        yield Fault("id", name, "a uid has 1 to 40 letters, digits, - and _")
    rows = [panel for panel in document.get("panels", []) if panel.get("type") == "row"]
    seen: set[object] = set()
    for panel in (*panels, *rows):
        number = panel.get("id")
        if not isinstance(number, int) or number in seen:
            yield Fault("id", _place(name, panel), "the id is missing or another panel's too")
        seen.add(number)
    for panel in panels:
        letters = [target.get("refId") for target in panel.get("targets", [])]
        if not letters or len(set(letters)) != len(letters):
            yield Fault("id", _place(name, panel), "there is no query, or two have one refId")


def _grid(name: str, document: Json) -> Iterator[Fault]:
    panels = document.get("panels", [])
    for panel in panels:
        at = panel.get("gridPos", {})
        if at.get("x", -1) < 0 or at.get("y", -1) < 0 or at.get("w", 0) < 1 or at.get("h", 0) < 1:
            yield Fault("grid", _place(name, panel), "it has no place on the grid")
        elif at["x"] + at["w"] > COLUMNS:
            yield Fault("grid", _place(name, panel), f"it ends at column {at['x'] + at['w']} of {COLUMNS}")
    for one, other in itertools.combinations([panel for panel in panels if panel.get("gridPos")], 2):
        if _overlap(one["gridPos"], other["gridPos"]):
            yield Fault("overlap", _place(name, one), f"it lies over {_place(name, other)}")


def _overlap(one: Json, other: Json) -> bool:
    return all(
        one.get(start, 0) < other.get(start, 0) + other.get(size, 0)
        and other.get(start, 0) < one.get(start, 0) + one.get(size, 0)
        for start, size in (("x", "w"), ("y", "h"))
    )


def _words(name: str, panels: Sequence[Json]) -> Iterator[Fault]:
    for panel in panels:
        lacking = [key for key in ("title", "description") if not panel.get(key, "").strip()]
        if not panel.get("fieldConfig", {}).get("defaults", {}).get("noValue"):
            lacking.append("noValue")
        if lacking:
            yield Fault("words", _place(name, panel), f"it has no {', no '.join(lacking)}")


def _units(name: str, panels: Sequence[Json]) -> Iterator[Fault]:
    for panel in panels:
        config = panel.get("fieldConfig", {})
        given = [config.get("defaults", {}).get("unit", "")]
        given += [
            entry.get("value")
            for override in config.get("overrides", [])
            for entry in override.get("properties", [])
            if entry.get("id") == "unit"
        ]
        for unit in given:
            if unit not in _UNITS and not str(unit).startswith(_MADE_UNITS):
                yield Fault("unit", _place(name, panel), f"{unit!r} is not a unit of Grafana")


def _sources(name: str, document: Json, panels: Sequence[Json]) -> Iterator[Fault]:
    declared = document.get("templating", {}).get("list", [])
    if not any(entry.get("type") == "datasource" and entry.get("name") == "datasource" for entry in declared):
        yield Fault("source", name, "there is no variable `datasource`")
    asking = [(f"{name}: ${entry.get('name')}", entry) for entry in declared if entry.get("type") == "query"]
    for panel in panels:
        asking += [(_place(name, panel), part) for part in (panel, *panel.get("targets", []))]
    for place, part in asking:
        if part.get("datasource") != _SOURCE:
            yield Fault("source", place, f"its data source is {part.get('datasource')}, not the chosen one")


def _variables(name: str, document: Json) -> Iterator[Fault]:
    declared = _declared(document)
    for index, entry in enumerate(document.get("templating", {}).get("list", [])):
        for used in variables.names(str(entry.get("query", ""))) - set(declared[:index]):
            yield Fault("variable", f"{name}: ${entry.get('name')}", f"${used} is not declared before it")
    for path, text in _texts({key: value for key, value in document.items() if key != "templating"}):
        for used in sorted(variables.names(text) - {*declared, *_OWN_VARIABLES}):
            yield Fault("variable", f"{name}: {path}", f"${used} is not declared")
    for panel in document.get("panels", []):
        if panel.get("repeat") and panel["repeat"] not in declared:
            yield Fault("variable", _place(name, panel), f"it repeats for ${panel['repeat']}, not declared")


def _declared(document: Json) -> list[str]:
    return [entry.get("name", "") for entry in document.get("templating", {}).get("list", [])]


def _texts(value: Json, path: str = "") -> Iterator[tuple[str, str]]:
    if isinstance(value, dict):
        for key, inner in value.items():
            yield from _texts(inner, f"{path}.{key}" if path else key)
    elif isinstance(value, list):
        for index, inner in enumerate(value):
            yield from _texts(inner, f"{path}[{index}]")
    elif isinstance(value, str):
        yield path, value


def _metrics(name: str, document: Json, panels: Sequence[Json], families: Families) -> Iterator[Fault]:
    asked = [
        (_place(name, panel), target.get("expr", ""))
        for panel in panels
        for target in panel.get("targets", [])
    ]
    for entry in document.get("templating", {}).get("list", []):
        if entry.get("type") == "query":
            selected = re.fullmatch(r"label_values\((.*), (\w+)\)", str(entry.get("query")))
            place = f"{name}: ${entry.get('name')}"
            if selected is None:
                yield Fault("metric", place, "it is not label_values(series, label)")
            else:
                asked.append((place, selected[1]))
    for place, expression in asked:
        found = promql.selectors(expression)
        if not found:
            yield Fault("metric", place, f"it selects no series: {expression}")
        for selector in found:
            yield from _selected(place, selector, families)


def _selected(place: str, selector: promql.Selector, families: Families) -> Iterator[Fault]:
    if selector.metric not in families:
        yield Fault("metric", place, f"nobody exports or records {selector.metric or 'a nameless metric'}")
        return
    labels = families[selector.metric]
    if labels is not None:
        for label in sorted(selector.labels - labels):
            yield Fault("label", place, f"{selector.metric} has no label {label}")


def _columns(name: str, panels: Sequence[Json]) -> Iterator[Fault]:
    for panel in panels:
        if panel.get("type") != "table":
            continue
        steps = {step.get("id"): step.get("options", {}) for step in panel.get("transformations", [])}
        renamed = steps.get("organize", {}).get("renameByName", {})
        letters = [target.get("refId") for target in panel.get("targets", [])]
        values = {"Value", *(f"Value #{letter}" for letter in letters)} if letters[1:] else {"Value"}
        for field in renamed:
            if field.startswith("Value") and field not in values:
                yield Fault("column", _place(name, panel), f"no query gives {field!r}")
        if set(renamed) != set(steps.get("filterFieldsByName", {}).get("include", {}).get("names", [])):
            yield Fault("column", _place(name, panel), "columns that are shown and that are named differ")
        named = [override["matcher"].get("options") for override in panel["fieldConfig"].get("overrides", [])]
        named += [entry.get("displayName") for entry in panel.get("options", {}).get("sortBy", [])]
        for title in named:
            if title not in renamed.values():
                yield Fault("column", _place(name, panel), f"there is no column {title!r}")


def _links(name: str, document: Json, documents: Mapping[str, Json]) -> Iterator[Fault]:
    targets = {other.get("uid"): _declared(other) for other in documents.values()}
    for path, text in _texts(document):
        if not text.startswith("/d/"):
            continue
        address = urlsplit(text)
        uid = address.path.removeprefix("/d/")
        if uid not in targets:
            yield Fault("link", f"{name}: {path}", f"there is no dashboard {uid!r}")
            continue
        set_there = {
            key.removeprefix("var-") for key, _ in parse_qsl(address.query) if key.startswith("var-")
        }
        carried = set(re.findall(r"\$\{(\w+):queryparam\}", address.query))
        for variable in sorted((set_there | carried) - set(targets[uid])):
            yield Fault("link", f"{name}: {path}", f"dashboard {uid!r} has no variable {variable!r}")
