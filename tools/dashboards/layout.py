"""Put panels on Grafana's grid, 24 columns wide, and make a dashboard of them."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, Self

from secmon.core.words import Words
from tools.dashboards import links
from tools.dashboards.panels import SOURCE
from tools.dashboards.scope import PROVINCE
from tools.dashboards.sdk import JSONEncoder, model
from tools.dashboards.style import block, both

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

COLUMNS: Final = 24


@dataclass(frozen=True, slots=True)
class Place:
    """A panel and its size on the grid.

    Attributes:
        panel: what is shown.
        width: columns of 24.
        height: rows of about 30 pixels.
    """

    panel: model.Panel
    width: int
    height: int


@dataclass(frozen=True, slots=True)
class Section:
    """Panels under one heading.

    Attributes:
        title: the heading.
        places: from left to right; what no longer fits begins a new line.
        repeat: variable for each of whose values the section stands once, "" for none.
    """

    title: Words
    places: tuple[Place, ...]
    repeat: str = ""


@dataclass(frozen=True, slots=True)
class Variable:
    """A choice at the top of a dashboard, out of what Prometheus has.

    Attributes:
        name: of the variable.
        label: what a person reads.
        query: `label_values(series, label)`.
        many: whether all values are shown until a reader picks some.
        hidden: whether only queries use it, and no address can set it.
    """

    name: str
    label: Words
    query: str
    many: bool = False
    hidden: bool = False

    @classmethod
    def province(cls) -> Self:
        """Return the choice that every dashboard begins with."""
        label = Words("Tỉnh", "Province")
        return cls("province", label, "label_values(province:secmon_score:ratio, province)")

    @classmethod
    def unit_kind(cls) -> Self:
        """Return the choice of kinds of unit in the chosen province."""
        label = Words("Loại đơn vị", "Kind of unit")
        query = f"label_values(unit_kind:secmon_score:ratio{{{PROVINCE.where}}}, unit_kind)"
        return cls("unit_kind", label, query, many=True)


@dataclass(frozen=True, slots=True)
class Dashboard:
    """One dashboard.

    Attributes:
        uid: its address in Grafana; never changes.
        title: its name.
        about: what it is for.
        variables: choices, each may use those before it.
        sections: from the top.
    """

    uid: str
    title: Words
    about: Words
    variables: tuple[Variable, ...]
    sections: tuple[Section, ...]


def render(dashboard: Dashboard) -> str:
    """Return a dashboard as Grafana reads it: JSON of the classic schema, the same for the same input."""
    made = model.Dashboard(
        uid=dashboard.uid,
        title=both(dashboard.title),
        description=block(dashboard.about),
        tags=[links.TAG],
        timezone="Asia/Ho_Chi_Minh",
        editable=False,
        graph_tooltip=model.DashboardCursorSync.CROSSHAIR,
        time=model.DashboardDashboardTime("now-7d", "now"),
        refresh="5m",
        panels=list(arranged(dashboard.sections)),
        templating=model.DashboardDashboardTemplating([_source(), *map(_variable, dashboard.variables)]),
        links=links.between(),
    )
    document: dict[str, Any] = json.loads(json.dumps(made, cls=JSONEncoder))
    for link in document["links"]:
        del link["placement"]  # the SDK always puts links into a menu; without it they stand in the open
    return json.dumps(document, ensure_ascii=False, indent=2, sort_keys=True) + "\n"


def arranged(sections: Sequence[Section]) -> Iterator[model.Panel | model.RowPanel]:
    """Yield rows and panels with their ids and places, from the top."""
    top, number = 0, 0
    for section in sections:
        number += 1
        yield model.RowPanel(
            title=both(section.title) + (f": ${section.repeat}" if section.repeat else ""),
            id_val=number,
            grid_pos=model.GridPos(h=1, w=COLUMNS, x=0, y=top),
            repeat=section.repeat or None,
        )
        top += 1
        left, tallest = 0, 0
        for place in section.places:
            if left + place.width > COLUMNS:
                top, left, tallest = top + tallest, 0, 0
            number += 1
            place.panel.id_val = number
            place.panel.grid_pos = model.GridPos(h=place.height, w=place.width, x=left, y=top)
            yield place.panel
            left, tallest = left + place.width, max(tallest, place.height)
        top += tallest


def _source() -> model.VariableModel:
    return model.VariableModel(
        model.VariableType.DATASOURCE,
        name="datasource",
        label=both(Words("Nguồn dữ liệu", "Data source")),
        query="prometheus",
    )


def _variable(variable: Variable) -> model.VariableModel:
    return model.VariableModel(
        model.VariableType.QUERY,
        name=variable.name,
        label=both(variable.label),
        datasource=SOURCE,
        query=variable.query,
        definition=variable.query,
        refresh=model.VariableRefresh.ON_TIME_RANGE_CHANGED,
        sort=model.VariableSort.ALPHABETICAL_ASC,
        hide=model.VariableHide.HIDE_VARIABLE if variable.hidden else None,
        skip_url_sync=variable.hidden,
        multi=variable.many,
        include_all=variable.many,
        current=model.VariableOption(text=["All"], value=["$__all"]) if variable.many else None,
    )
