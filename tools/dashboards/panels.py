"""Make the four kinds of panel that the dashboards use: figures, bars, lines and tables."""

from __future__ import annotations

from dataclasses import dataclass
from string import ascii_uppercase
from typing import TYPE_CHECKING, Any, Final

from tools.dashboards import style
from tools.dashboards.sdk import (
    PromQueryFormat,
    bargauge,
    common,
    model,
    options,
    queries,
    stat,
    table,
    timeseries,
)
from tools.dashboards.style import Look, block, both

if TYPE_CHECKING:
    from collections.abc import Sequence

    from secmon.core.words import Words
    from tools.dashboards.links import Link

SOURCE: Final = common.DataSourceRef(type_val="prometheus", uid="${datasource}")
"""The Prometheus that the reader chose."""


@dataclass(frozen=True, slots=True)
class Head:
    """What a panel is.

    Attributes:
        title: a few words.
        about: what it means and what to do; stands behind the title's sign.
    """

    title: Words
    about: Words


@dataclass(frozen=True, slots=True)
class Query:
    """One query of a panel.

    Attributes:
        expr: PromQL.
        legend: name of its series, `{{label}}` for a label's value.
        colour: of its series; "" leaves it to the panel.
    """

    expr: str
    legend: str = ""
    colour: str = ""


@dataclass(frozen=True, slots=True)
class Column:
    """One column of a table.

    Attributes:
        field: a label, or a query's value: `Value` where there is one query, else `Value #A` and so on.
        title: its heading.
        look: how its cells are shown.
        link: where a click on a cell leads.
        width: in pixels, 0 leaves it to Grafana.
    """

    field: str
    title: Words
    look: Look = style.PLAIN
    link: Link | None = None
    width: int = 0


def figures(head: Head, look: Look, *asked: Query, trend: bool = False) -> model.Panel:
    """Return a panel of large figures.

    Args:
        head: what it is.
        look: how the figures are shown.
        *asked: queries; each series becomes a figure.
        trend: whether a line behind the figure shows its course over the range.
    """
    coloured = bool(look.steps) or any(colour for _, _, colour in look.words)
    panel = (
        stat.Panel()
        .graph_mode(common.BigValueGraphMode.AREA if trend else common.BigValueGraphMode.NONE)
        .color_mode(common.BigValueColorMode.BACKGROUND if coloured else common.BigValueColorMode.NONE)
        .reduce_options(options.ReduceDataOptions().calcs(["lastNotNull"]))
        .build()
    )
    return _finished(panel, head, look, asked, instant=not trend)


def bars(head: Head, look: Look, *asked: Query) -> model.Panel:
    """Return a panel of lying bars, one for each series."""
    panel = (
        bargauge.Panel()
        .orientation(common.VizOrientation.HORIZONTAL)
        .display_mode(common.BarGaugeDisplayMode.BASIC)
        .reduce_options(options.ReduceDataOptions().calcs(["lastNotNull"]))
        .build()
    )
    return _finished(panel, head, look, asked, instant=True)


def lines(head: Head, look: Look, *asked: Query) -> model.Panel:
    """Return a panel of lines over time."""
    legend = (
        options.VizLegendOptions()
        .display_mode(common.LegendDisplayMode.TABLE)
        .placement(common.LegendPlacement.BOTTOM)
        .show_legend(True)
        .calcs(["lastNotNull", "min", "max"])
    )
    tooltip = options.VizTooltipOptions().mode(common.TooltipDisplayMode.MULTI)
    panel = timeseries.Panel().line_width(2).fill_opacity(5).legend(legend).tooltip(tooltip).build()
    return _finished(panel, head, look, asked, instant=False)


def grid(
    head: Head,
    exprs: Sequence[str],
    columns: Sequence[Column],
    *,
    sort: tuple[str, bool],
    nothing: Words = style.NO_DATA,
) -> model.Panel:
    """Return a table: the rows of one query, or of several joined on the labels that all of them have.

    Args:
        head: what it is.
        exprs: PromQL, each aggregated to the labels of a row.
        columns: in their order; what is not named is not shown.
        sort: field to sort by, and whether the largest stands first.
        nothing: what stands there while there are no rows.
    """
    titles = {column.field: both(column.title) for column in columns}
    field, descending = sort
    builder = table.Panel().sort_by(
        [options.TableSortByFieldState().display_name(titles[field]).desc(descending)]
    )
    for column in columns:
        builder = builder.override_by_name(both(column.title), _properties(column))
    panel = builder.build()
    panel.transformations = _rows(titles, joined=len(exprs) > 1)
    asked = tuple(Query(expr) for expr in exprs)
    return _finished(panel, head, Look(nothing=nothing), asked, instant=True)


def _rows(titles: dict[str, str], *, joined: bool) -> list[model.DataTransformerConfig]:
    """Return how answers become rows."""
    renamed = dict(titles)
    if joined and "Value #A" in titles:
        renamed["Value"] = titles["Value #A"]  # Grafana's name for it where no other query has an answer
    order = {field: index for index, field in enumerate(renamed)}
    steps: dict[str, dict[str, object]] = {
        "filterFieldsByName": {"include": {"names": list(renamed)}},
        "organize": {"excludeByName": {}, "indexByName": order, "renameByName": renamed},
    }
    if joined:
        steps = {"merge": {}} | steps
    return [model.DataTransformerConfig(name, options=given) for name, given in steps.items()]


def _properties(column: Column) -> list[model.DynamicConfigValue]:
    look = column.look
    found: dict[str, Any] = {"unit": look.unit}
    if look.decimals is not None:
        found["decimals"] = look.decimals
    if look.steps:
        found["thresholds"] = style.thresholds(look.steps)
        found["color"] = model.FieldColor(model.FieldColorModeId.THRESHOLDS)
    if look.words:
        found["mappings"] = [style.mapping(look.words)]
    if look.steps or any(colour for _, _, colour in look.words):
        mode = common.TableCellBackgroundDisplayMode.BASIC
        found["custom.cellOptions"] = common.TableColoredBackgroundCellOptions(mode)
    if column.link:
        found["links"] = [{"title": both(column.link.title), "url": column.link.url()}]
    if column.width:
        found["custom.width"] = column.width
    return [model.DynamicConfigValue(name, value) for name, value in found.items()]


def _finished(
    panel: model.Panel, head: Head, look: Look, asked: Sequence[Query], *, instant: bool
) -> model.Panel:
    """Give a panel what all have: words, source, queries, and how its figures look."""
    panel.title, panel.description = both(head.title), block(head.about)
    panel.datasource = SOURCE
    config = panel.field_config = panel.field_config or model.FieldConfigSource()
    defaults = config.defaults
    defaults.unit, defaults.decimals = look.unit, look.decimals
    defaults.min_val, defaults.max_val = look.least, look.most
    defaults.no_value = both(look.nothing)
    if look.steps:
        defaults.thresholds = style.thresholds(look.steps)
        defaults.color = model.FieldColor(model.FieldColorModeId.THRESHOLDS)
    elif panel.type_val == "bargauge":  # else Grafana colours it green, and red from 80 on
        defaults.color = model.FieldColor(model.FieldColorModeId.FIXED, style.BLUE)
    if look.words:
        defaults.mappings = [style.mapping(look.words)]
    panel.targets = []
    for letter, query in zip(ascii_uppercase, asked, strict=False):
        target = queries.Dataquery(datasource=SOURCE, expr=query.expr, ref_id=letter)
        target.instant, target.range_val = instant, not instant
        target.legend_format = query.legend or None
        target.format_val = PromQueryFormat.TABLE if panel.type_val == "table" else None
        panel.targets.append(target)
        if query.colour:
            config.overrides.append(_coloured(letter, query.colour))
    return panel


def _coloured(letter: str, colour: str) -> model.DashboardFieldConfigSourceOverrides:
    fixed = model.FieldColor(model.FieldColorModeId.FIXED, colour)
    return model.DashboardFieldConfigSourceOverrides(
        matcher=model.MatcherConfig("byFrameRefID", letter),
        properties=[model.DynamicConfigValue("color", fixed)],
    )
