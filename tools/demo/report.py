"""Tell in Vietnamese and English what the demo shows and where to look."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final
from urllib.parse import urlencode

from secmon.cli.command import Words
from secmon.core.fleet import RANKING_COVERAGE, Total, rank
from tools.demo.serving import INVENTORY_ADDRESS, INVENTORY_PAGE
from tools.demo.troubles import HOUR

if TYPE_CHECKING:
    from collections.abc import Iterator

    from secmon.core.fleet import Standing
    from secmon.core.texts import Lang
    from tools.demo.api import Prometheus
    from tools.demo.fleet import Fleet
    from tools.demo.stack import Stack

_GRAPHS: Final = (
    (
        Words("Xếp hạng đơn vị", "Ranking of units"),
        "sort_desc(unit:secmon_score:ratio and unit:secmon_coverage:ratio >= 0.6)",
        1,
    ),
    (Words("Điểm của tỉnh", "Score of the province"), "province:secmon_score:ratio", 0),
    (
        Words("Lỗi nghiêm trọng", "Critical findings"),
        'sum by (asset, check) (secmon_findings{severity="critical",state="open"}) > 0',
        1,
    ),
)
"""What a link shows, its query, and the tab: 0 graph, 1 table."""
_KINDS: Final = {
    "department": Words("Sở, ngành", "Departments"),
    "commune": Words("Xã", "Communes"),
    "ward": Words("Phường", "Wards"),
    "data-centre": Words("Trung tâm dữ liệu", "Data centres"),
}
_TITLE: Final = Words(
    "{name}, hạt giống {seed}: {units} đơn vị, {assets} máy, {agents} tác tử. Dữ liệu giả.",
    "{name}, seed {seed}: {units} units, {assets} machines, {agents} agents. The data is made up.",
)
_ALERTS: Final = Words("Cảnh báo", "Alerts")
_PAGES: Final = Words("Trang của tác tử", "Pages of agents")
_INVENTORY: Final = Words("Danh mục", "Inventory")
_RANKING: Final = Words("XẾP HẠNG", "RANKING")
_SCORE: Final = Words("điểm", "score")
_SEEN: Final = Words("thấy được", "seen")
_LACKING: Final = Words("chưa đủ dữ liệu", "not enough data")
_PROVINCE: Final = Words("Toàn tỉnh", "The province")
_PLANTED: Final = Words("LỖI CÀI SẴN, và cảnh báo của nó", "FAULTS PLANTED, and their alerts")
_PAST: Final = Words(
    "Điểm của {hours:.0f} giờ trước không được thu thập mà được tính từ cùng dữ liệu giả.",
    "The scores of the last {hours:.0f} hours were not scraped but computed from the same made-up data.",
)
_GRAFANA: Final = Words(
    "Grafana: thêm nguồn dữ liệu Prometheus {url}, rồi nhập (Import) các tệp của deploy/grafana/dashboards/.",
    "Grafana: add the Prometheus data source {url}, then import the files of deploy/grafana/dashboards/.",
)
_END: Final = Words(
    "Ctrl-C dừng tất cả và xóa mọi tệp tạm.", "Ctrl-C stops everything and removes every file."
)
_COLUMN: Final = 26


def lines(stack: Stack, fleet: Fleet, lang: Lang) -> Iterator[str]:
    """Yield everything that is told once the scores are there.

    Args:
        stack: the running Prometheus.
        fleet: what it scrapes.
        lang: language of the reader.

    Raises:
        Unanswered: Prometheus does not answer.
    """
    world = fleet.world
    name = fleet.inventory.names[lang]
    counts = {"units": len(world.units), "assets": len(world.machines), "agents": len(world.agents)}
    yield _TITLE.of(lang).format(name=name, seed=world.seed, **counts)
    yield ""
    yield from _addresses(stack, fleet, lang)
    yield ""
    yield from _ranking(stack.api, fleet, lang)
    yield ""
    yield _PLANTED.of(lang)
    for plant, machine in world.planted():
        words = Words(plant.vi, plant.en)
        yield f"  {machine.id:<{_COLUMN}} {words.of(lang)}{f' ({plant.alert})' if plant.alert else ''}"
    yield ""
    yield _PAST.of(lang).format(hours=stack.past_seconds / HOUR)
    yield _GRAFANA.of(lang).format(url=stack.url)
    yield _END.of(lang)


def _addresses(stack: Stack, fleet: Fleet, lang: Lang) -> Iterator[str]:
    yield _row("Prometheus", stack.url)
    for words, query, tab in _GRAPHS:
        parameters = urlencode({"g0.expr": query, "g0.tab": tab, "g0.range_input": "1d"})
        yield _row(f"  {words.of(lang)}", f"{stack.url}/graph?{parameters}")
    yield _row(f"  {_ALERTS.of(lang)}", f"{stack.url}/alerts")
    pages = [f"http://{agent.machine.address}:{stack.api.port}/metrics" for agent in fleet.agents.values()]
    yield _row(_PAGES.of(lang), "  ".join(pages[:: max(1, len(pages) // 3)][:3]))
    inventory = f"http://{INVENTORY_ADDRESS}:{stack.api.port}"
    yield _row(_INVENTORY.of(lang), f"{inventory}/inventory.yml  {inventory}/{INVENTORY_PAGE}")


def _row(what: str, where: str) -> str:
    return f"{what:<{_COLUMN}} {where}"


def _ranking(api: Prometheus, fleet: Fleet, lang: Lang) -> Iterator[str]:
    yield f"{_RANKING.of(lang):<{_COLUMN + 10}} {_SCORE.of(lang):>9} {_SEEN.of(lang):>10}"
    standings = standings_of(api)
    for kind, words in _KINDS.items():
        yield f"  {words.of(lang)}"
        for standing in standings[kind]:
            yield _standing(standing, fleet.inventory.units[standing.unit].names[lang], lang)
    for value in api.query("province:secmon_score:ratio"):
        coverage = api.query("province:secmon_coverage:ratio")[0].value
        yield f"  {_PROVINCE.of(lang):<{_COLUMN + 8}} {100 * value.value:>9.1f} {coverage:>10.0%}"


def _standing(standing: Standing, name: str, lang: Lang) -> str:
    place = "-" if standing.place is None else str(standing.place)
    lacking = f"  {_LACKING.of(lang)} (< {RANKING_COVERAGE:.0f} %)" if standing.place is None else ""
    total = standing.total
    figures = f"{total.raw_score:>9.1f} {total.coverage_score / 100:>10.0%}"
    return f"  {place:>3}. {name:<{_COLUMN + 3}} {figures}{lacking}"


def standings_of(api: Prometheus) -> dict[str, tuple[Standing, ...]]:
    """Rank the units by what Prometheus has recorded.

    Args:
        api: the Prometheus.

    Returns:
        Kind -> standings, best first.

    Raises:
        Unanswered: it does not answer.
    """
    parts: dict[str, dict[str, float]] = {}
    kinds: dict[str, str] = {}
    for name in ("score:numerator", "accepted:numerator", "coverage:numerator", "score:denominator"):
        for value in api.query(f"unit:secmon_{name}"):
            unit = value.labels["unit"]
            kinds[unit] = value.labels["unit_kind"]
            parts.setdefault(unit, {})[name] = value.value
    totals = {
        unit: Total(
            weight=found["score:denominator"],
            raw=100 * found["score:numerator"],
            accepted=100 * found["accepted:numerator"],
            coverage=100 * found["coverage:numerator"],
        )
        for unit, found in parts.items()
    }
    return rank({unit: (kinds[unit], total) for unit, total in totals.items()})
