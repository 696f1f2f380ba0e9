"""Lay out a unit's dashboard: how it stands, its assets, what to repair first, what runs out."""

from __future__ import annotations

from string import ascii_uppercase
from typing import Final

from secmon.core.words import Words
from tools.dashboards import links, shared, style
from tools.dashboards.layout import Dashboard, Place, Section, Variable
from tools.dashboards.panels import Column, Query, figures, grid, lines
from tools.dashboards.scope import KIND, PROVINCE, UNIT, days, gain, or_zero
from tools.dashboards.style import COUNT, COVERED, FAULTS, FLOOR, GRADED
from tools.dashboards.texts import common, unit

_U: Final = f"{{{UNIT.where}}}"
_P: Final = f"{{{PROVINCE.where}}}"


def dashboard() -> Dashboard:
    """Return the dashboard of a unit."""
    return Dashboard(
        uid=links.UNIT,
        title=Words("secmon: Đơn vị", "secmon: Unit"),
        about=Words(
            "Một đơn vị: điểm, thứ hạng, tài sản, việc cần sửa trước, những gì sắp hết hạn.",
            "One unit: its score and rank, its assets, what to repair first, what is about to run out.",
        ),
        variables=(
            Variable.province(),
            Variable.unit_kind(),
            Variable(
                "unit",
                Words("Đơn vị", "Unit"),
                f"label_values({KIND.inventory}, unit)",
            ),
            Variable(
                "agents",
                Words("Tác tử", "Agents"),
                f"label_values(asset:secmon_score:denominator{_U}, agent)",
                many=True,
                hidden=True,
            ),
        ),
        sections=(_overview(), _assets(), _repair(), _expiry(), _trend(), _alerts()),
    )


def _overview() -> Section:
    figure = (
        figures(head, look, Query(f"max(unit:secmon_{name}:ratio{_U})"), trend=True)
        for name, head, look in (
            ("score", common.RAW, GRADED),
            ("accepted", common.ACCEPTED, GRADED),
            ("coverage", common.COVERAGE, COVERED),
        )
    )
    counts = (
        (common.SILENT, or_zero(f"count({UNIT.silent})", UNIT.inventory)),
        (unit.CRITICAL, or_zero(f"sum({UNIT.findings('open', 'critical')})", UNIT.answering)),
        (unit.WAIVED, or_zero(f"sum({UNIT.findings('waived', '.+')})", UNIT.answering)),
    )
    return Section(
        Words("Toàn cảnh", "Overview"),
        (
            *(Place(panel, 4, 5) for panel in figure),
            Place(figures(unit.RANK, style.RANK, Query(_rank())), 3, 5),
            *(Place(figures(head, FAULTS, Query(count)), 3, 5) for head, count in counts),
        ),
    )


def _rank() -> str:
    """Return one more than the units of its kind that rank above it; nothing where it is not ranked."""
    ranked = f"(unit:secmon_score:ratio{_P} and on (unit) unit:secmon_coverage:ratio{_P} >= {FLOOR})"
    mine = f"max by (unit_kind) (unit:secmon_score:ratio{_U})"
    above = f"count({ranked} > on (unit_kind) group_left () {mine})"
    return f"({above} + 1 or vector(1)) and on () unit:secmon_coverage:ratio{_U} >= {FLOOR}"


def _assets() -> Section:
    mine = UNIT.inventory
    maintained = f"max by (asset) (asset:secmon_maintenance:bool and on (asset) {mine})"
    score, accepted, coverage = (
        f"max by (asset) (asset:secmon_{name}:ratio{_U})" for name in ("score", "accepted", "coverage")
    )
    values = (
        (UNIT.state, Words("Trạng thái", "State"), style.STATE),
        (
            f"{maintained} or 0 * group by (asset) ({mine})",
            Words("Bảo trì", "Maintenance"),
            style.MAINTAINED,
        ),
        (score, Words("Điểm thô", "Raw score"), GRADED),
        (accepted, Words("Sau miễn trừ", "Accepted"), GRADED),
        (coverage, Words("Độ phủ", "Coverage"), COVERED),
        (_rules("fail"), Words("Quy tắc chưa đạt", "Rules failing"), FAULTS),
        (_rules("unknown|error"), Words("Quy tắc chưa rõ", "Rules undecided"), FAULTS),
    )
    grades = UNIT.of_assets(f"group by (agent, asset, grade) ({UNIT.series('secmon_grade_info')})")
    table = grid(
        unit.ASSETS,
        (*(expr for expr, _, _ in values), f"group by (asset, grade) ({grades})"),
        (
            shared.ASSET,
            Column("grade", Words("Hạng", "Grade"), style.GRADE, width=110),
            *(
                Column(f"Value #{letter}", title, look)
                for letter, (_, title, look) in zip(ascii_uppercase, values, strict=False)
            ),
        ),
        sort=("Value #C", False),
    )
    return Section(Words("Tài sản", "Assets"), (Place(table, 24, 11),))


def _rules(outcomes: str) -> str:
    found = UNIT.series("secmon_rule_results", f'outcome=~"{outcomes}"')
    counted = f"count by (asset) ({UNIT.of_assets(f'group by (agent, asset, rule) ({found} > 0)')})"
    return f"{counted} or on (asset) 0 * group by (asset) ({UNIT.answering})"


def _repair() -> Section:
    weight = "max by (asset) (secmon_inventory_weight)"
    first = grid(
        unit.REPAIR,
        (f"topk(20, {gain(UNIT, weight, f'max(unit:secmon_score:denominator{_U})')})",),
        (shared.RULE, shared.SEVERITY, shared.GAIN),
        sort=("Value", True),
        nothing=Words("không có lỗi nào để sửa", "nothing to repair"),
    )
    up, paused = UNIT.series("secmon_check_up"), UNIT.series("secmon_check_quarantined")
    failing = f"on (agent, check) ({up} == 0 or {paused} == 1)"
    checks = grid(
        unit.CHECKS,
        (
            f"min by (agent, check) ({up}) and {failing}",
            f"max by (agent, check) ({paused}) and {failing}",
        ),
        (
            shared.AGENT,
            shared.CHECK,
            Column("Value #A", Words("Hoạt động", "Up"), style.WANTED),
            Column("Value #B", Words("Tạm dừng", "Paused"), style.UNWANTED),
        ),
        sort=("agent", False),
        nothing=Words("mọi kiểm tra đều chạy", "every check runs"),
    )
    return Section(
        Words("Sửa gì trước", "What to repair first"), (Place(first, 13, 10), Place(checks, 11, 10))
    )


def _expiry() -> Section:
    ends = _said("secmon_tls_certificate_not_after_timestamp_seconds")
    certificates = grid(
        unit.CERTIFICATES,
        (f"bottomk(20, {days(f'min by (asset, target) ({ends}) - time()')})",),
        (shared.ASSET, shared.TARGET, Column("Value", Words("Còn (ngày)", "Days left"), style.DAYS_LEFT)),
        sort=("Value", False),
        nothing=Words("không có chứng thư nào", "no certificates"),
    )
    support = _said("secmon_os_end_of_life_timestamp_seconds")
    index = _said("secmon_package_index_timestamp_seconds")
    values = (
        (_updates("security"), Words("Vá bảo mật", "Security updates"), FAULTS),
        (_updates("other"), Words("Cập nhật khác", "Other updates"), COUNT),
        (
            f"max by (asset) ({_said('secmon_reboot_required')})",
            Words("Cần khởi động lại", "Reboot"),
            style.UNWANTED,
        ),
        (
            days(f"min by (asset) ({support}) - time()"),
            Words("Còn được vá (ngày)", "Support left"),
            style.SUPPORT_LEFT,
        ),
        (
            days(f"time() - min by (asset) ({index})"),
            Words("Tuổi danh mục gói (ngày)", "Index age"),
            style.DAYS,
        ),
    )
    patches = grid(
        unit.PATCHES,
        tuple(expr for expr, _, _ in values),
        (
            shared.ASSET,
            *(
                Column(f"Value #{letter}", title, look)
                for letter, (_, title, look) in zip(ascii_uppercase, values, strict=False)
            ),
        ),
        sort=("Value #A", True),
    )
    return Section(
        Words("Sắp hết hạn, cần cập nhật", "Running out, to be updated"),
        (Place(certificates, 10, 10), Place(patches, 14, 10)),
    )


def _updates(kind: str) -> str:
    matchers = f'class="{kind}"'
    return f"max by (asset) ({_said('secmon_updates_pending', matchers)})"


def _said(metric: str, matchers: str = "") -> str:
    return UNIT.of_assets(UNIT.series(metric, matchers))


def _trend() -> Section:
    return Section(
        Words("Diễn biến", "Trend"),
        (
            Place(shared.trend(f"unit:secmon_NAME:ratio{_U}"), 12, 9),
            Place(lines(common.FINDINGS, COUNT, *shared.findings(UNIT)), 12, 9),
        ),
    )


def _alerts() -> Section:
    return Section(Words("Cảnh báo", "Alerts"), (Place(shared.alerts(UNIT), 24, 8),))
