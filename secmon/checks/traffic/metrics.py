"""Derive the metrics of the traffic check from what its runs saw."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Final

from secmon.checks.traffic.detectors import DETECTORS
from secmon.core.contract import Sample

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from secmon.core.model import Observation

_COUNTERS: Final = {
    "packets": "secmon_capture_packets_total",
    "dropped": "secmon_capture_dropped_total",
    "bytes": "secmon_capture_bytes_total",
}


def samples(asset: str, observations: Sequence[Observation], now: float) -> list[Sample]:
    """Return the metrics of one run over one asset.

    Args:
        asset: id of the asset.
        observations: what the run saw of its targets.
        now: Unix seconds.

    Returns:
        Increments of the counters, and a gauge for each detector that looked completely everywhere.
    """
    del now
    active: Counter[str] = Counter()
    looked: set[str] = set()
    blind: set[str] = set()
    found: list[Sample] = []
    for observation in observations:
        found += _captured(observation)
        active.update(str(fact.values["detector"]) for fact in observation.facts if fact.kind == "anomaly")
        for detector in DETECTORS:
            is_complete = observation.looked.get(f"anomaly/{detector}", ...) is None
            (looked if is_complete else blind).add(detector)
    for detector in DETECTORS:
        if active[detector] or (detector in looked and detector not in blind):
            found.append(Sample("secmon_anomaly_active", (asset, detector), float(active[detector])))
        if active[detector]:
            found.append(Sample("secmon_anomalies_total", (detector,), float(active[detector])))
    return found


def _captured(observation: Observation) -> Iterator[Sample]:
    """Yield what was captured; capture files are left out: their names would be labels from outside."""
    if observation.target.startswith("pcap:"):
        return
    for fact in observation.facts:
        if fact.kind == "interface":
            for field, metric in _COUNTERS.items():
                yield Sample(metric, (str(fact.values["name"]),), float(fact.values[field] or 0))
