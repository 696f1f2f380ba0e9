"""Write a random fleet as a unit test for promtool."""

from __future__ import annotations

import itertools
import json
import math
from typing import TYPE_CHECKING, Final

from tests.lab.prometheus_fleet import DAY, LONG, PACKS, STEP, scores, totals

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from secmon.core.fleet import Total
    from tests.lab.prometheus_fleet import Fleet, Page, Seen

LEVELS: Final = ("asset", "unit", "unit_kind", "province")
METRICS: Final = {"score": "raw", "accepted": "accepted", "coverage": "coverage"}


def unit_test(fleet: Fleet, *, error: float = 0.0) -> dict[str, object]:
    """Return the fleet as one test for promtool: no recorded ratio may differ from Python's.

    Args:
        fleet: the fleet.
        error: added to every ratio of Python's, to see the test fail.
    """
    series = [*_inventory_series(fleet), *_agent_series(fleet), *_expected(fleet, error)]
    return {
        "interval": f"{STEP}s",
        "input_series": [{"series": name, "values": values} for name, values in series],
        "promql_expr_test": [
            {"expr": _differs(level, metric), "eval_time": f"{fleet.now}s", "exp_samples": []}
            for level in LEVELS
            for metric in METRICS
        ],
    }


def _differs(level: str, metric: str) -> str:
    recorded, expected = f"{level}:secmon_{metric}:ratio", f'expected{{level="{level}",metric="{metric}"}}'
    on = f"on ({level})"
    return (
        f"abs({recorded} - {on} {expected}) > 1e-6 or ({recorded} != {recorded})"
        f" or ({recorded} unless {on} {expected}) or ({expected} unless {on} {recorded})"
    )


def _expected(fleet: Fleet, error: float) -> Iterator[tuple[str, str]]:
    found = {
        level: {name: _means(total) for name, total in sums.items()} for level, sums in totals(fleet).items()
    }
    possible = {asset.id for asset in fleet.assets if asset.possible}
    found["asset"] = {
        name: dict.fromkeys(METRICS.values(), 0.0)
        if result is None
        else {part: getattr(result, part) for part in METRICS.values()}
        for name, result in scores(fleet).items()
        if name in possible and (result is None or result.raw is not None)
    }
    for level, values in found.items():
        for name, parts in values.items():
            for metric, part in METRICS.items():
                labels = {"level": level, "metric": metric, level: name}
                yield _series("expected", labels), _constant(parts[part] / 100 + error)


def _means(total: Total) -> dict[str, float]:
    return {"raw": total.raw_score, "accepted": total.accepted_score, "coverage": total.coverage_score}


def _inventory_series(fleet: Fleet) -> Iterator[tuple[str, str]]:
    for name, value in _inventory(fleet):
        yield name, _row(None if step == fleet.gap else value for step in range(fleet.steps + 1))


def _inventory(fleet: Fleet) -> Iterator[tuple[str, float]]:
    yield _series("secmon_inventory_timestamp_seconds", {}), 1
    for level in {asset.level for asset in fleet.assets}:
        yield _series("secmon_inventory_level_weight", {"level": str(level)}), 2 ** (level - 1)
    for asset in fleet.assets:
        own = {"asset": asset.id}
        labels = own | {
            "agent": asset.agent,
            "unit": asset.unit,
            "unit_kind": asset.kind,
            "province": "thanh-hoa",
            "level": str(asset.level),
            "platform": asset.platform,
            "roles": asset.roles,
            "site": "dc1",
        }
        yield _series("secmon_inventory_asset_info", labels), 1
        if asset.maintenance:
            yield _series("secmon_inventory_maintenance", own), 1
        yield _series("secmon_inventory_asset_points_possible", labels), sum(asset.possible.values())
        if asset.max_age > DAY:
            yield _series("secmon_inventory_speaks_seconds", own), asset.speaks
    for unit, kind in {(asset.unit, asset.kind) for asset in fleet.assets}:
        labels = {"unit": unit, "unit_kind": kind, "province": "thanh-hoa"}
        weight = sum(
            2 ** (asset.level - 1) for asset in fleet.assets if (asset.unit, asset.kind) == (unit, kind)
        )
        yield _series("secmon_inventory_unit_weight", labels), weight
    for pack, digests in PACKS.items():
        for digest in digests:
            yield _series("secmon_inventory_pack_accepted", {"pack": pack, "sha256": digest}), 1
    yield _series("secmon_inventory_pack_accepted", {"pack": "secmon", "sha256": "old"}), 0


def _agent_series(fleet: Fleet) -> Iterator[tuple[str, str]]:
    for (agent, instance), pages in fleet.pages.items():
        values: dict[str, list[float | None]] = {}
        for step, page in enumerate(pages):
            for name, value in _samples(page, step) if page is not None else ():
                values.setdefault(name, [None] * len(pages))[step] = value
        own = _labels({"agent": agent, "instance": instance})
        for name, row in values.items():
            yield name.replace("{", "{" + own + ",", 1), _row(row)


def _samples(page: Page, step: int) -> Iterator[tuple[str, float]]:
    snapshot = step * STEP + page.ahead
    for asset, seen in page.assets.items():
        platform, level, roles = seen.claim
        labels = {"asset": asset, "platform": platform, "level": str(level), "roles": roles}
        for pack, digest in page.packs:
            yield (
                _series("secmon_claim_timestamp_seconds", labels | {"pack": pack, "sha256": digest}),
                snapshot,
            )
        for name, value in _handed_over(asset, seen, snapshot):
            yield name, math.nan if seen.broken else value


def _handed_over(asset: str, seen: Seen, snapshot: float) -> Iterator[tuple[str, float]]:
    told = seen.told(snapshot)
    for part in ("possible", "earned", "covered"):
        yield _series(f"secmon_asset_points_{part}", {"asset": asset}), getattr(told.recent, part)
    if waived := told.recent.accepted - told.recent.earned:
        yield _series("secmon_asset_points_waived", {"asset": asset}), waived
    for item in told.ageing:
        labels = {"asset": asset, "check": item.check}
        for part in ("earned", "covered"):
            yield _series(f"secmon_ageing_points_{part}", labels), getattr(item.points, part)
        yield _series("secmon_ageing_points_waived", labels), item.points.accepted - item.points.earned
        yield _series("secmon_ageing_last_complete_timestamp_seconds", labels), item.last_complete


def _labels(labels: Mapping[str, str]) -> str:
    return ",".join(f"{name}={json.dumps(value, ensure_ascii=False)}" for name, value in labels.items())


def _series(name: str, labels: Mapping[str, str]) -> str:
    return f"{name}{{{_labels(labels)}}}"


def _constant(value: float) -> str:
    return f"{float(value)!r}+0x{LONG[0]}"


def _row(values: Iterable[float | None]) -> str:
    """Return samples in promtool's notation, runs of equal ones together."""
    runs: list[str] = []
    for value, run in itertools.groupby(values, key=_comparable):
        runs.append(_run(value, len(list(run)), first=not runs))
    return " ".join(runs)


def _comparable(value: float | None) -> str:
    return "_" if value is None else "NaN" if math.isnan(value) else repr(float(value))


def _run(value: str, length: int, *, first: bool) -> str:
    if value == "_":
        # What Prometheus writes where a scrape fails: without it the last sample would stand for five minutes.
        return f"_x{length}" if first else f"stale _x{length - 1}"
    if value == "NaN":
        return " ".join(["NaN"] * length)
    return f"{value}+0x{length - 1}"
