"""Read inventory.yml: every section with its table, every mistake told in one run."""

from __future__ import annotations

import ipaddress
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from secmon.core.cursor import (
    Cursor,
    read_enum,
    read_integer,
    read_languages,
    read_list,
    read_parsed,
    read_text,
    start,
)
from secmon.core.inventory import AcceptedPack, Availability, Inventory, InventoryAsset, System, Unit, Window
from secmon.core.inventorylinks import Entry, Links
from secmon.core.model import Platform, Role
from secmon.core.quantities import DAY_PATTERN, day_end, day_start, parse_day, parse_instant
from secmon.core.sections import open_section, read_host, read_id, section

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from secmon.core.cursor import T
    from secmon.core.model import Json
    from secmon.core.rule import Fault
    from secmon.core.sections import Reader

LIST_LIMIT: Final = 1000
"""Items of one list of an entry."""

_SHA256: Final = re.compile(r"[0-9a-f]{64}\Z")
_KIND: Final = re.compile(r"[a-z][a-z0-9-]{0,62}\Z")


def _read_names(cursor: Cursor) -> dict[str, str] | None:
    names = read_languages(cursor)
    return names if len(names) == len(("vi", "en")) else None


def _read_kind(cursor: Cursor) -> str | None:
    return read_text(cursor, pattern=_KIND, wanted="a word of small letters, digits and - such as commune")


def _read_some(cursor: Cursor, read: Callable[[Cursor], T | None], least: int = 0) -> tuple[T, ...] | None:
    """Read a list that a person could have written: looking for repetitions takes its square."""
    if isinstance(cursor.value, list) and len(cursor.value) > LIST_LIMIT:
        cursor.fault(f"the list has {len(cursor.value)} items", f"at most {LIST_LIMIT} are read")
        return None
    return read_list(cursor, read, least=least)


def _read_ids(cursor: Cursor) -> tuple[str, ...] | None:
    return _read_some(cursor, read_id)


def _read_roles(cursor: Cursor) -> tuple[Role, ...] | None:
    return _read_some(cursor, lambda item: read_enum(item, Role), least=1)


def _read_level(cursor: Cursor) -> int | None:
    return read_integer(cursor, 1, 5)


def _read_address(cursor: Cursor) -> str | None:
    address = read_parsed(cursor, ipaddress.ip_address)
    return None if address is None else str(address)


def _read_sha256(cursor: Cursor) -> str | None:
    return read_text(cursor, pattern=_SHA256, wanted="a sha256 of 64 digits 0-9a-f")


def _read_first_day(cursor: Cursor) -> float | None:
    day = read_parsed(cursor, parse_day)
    return None if day is None else day_start(day)


def _read_last_day(cursor: Cursor) -> float | None:
    day = read_parsed(cursor, parse_day)
    return None if day is None else day_end(day)


def _parse_end(text: str) -> float:
    """Return the end of a time: a day is included whole."""
    return day_end(parse_day(text)) if DAY_PATTERN.match(text) else parse_instant(text)


def _read_window(cursor: Cursor) -> Window | None:
    values = section(cursor, _WINDOW, tuple(_WINDOW))
    if len(values) < len(_WINDOW):
        return None
    window = Window(values["from"], values["until"], values["reason"])
    if window.begin >= window.end:
        cursor.at("until").fault("the maintenance ends before it begins", "until is later than from")
        return None
    return window


def _follows(key: str) -> Reader:
    def refuse(cursor: Cursor) -> None:
        cursor.fault(
            f"an asset has no {key} of its own", "it follows from the systems that it serves: name those"
        )

    return refuse


_WINDOW: Final[Mapping[str, Reader]] = {
    "from": lambda cursor: read_parsed(cursor, parse_instant),
    "until": lambda cursor: read_parsed(cursor, _parse_end),
    "reason": read_text,
}
PROVINCE: Final[Mapping[str, Reader]] = {"id": read_id, "names": _read_names}
UNIT: Final[Mapping[str, Reader]] = {
    "id": read_id,
    "aliases": _read_ids,
    "kind": _read_kind,
    "parent": read_id,
    "names": _read_names,
}
SYSTEM: Final[Mapping[str, Reader]] = {
    "id": read_id,
    "owner_unit": read_id,
    "level": _read_level,
    "decision": read_text,
    "roles": _read_roles,
}
ASSET: Final[Mapping[str, Reader]] = {
    "id": read_id,
    "aliases": _read_ids,
    "hostnames": lambda cursor: _read_some(cursor, read_host),
    "addresses": lambda cursor: _read_some(cursor, _read_address),
    "operator_unit": read_id,
    "systems": _read_ids,
    "platform": lambda cursor: read_enum(cursor, Platform),
    "site": read_id,
    "agent": read_id,
    "watched_by": lambda cursor: _read_some(cursor, read_id, least=1),
    "cluster": read_id,
    "availability": lambda cursor: read_enum(cursor, Availability),
    "maintenance": lambda cursor: _read_some(cursor, _read_window),
    "retired": _read_first_day,
    "level": _follows("level"),
    "roles": _follows("roles"),
}
PACK: Final[Mapping[str, Reader]] = {"name": read_id, "sha256": _read_sha256, "until": _read_last_day}

_UNIT_KEYS: Final = ("id", "kind", "names")
_SYSTEM_KEYS: Final = ("id", "owner_unit", "level")
_ASSET_KEYS: Final = ("id", "operator_unit", "platform")
_TOP: Final = ("province", "units", "systems", "assets", "packs")
_TOP_KEYS: Final = ("province", "units", "assets", "packs")


@dataclass(frozen=True, slots=True)
class _Sections:
    """The entries of every section, as they were read."""

    province: Json
    units: list[Entry]
    systems: list[Entry]
    assets: list[Entry]
    packs: list[Entry]


def read_inventory(document: Any, file: str) -> tuple[Inventory | None, list[Fault]]:
    """Read inventory.yml.

    Args:
        document: what the YAML reader gave, None for an empty file.
        file: the file as the person named it.

    Returns:
        The inventory, None where anything is wrong with it, and every fault.
    """
    faults: list[Fault] = []
    fields = open_section(start({} if document is None else document, file, faults), _TOP, _TOP_KEYS)
    read = _Sections(
        province=section(fields.get("province"), PROVINCE, tuple(PROVINCE)),
        units=_read_entries(fields.get("units"), UNIT, _UNIT_KEYS),
        systems=_read_entries(fields.get("systems"), SYSTEM, _SYSTEM_KEYS),
        assets=_read_entries(fields.get("assets"), ASSET, _ASSET_KEYS),
        packs=_read_entries(fields.get("packs"), PACK, tuple(PACK)),
    )
    links = Links(read.province.get("id", ""), read.units, read.systems, read.assets, read.packs)
    links.check()
    return (None if faults else _build(read, links)), faults


def _read_entries(
    cursor: Cursor | None, readers: Mapping[str, Reader], required: tuple[str, ...]
) -> list[Entry]:
    items = cursor.items() if cursor is not None else []
    return [Entry(section(item, readers, required), item) for item in items]


def _build(read: _Sections, links: Links) -> Inventory:
    """Make the inventory of sections without a fault; aliases become the ids that they mean."""
    units = [Unit(**{**entry.values, "parent": links.unit_of(entry, "parent")}) for entry in read.units]
    systems = [
        System(**{**entry.values, "owner_unit": links.unit_of(entry, "owner_unit")}) for entry in read.systems
    ]
    assets = [
        InventoryAsset(
            **{**entry.values, "operator_unit": links.unit_of(entry, "operator_unit")},
            place=entry.cursor.place,
        )
        for entry in read.assets
    ]
    return Inventory(
        province=read.province["id"],
        names=read.province["names"],
        units={unit.id: unit for unit in units},
        systems={system.id: system for system in systems},
        assets={asset.id: asset for asset in assets},
        packs=tuple(AcceptedPack(**entry.values, place=entry.cursor.place) for entry in read.packs),
    )
