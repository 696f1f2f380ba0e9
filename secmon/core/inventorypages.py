"""Make of an inventory what Prometheus reads: the agents to scrape, and what each asset counts."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from secmon.core.binding import bind
from secmon.core.fleet import weight_of
from secmon.core.hosts import join_port
from secmon.core.inventory import Availability

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from secmon.core.contract import Registry
    from secmon.core.inventory import Inventory, InventoryAsset
    from secmon.core.model import Asset, Json
    from secmon.core.packcontent import Content
    from secmon.core.rule import Fault


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


def possible_points(
    assets: Sequence[Asset], content: Content, registry: Registry
) -> tuple[dict[str, dict[str, int]], list[Fault]]:
    """Return what the rules that bind each asset are worth.

    Args:
        assets: as judged.
        content: rules, profiles and overrides of the packs that the inventory accepts.
        registry: the checks.

    Returns:
        Asset -> check -> points, 0 where no rule of the check binds it; and what is wrong with the overrides.
    """
    alike: dict[
        Asset, Asset
    ] = {}  # what decides about binding -> the first such asset, which is bound for all
    first = {asset.id: alike.setdefault(_deciding(asset, content), asset).id for asset in assets}
    distinct = list(alike.values())
    bindings, faults = bind(content.rules, content.profiles, content.overrides, distinct, (), registry)
    points = {asset.id: dict.fromkeys(registry.checks, 0) for asset in distinct}
    rules = {rule.id: rule for rule in content.rules}
    for binding in bindings:
        rule = rules[binding.rule]
        points[binding.asset][rule.check] += rule.severity.points
    return {asset: points[same] for asset, same in first.items()}, faults


def _deciding(asset: Asset, content: Content) -> Asset:
    """Return an asset without what rules do not look at; of a province that leaves a few dozen."""
    return asset if content.overrides else replace(asset, id="", unit="")


def asset_rows(inventory: Inventory, possible: Mapping[str, Mapping[str, int]], now: float) -> list[Json]:
    """Return what each asset counts.

    Args:
        inventory: an inventory.
        possible: of `possible_points`.
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
