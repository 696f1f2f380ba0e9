"""Hold the columns and panels that more than one dashboard shows."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from secmon.core.words import SEVERITIES, Words
from tools.dashboards import links, style
from tools.dashboards.panels import Column, Query, grid, lines
from tools.dashboards.scope import or_zero
from tools.dashboards.texts import common

if TYPE_CHECKING:
    from tools.dashboards.scope import Scope
    from tools.dashboards.sdk import model

UNIT: Final = Column("unit", Words("Đơn vị", "Unit"), link=links.TO_UNIT)
ASSET: Final = Column("asset", Words("Tài sản", "Asset"), link=links.TO_ASSET)
AGENT: Final = Column("agent", Words("Tác tử", "Agent"))
SITE: Final = Column("site", Words("Địa điểm", "Site"))
CHECK: Final = Column("check", Words("Kiểm tra", "Check"))
TARGET: Final = Column("target", Words("Đích", "Target"))
RULE: Final = Column("rule", Words("Quy tắc", "Rule"))
SEVERITY: Final = Column("severity", Words("Mức độ", "Severity"), style.SEVERITY, width=200)
ASSETS: Final = Column("Value", Words("Tài sản", "Assets"), style.COUNT, width=160)
TIMES: Final = Column("Value", Words("Số lần", "Count"), style.COUNT, width=160)
GAIN: Final = Column("Value", Words("Điểm thêm", "Gain"), style.GAIN, width=160)


def alerts(scope: Scope) -> model.Panel:
    """Return the table of firing alerts."""
    return grid(
        common.ALERTS,
        (f"count by (alertname, severity, unit, agent, asset) ({scope.alerts})",),
        (
            Column("alertname", Words("Cảnh báo", "Alert")),
            Column("severity", Words("Mức độ", "Severity"), style.ALERT_SEVERITY, width=200),
            UNIT,
            AGENT,
            ASSET,
            Column("Value", Words("Số lượng", "Count"), style.COUNT, width=160),
        ),
        sort=("severity", False),
        nothing=Words("không có cảnh báo", "no alerts"),
    )


def trend(series: str) -> model.Panel:
    """Return the course of a score.

    Args:
        series: a recorded ratio, with NAME for score, accepted or coverage.
    """
    shown = (
        ("score", "thô / raw", style.BLUE),
        ("accepted", "sau miễn trừ / accepted", style.ORANGE),
        ("coverage", "độ phủ / coverage", style.GREY),
    )
    asked = (Query(f"max({series.replace('NAME', name)})", legend, colour) for name, legend, colour in shown)
    return lines(common.TREND, style.RATIO, *asked)


def findings(scope: Scope) -> list[Query]:
    """Return the queries of open findings, one for each severity."""
    return [
        Query(
            or_zero(f"sum({scope.findings('open', severity)})", scope.answering),
            style.both(SEVERITIES[severity]),
            colour,
        )
        for severity, colour in style.SEVERITY_COLOURS.items()
    ]
