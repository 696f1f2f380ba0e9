"""Make the check's metrics from its observations; what was not seen is not exported."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from secmon.checks.patches.kinds import HOST, UPDATE
from secmon.core.contract import Sample

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from secmon.core.model import Fact, Observation

_FIELDS: Final[tuple[tuple[str, str, Callable[[Sequence[float]], float]], ...]] = (
    ("secmon_reboot_required", "reboot_required", max),
    ("secmon_os_end_of_life_timestamp_seconds", "eol_date", min),
    ("secmon_package_index_timestamp_seconds", "security_index_timestamp", min),
)
"""Metric, the field of `host` that it shows, and which of several roots of one asset is the worst."""


def samples(asset: str, observations: Sequence[Observation], now: float) -> list[Sample]:  # noqa: ARG001  # contract
    """Count pending updates, and show the worst reboot, end of life and index date of an asset's roots.

    Args:
        asset: id of the asset.
        observations: the asset's observations of the last run.
        now: Unix seconds; not needed here.

    Returns:
        Samples for what was seen; `secmon_updates_pending` only where every root was looked at completely.
    """
    facts = [fact for observation in observations for fact in observation.facts]
    hosts = [fact for fact in facts if fact.kind == HOST.name]
    found: list[Sample] = []
    if hosts and all(observation.looked.get(UPDATE.name, True) is None for observation in observations):
        updates = [bool(fact.values["security"]) for fact in facts if fact.kind == UPDATE.name]
        found.append(Sample("secmon_updates_pending", (asset, "security"), updates.count(True)))
        found.append(Sample("secmon_updates_pending", (asset, "other"), updates.count(False)))
    for name, field, worst in _FIELDS:
        seen = _numbers(hosts, field)
        if seen:
            found.append(Sample(name, (asset,), worst(seen)))
    return found


def _numbers(hosts: Sequence[Fact], field: str) -> list[float]:
    values = (fact.values.get(field) for fact in hosts)
    return [float(value) for value in values if value is not None]
