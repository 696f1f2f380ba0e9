"""Tell what the calendar has made of an inventory that was right when it was written."""

from __future__ import annotations

from typing import TYPE_CHECKING

from secmon.core.rule import Fault

if TYPE_CHECKING:
    from secmon.core.inventory import Inventory


def dated_faults(inventory: Inventory, now: float) -> list[Fault]:
    """Return what has passed; the pages of metrics and targets are made all the same.

    Args:
        inventory: an inventory without a fault of its own.
        now: Unix seconds.

    Returns:
        A fault for each pack that is no longer accepted, and for each asset whose watchers are all retired.
    """
    faults = [
        Fault(
            pack.place,
            "packs",
            f"the pack {pack.name} is past its last day",
            "accept a newer one, or renew until",
        )
        for pack in inventory.packs
        if pack.until <= now
    ]
    for asset, speaker in inventory.speakers(now).items():
        if not speaker:
            entry = inventory.assets[asset]
            message = f"every agent that watches {asset} is retired with its own asset"
            faults.append(Fault(entry.place, "assets", message, "name another agent in watched_by"))
    return faults
