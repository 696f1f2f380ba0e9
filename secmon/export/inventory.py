"""Turn what an inventory says about assets into the Prometheus text page that recording rules join on."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Final

from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import GaugeMetricFamily

from secmon.core.contract import MetricSpec

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from prometheus_client.core import Metric

    from secmon.core.model import Json


def _gauge(name: str, labels: str, text: str) -> MetricSpec:
    return MetricSpec(f"secmon_inventory_{name}", "gauge", tuple(labels.split()), text)


INFO: Final = _gauge(
    "asset_info",
    "asset agent unit unit_kind province level platform roles site",
    "Assets in service; agent is the one that scores the asset.",
)
POSSIBLE: Final = _gauge(
    "points_possible", "asset check", "Points that the rules of accepted packs are worth on the asset."
)
WATCH: Final = _gauge("watch_info", "asset agent", "Agents that may speak of the asset beside that one.")
POINTS: Final = _gauge(
    "asset_points_possible",
    "asset agent unit unit_kind province level platform roles site",
    "Points that the rules of accepted packs are worth, all checks together.",
)
MAX_AGE: Final = _gauge(
    "max_age_seconds", "asset check", "Age of the last complete run from which points fade."
)
SPEAKS: Final = _gauge(
    "speaks_seconds", "asset", "How long the last words about an asset that is not always on hold."
)
LEVEL_WEIGHT: Final = _gauge("level_weight", "level", "What each asset of a level weighs.")
WEIGHT: Final = _gauge("weight", "asset", "What the asset weighs in its unit and in the province.")
UNIT_WEIGHT: Final = _gauge(
    "unit_weight", "unit unit_kind province", "What the assets of the unit weigh together."
)
MAINTENANCE: Final = _gauge("maintenance", "asset", "Assets in maintenance.")
ACCEPTED: Final = _gauge(
    "pack_accepted", "pack sha256", "Whether the pack at this digest is accepted; 0 past its last day."
)
MADE: Final = _gauge("timestamp_seconds", "", "When this page was made.")
FAMILIES: Final[tuple[MetricSpec, ...]] = (
    MADE,
    INFO,
    WATCH,
    POINTS,
    POSSIBLE,
    SPEAKS,
    MAX_AGE,
    LEVEL_WEIGHT,
    WEIGHT,
    UNIT_WEIGHT,
    MAINTENANCE,
    ACCEPTED,
)
"""Every family of the page."""

_Samples = list[tuple[MetricSpec, tuple[str, ...], float]]


def render(value: Json) -> str:
    """Return the page.

    Args:
        value: `assets` and `packs` of core.inventorypages, and `made`: Unix seconds.

    Returns:
        Prometheus text format 0.0.4.
    """
    samples: _Samples = [(MADE, (), value["made"])]
    samples += [sample for row in value["assets"] for sample in _of_asset(row)]
    weights = {row["info"]["level"]: row["weight"] for row in value["assets"]}
    samples += [(LEVEL_WEIGHT, (level,), weight) for level, weight in sorted(weights.items())]
    units: Counter[tuple[str, ...]] = Counter()
    for row in value["assets"]:
        units[tuple(row["info"][label] for label in UNIT_WEIGHT.labels)] += row["weight"]
    samples += [(UNIT_WEIGHT, labels, weight) for labels, weight in units.items()]
    samples += [(ACCEPTED, (row["pack"], row["sha256"]), row["accepted"]) for row in value["packs"]]
    registry = CollectorRegistry(auto_describe=False)
    registry.register(_Collector(samples))
    return generate_latest(registry).decode()


class _Collector:
    """Holds the samples of one page."""

    def __init__(self, samples: _Samples) -> None:
        self._families = {
            spec.name: GaugeMetricFamily(spec.name, spec.help, labels=spec.labels) for spec in FAMILIES
        }
        for spec, labels, number in samples:
            self._families[spec.name].add_metric(labels, number)

    def collect(self) -> Iterable[Metric]:
        return self._families.values()


def _of_asset(row: Json) -> Iterator[tuple[MetricSpec, tuple[str, ...], float]]:
    info = row["info"]
    asset = info["asset"]
    yield INFO, tuple(info[label] for label in INFO.labels), 1
    yield WEIGHT, (asset,), row["weight"]
    if row["maintenance"]:
        yield MAINTENANCE, (asset,), 1
    for agent in row["watchers"]:
        yield WATCH, (asset, agent), 1
    yield POINTS, tuple(info[label] for label in POINTS.labels), sum(row["possible"].values())
    if row["speaks"] is not None:
        yield SPEAKS, (asset,), row["speaks"]
    for check, points in row["possible"].items():
        yield POSSIBLE, (asset, check), points
        yield MAX_AGE, (asset, check), row["max_age"]
