"""Make of an inventory what Prometheus reads: the agents to scrape, and what each asset counts."""

from __future__ import annotations

from typing import TYPE_CHECKING

from secmon.core.fleet import weight_of
from secmon.core.hosts import join_port
from secmon.core.inventory import Availability

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from secmon.core.inventory import Inventory, InventoryAsset
    from secmon.core.model import Json


def agent_rows(inventory: Inventory, now: float) -> list[Json]:
    """Return the agents that Prometheus scrapes.

    Args:
        inventory: an inventory.
        now: Unix seconds.

    Returns:
        `agent`, `host` and `site` of each agent in service, by name; none of an airgapped asset, which
        nobody can scrape.
    """
    assets = [
        asset
        for asset in inventory.in_service(now)
        if asset.agent and asset.availability is not Availability.AIRGAPPED
    ]
    rows = [{"agent": asset.agent, "host": asset.host, "site": asset.site} for asset in assets]
    return sorted(rows, key=lambda row: row["agent"])


def target_groups(agents: Iterable[Json], port: int) -> list[Json]:
    """Return target groups of Prometheus's file_sd_config, one for each agent.

    Args:
        agents: of `agent_rows`.
        port: TCP port of every agent.

    Returns:
        JSON values; an empty label is left out, for it means none.
    """
    return [
        {
            "targets": [join_port(row["host"], port)],
            "labels": {name: row[name] for name in ("agent", "site") if row[name]},
        }
        for row in agents
    ]


def asset_rows(inventory: Inventory, possible: Mapping[str, Mapping[str, int]], now: float) -> list[Json]:
    """Return what each asset counts.

    Args:
        inventory: an inventory.
        possible: of core.expected.
        now: Unix seconds.

    Returns:
        A row for each asset in service, in the order of the file.
    """
    speakers = inventory.speakers(now)
    return [
        _asset_row(inventory, entry, speakers[entry.id], now) | {"possible": possible[entry.id]}
        for entry in inventory.in_service(now)
    ]


def _asset_row(inventory: Inventory, entry: InventoryAsset, speaker: str, now: float) -> Json:
    asset = inventory.as_judged(entry)
    return {
        "info": {
            "asset": asset.id,
            "agent": speaker,
            "unit": asset.unit,
            "unit_kind": inventory.units[asset.unit].kind,
            "province": inventory.province,
            "level": str(asset.level),
            "platform": asset.platform.value,
            "roles": ",".join(asset.roles),
            "site": entry.site,
        },
        "max_age": entry.availability.max_age_seconds,
        "speaks": entry.availability.speaks_seconds,
        "watchers": [agent for agent in entry.watched_by if agent != speaker],
        "weight": weight_of(asset.level),
        "maintenance": entry.in_maintenance(now),
    }


def pack_rows(inventory: Inventory, now: float) -> list[Json]:
    """Return every pack with whether it is accepted now: past its last day it still is one that agents need.

    Args:
        inventory: an inventory.
        now: Unix seconds.
    """
    return [
        {"pack": pack.name, "sha256": pack.sha256, "accepted": now < pack.until} for pack in inventory.packs
    ]
