"""Make links between the dashboards that carry the variables along."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from secmon.core.words import Words
from tools.dashboards.sdk import model
from tools.dashboards.style import both

PROVINCE: Final = "secmon-province"
UNIT: Final = "secmon-unit"
ASSET: Final = "secmon-asset"
TAG: Final = "secmon"

CLICKED: Final = "${__value.raw}"
"""The value of the cell that was clicked; Grafana encodes it for the address."""


@dataclass(frozen=True, slots=True)
class Link:
    """A link from a cell.

    Attributes:
        title: what a person reads.
        dashboard: uid of the dashboard that it opens.
        sets: variable -> its value there.
        keeps: variables of this dashboard that go along.
    """

    title: Words
    dashboard: str
    sets: tuple[tuple[str, str], ...]
    keeps: tuple[str, ...] = ("datasource", "province")

    def url(self) -> str:
        """Return the address, within Grafana."""
        kept = [f"${{{name}:queryparam}}" for name in self.keeps]
        told = [f"var-{name}={value}" for name, value in self.sets]
        return f"/d/{self.dashboard}?{'&'.join([*kept, *told, '${__url_time_range}'])}"


TO_UNIT: Final = Link(Words("Mở đơn vị", "Open the unit"), UNIT, (("unit", CLICKED),))
TO_ASSET: Final = Link(Words("Mở tài sản", "Open the asset"), ASSET, (("asset", CLICKED),))


def between() -> list[model.DashboardLink]:
    """Return the links at the top of each dashboard, to the others."""
    return [
        model.DashboardLink(
            title=both(Words("Bảng khác của secmon", "Other dashboards of secmon")),
            type_val=model.DashboardLinkType.DASHBOARDS,
            tags=[TAG],
            include_vars=True,
            keep_time=True,
        )
    ]
