"""Do in the configuration child what `secmon inventory check|targets|metrics` asks for.

The file is opened with the caller's rights, and read without any, as are the packs that it accepts.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from secmon.agent import config
from secmon.core.configuration import PathSetting
from secmon.core.contract import Unavailable
from secmon.core.expected import expected_points
from secmon.core.inventorydates import dated_faults
from secmon.core.inventoryfile import read_inventory
from secmon.core.inventorypages import agent_rows, asset_rows, pack_rows
from secmon.core.packcontent import load_content, use_of
from secmon.core.rule import Fault, Place
from secmon.core.sections import BUILTIN
from secmon.core.targets import COMMAND_LINE
from secmon.sources import packs, paths, yaml
from secmon.sources.files import open_regular, read_all

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from typing import BinaryIO

    from secmon.core.contract import Registry
    from secmon.core.inventory import Inventory
    from secmon.core.manifest import PackUse
    from secmon.core.model import Json
    from secmon.core.packcontent import Content, Documents
    from secmon.core.plan import Invocation

CHECK: Final = "inventory check"
TARGETS: Final = "inventory targets"
METRICS: Final = "inventory metrics"
FAULT_LIMIT: Final = 5000
"""Faults that are told; a file of another kind can hold a mistake in every word."""

_HERE: Final = Place(COMMAND_LINE, 0, 0)


@dataclass(frozen=True, slots=True)
class Handles:
    """What `acquire` opened.

    Attributes:
        registry: the checks.
        invocation: what the command line said.
        fd: the inventory, -1 after a fault.
        opened: packs of rules and overrides, for the points that they make possible.
        faults: what is wrong so far.
    """

    registry: Registry
    invocation: Invocation
    fd: int
    opened: tuple[packs.OpenPack, ...]
    faults: tuple[Fault, ...]


def acquire(registry: Registry, invocation: Invocation) -> Handles:
    """Open the inventory and, where points are asked for, the packs.

    Args:
        registry: the checks that exist.
        invocation: names the inventory; its `rules` are the packs, the installation's own by default.

    Returns:
        What `observe` needs; mistakes are in its faults.
    """
    faults: list[Fault] = []
    fd = -1
    try:
        fd = open_regular(invocation.inventory)
    except Unavailable as error:
        faults.append(Fault(Place(invocation.inventory, 1, 1), "", error.detail))
    packs.allow_open_files()
    named = (invocation.rules or (BUILTIN,)) if invocation.command == METRICS else ()
    opened = tuple(_open(path, faults) for path in named)
    return Handles(registry, invocation, fd, opened, tuple(faults))


def _open(path: str, faults: list[Fault]) -> packs.OpenPack:
    builtin = paths.builtin_rules() if path == BUILTIN else ""
    return packs.open_pack(PathSetting(path, _HERE, "--rules"), "rules", faults, builtin=builtin)


def observe(handles: Handles, out: BinaryIO) -> int:
    """Read everything, and write the answer, or every fault.

    Args:
        handles: what `acquire` opened.
        out: takes one line: the answer; or one line for each fault.

    Returns:
        0, or 2 where there is a fault.
    """
    faults = list(handles.faults)
    inventory = _read_inventory(handles, faults)
    answer = None
    if inventory is not None and not faults:
        answer = _ANSWERS[handles.invocation.command](handles, inventory, time.time(), faults)
    if faults:
        out.writelines(config.json_line(config.fault_line(fault)) for fault in _first(faults))
    else:
        out.write(config.json_line(answer))
    out.flush()
    return config.EXIT_FAULTS if faults else config.EXIT_OK


def _read_inventory(handles: Handles, faults: list[Fault]) -> Inventory | None:
    if handles.fd < 0:
        return None
    file = handles.invocation.inventory
    try:
        document = yaml.read(read_all(handles.fd, yaml.SIZE_LIMIT, file), file)
    except Unavailable as error:
        faults.append(Fault(Place(file, 1, 1), "", error.detail))
        return None
    faults += document.faults
    if not document.readable:
        return None
    inventory, found = read_inventory(document.value, file)
    faults += found
    return inventory


def _first(faults: Sequence[Fault]) -> list[Fault]:
    """Return the first faults in order, with a last one that says how many are left out."""
    ordered = config.in_order(faults)
    if len(ordered) <= FAULT_LIMIT:
        return ordered
    more = Fault(_HERE, "", f"{len(ordered) - FAULT_LIMIT} more faults are not shown", "mend the ones above")
    return [*ordered[:FAULT_LIMIT], more]


def _check(_: Handles, inventory: Inventory, now: float, faults: list[Fault]) -> Json:
    """Look at the calendar too, and count what was read."""
    faults += dated_faults(inventory, now)
    return {
        "units": len(inventory.units),
        "systems": len(inventory.systems),
        "assets": len(inventory.assets),
        "agents": sum(bool(asset.agent) for asset in inventory.in_service(now)),
        "packs": len(inventory.packs),
    }


def _targets(_: Handles, inventory: Inventory, now: float, __: list[Fault]) -> Json:
    return {"agents": agent_rows(inventory, now)}


def _metrics(handles: Handles, inventory: Inventory, now: float, faults: list[Fault]) -> Json:
    """Bind the rules of accepted packs to every asset, and return what the page shows."""
    read = packs.read_packs(handles.opened, faults)
    faults += _strangers(inventory, handles.opened, read)
    if faults:
        return {}
    content = _load(handles.registry, read, now, faults)
    assets = [inventory.as_judged(entry) for entry in inventory.in_service(now)]
    possible, found = expected_points(assets, content, handles.registry)
    faults += found
    return {
        "made": now,
        "assets": asset_rows(inventory, possible, now),
        "packs": pack_rows(inventory, now),
    }


def _strangers(
    inventory: Inventory, opened: Sequence[packs.OpenPack], read: Sequence[packs.ReadPack]
) -> list[Fault]:
    """Tell of packs that only one side has: points that are possible follow from accepted packs alone.

    A digest says all about a pack, so neither names nor signatures are looked at.
    """
    accepted = {pack.sha256 for pack in inventory.packs}
    here = {pack.sha256 for pack in read}
    faults = [
        Fault(
            _HERE,
            "--rules",
            f"the inventory does not accept {of.setting.path}, whose sha256 is {pack.sha256}",
            "add it to packs once it has been examined, or name the version that is accepted",
        )
        for of, pack in zip(opened, read, strict=True)
        if pack.sha256 not in accepted
    ]
    present = {pack.name for pack in inventory.packs if pack.sha256 in here}
    absent = {pack.name: pack.place for pack in inventory.packs if pack.name not in present}
    return faults + [
        Fault(
            place,
            "packs",
            f"the pack {name} is not here",
            f"--rules DIR names it; {BUILTIN} is the shipped one",
        )
        for name, place in absent.items()
    ]


def _load(registry: Registry, read: Sequence[packs.ReadPack], now: float, faults: list[Fault]) -> Content:
    """Return the rules, profiles and overrides of packs; waivers make no points possible."""
    by_use: dict[PackUse, Documents] = {"rules": [], "waivers": [], "overrides": []}
    for pack in read:
        for document in pack.documents:
            faults += document.faults
            if document.readable:
                by_use["rules" if pack.own else use_of(document.value)].append(
                    (document.file, document.value)
                )
    content = load_content(by_use["rules"], by_use["overrides"], [], registry, now)
    faults += content.faults
    return content


_ANSWERS: Final[dict[str, Callable[[Handles, Inventory, float, list[Fault]], Json]]] = {
    CHECK: _check,
    TARGETS: _targets,
    METRICS: _metrics,
}
