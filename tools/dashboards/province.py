"""Lay out the province's dashboard: how it stands, who stands where, what to repair, whom nobody hears."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from secmon.core.score import GRADES
from secmon.core.words import Words
from tools.dashboards import links, shared, style
from tools.dashboards.layout import Dashboard, Place, Section, Variable
from tools.dashboards.panels import Column, Head, Query, bars, figures, grid, lines
from tools.dashboards.scope import KIND, PROVINCE, REFUSED, or_zero
from tools.dashboards.style import COUNT, COVERED, FAULTS, FLOOR, GRADED, RATIO
from tools.dashboards.texts import common, province

if TYPE_CHECKING:
    from tools.dashboards.sdk import model

_P: Final = f"{{{PROVINCE.where}}}"
_KIND: Final = f"{{{KIND.where}}}"
_NOBODY: Final = Words("không có", "none")


def dashboard() -> Dashboard:
    """Return the dashboard of the province."""
    return Dashboard(
        uid=links.PROVINCE,
        title=Words("secmon: Tỉnh", "secmon: Province"),
        about=Words(
            "Toàn tỉnh: điểm, độ phủ, xếp hạng, việc cần sửa và những nơi không có tin.",
            "The whole province: score, coverage, ranking, what to repair, and whom nobody hears.",
        ),
        variables=(Variable.province(), Variable.unit_kind()),
        sections=(_overview(), _trend(), _ranking(), _grades(), _repair(), _trust(), _alerts()),
    )


def _overview() -> Section:
    figure = {
        name: figures(head, look, Query(f"max(province:secmon_{name}:ratio{_P})"), trend=True)
        for name, head, look in (
            ("score", common.RAW, GRADED),
            ("accepted", common.ACCEPTED, GRADED),
            ("coverage", common.COVERAGE, COVERED),
        )
    }
    counts = (
        (province.ASSETS, COUNT, PROVINCE.inventory),
        (common.SILENT, FAULTS, PROVINCE.silent),
        (common.MAINTENANCE, COUNT, PROVINCE.maintained),
        (common.ALERTS, FAULTS, PROVINCE.alerts),
    )
    return Section(
        Words("Toàn cảnh", "Overview"),
        (
            *(Place(panel, 4, 5) for panel in figure.values()),
            *(
                Place(figures(head, look, Query(or_zero(f"count({vector})", PROVINCE.inventory))), 3, 5)
                for head, look, vector in counts
            ),
        ),
    )


def _trend() -> Section:
    kinds = Query(f"max by (unit_kind) (unit_kind:secmon_score:ratio{_KIND})", "{{unit_kind}}")
    return Section(
        Words("Diễn biến", "Trend"),
        (
            Place(shared.trend(f"province:secmon_NAME:ratio{_P}"), 12, 9),
            Place(lines(province.KINDS, RATIO, kinds), 12, 9),
        ),
    )


def _ranking() -> Section:
    return Section(
        Words("Xếp hạng", "Ranking"),
        (
            Place(_units(province.RANKING, f">= {FLOOR}", ("Value #A", True)), 24, 12),
            Place(_units(province.LACKING, f"< {FLOOR}", ("Value #C", False)), 24, 7),
        ),
        repeat="unit_kind",
    )


def _units(head: Head, covered: str, sort: tuple[str, bool]) -> model.Panel:
    """Return a table of the units of one kind whose coverage fulfils a comparison."""
    among = f"and on (unit) (unit:secmon_coverage:ratio{_KIND} {covered})"
    assets = f"count by (unit) ({KIND.inventory} {among})"
    return grid(
        head,
        (
            f"max by (unit) (unit:secmon_score:ratio{_KIND} {among})",
            f"max by (unit) (unit:secmon_accepted:ratio{_KIND} {among})",
            f"max by (unit) (unit:secmon_coverage:ratio{_KIND} {among})",
            assets,
            f"count by (unit) ({KIND.silent} {among}) or on (unit) 0 * {assets}",
        ),
        (
            shared.UNIT,
            Column("Value #A", Words("Điểm thô", "Raw score"), GRADED),
            Column("Value #B", Words("Điểm sau miễn trừ", "Accepted score"), GRADED),
            Column("Value #C", Words("Độ phủ", "Coverage"), COVERED),
            Column("Value #D", Words("Tài sản", "Assets"), COUNT),
            Column("Value #E", Words("Im lặng", "Silent"), FAULTS),
        ),
        sort=sort,
        nothing=_NOBODY,
    )


def _grades() -> Section:
    score = f"asset:secmon_accepted:ratio{_P}"
    confirmed = f"on (asset) {PROVINCE.of_assets(_uncapped())}"
    a, b, c, d = (f"{least / 100:g}" for least, _ in GRADES)
    capped = f"{score} >= {b} unless {confirmed}"
    graded = {
        "A": f"{score} >= {a} and {confirmed}",
        "B": f"{score} >= {b} < {a} and {confirmed}",
        "C": f"{score} >= {c} < {b} or {capped}",
        "D": f"{score} >= {d} < {c}",
        "E": f"{score} < {d}",
    }
    counts = (
        Query(or_zero(f"count({vector})", PROVINCE.inventory), letter, style.GRADE_COLOURS[letter])
        for letter, vector in graded.items()
    )
    return Section(
        Words("Hạng của tài sản", "Grades of assets"),
        (
            Place(bars(province.GRADES, COUNT, *counts), 18, 7),
            Place(
                figures(province.CAPPED, FAULTS, Query(or_zero(f"count({capped})", PROVINCE.inventory))), 6, 7
            ),
        ),
    )


def _uncapped() -> str:
    """Return the assets whose agents say A or B, or were last heard to, and nothing else, within the hour."""
    good, other = (PROVINCE.series("secmon_grade_info", f'grade=~"{grades}"') for grades in ("A|B", "C|D|E"))
    before = f"last_over_time({good}[1h]) unless on (agent, asset) last_over_time({other}[1h])"
    return f"group by (agent, asset) ({good} or {before})"


def _repair() -> Section:
    failing = f"count by (rule, severity) ({_rules('fail')})"
    undecided = f"count by (rule, severity) ({_rules('unknown|error')})"
    rules = grid(
        province.RULES,
        (failing, f"{undecided} and {failing} or 0 * {failing}"),
        (
            shared.RULE,
            shared.SEVERITY,
            Column("Value #A", Words("Tài sản chưa đạt", "Assets failing"), COUNT, width=210),
            Column("Value #B", Words("Tài sản chưa rõ", "Assets undecided"), COUNT, width=210),
        ),
        sort=("Value #A", True),
        nothing=Words("không có quy tắc nào chưa đạt", "no rule fails"),
    )
    findings = bars(common.FINDINGS, COUNT, *shared.findings(PROVINCE))
    return Section(
        Words("Sửa gì trước", "What to repair first"),
        (Place(rules, 14, 11), Place(findings, 10, 11)),
    )


def _rules(outcomes: str) -> str:
    found = PROVINCE.series("secmon_rule_results", f'outcome=~"{outcomes}"')
    return PROVINCE.of_assets(f"group by (agent, asset, rule, severity) ({found} > 0)")


def _trust() -> Section:
    silent = grid(
        province.NOT_REPORTING,
        (f"count by (agent, site, unit) ({PROVINCE.silent})",),
        (shared.AGENT, shared.UNIT, shared.SITE, shared.ASSETS),
        sort=("Value", True),
        nothing=Words("mọi tác tử đều trả lời", "every agent answers"),
    )
    packs = grid(
        province.PACKS,
        (f"count by (agent, site, unit) ({PROVINCE.inventory} and on (agent) {REFUSED})",),
        (shared.AGENT, shared.UNIT, shared.SITE, shared.ASSETS),
        sort=("Value", True),
        nothing=Words("mọi gói đều được chấp nhận", "all packs are accepted"),
    )
    maintained = grid(
        common.MAINTENANCE,
        (f"group by (asset, unit) ({PROVINCE.maintained})",),
        (shared.ASSET, shared.UNIT),
        sort=("unit", False),
        nothing=_NOBODY,
    )
    return Section(
        Words("Không có tin, không được tin", "Not heard, not believed"),
        (Place(silent, 9, 9), Place(packs, 8, 9), Place(maintained, 7, 9)),
    )


def _alerts() -> Section:
    return Section(Words("Cảnh báo", "Alerts"), (Place(shared.alerts(PROVINCE), 24, 9),))
