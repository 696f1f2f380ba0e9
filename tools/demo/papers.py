"""Write what people of the imagined province would have written: inventory.yml, secmon.yml, waivers.yml."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final

import yaml

from secmon.core.inventory import Availability
from secmon.core.model import Role
from secmon.sources.packs import BUILTIN
from tools.demo.troubles import DAY, HOUR
from tools.demo.world import NAMES, PROVINCE, STRANGER

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tools.demo.world import Machine, Unit, World

_INTERVALS: Final = {"ports": "1m", "tls": "2m", "patches": "5m"}
"""Shorter than anybody's, so that something happens while one looks."""
_WAIVED: Final = ("ports.ftp-exposed", "tls.chain-untrusted")


def inventory_yaml(world: World, sha256: str) -> str:
    """Return inventory.yml.

    Args:
        world: the province.
        sha256: digest of the rules that it accepts.
    """
    document = {
        "province": {"id": PROVINCE, "names": NAMES},
        "units": [_unit(unit) for unit in world.units],
        "systems": [
            {
                "id": system.id,
                "owner_unit": system.owner,
                "level": system.level,
                "decision": f"{number}/QD-VIDU",
                "roles": [system.role.value],
            }
            for number, system in enumerate(world.systems, 1)
        ],
        "assets": [_asset(world, machine) for machine in world.machines],
        "packs": [{"name": BUILTIN, "sha256": sha256, "until": _day(world.start + 180 * DAY)}],
    }
    return "# An imagined province: nothing in it is real.\n" + _dump(document)


def _unit(unit: Unit) -> dict[str, Any]:
    parent = {"parent": unit.parent} if unit.parent else {}
    return {"id": unit.id, "kind": unit.kind, **parent, "names": unit.names}


def _asset(world: World, machine: Machine) -> dict[str, Any]:
    entry: dict[str, Any] = {
        "id": machine.id,
        "operator_unit": machine.unit,
        "platform": machine.platform.value,
        "systems": [system.id for system in machine.systems],
        "addresses": [machine.address],
        "hostnames": [machine.host],
        "site": machine.unit,
        "availability": machine.availability.value,
    }
    entry |= {"watched_by": list(machine.watched_by)} if machine.watched_by else {"agent": machine.id}
    if machine.availability is Availability.ALWAYS:
        del entry["availability"]
    if "maintenance" in machine.plants:
        window = (_instant(world.start - HOUR), _instant(world.start + 10 * DAY))
        entry["maintenance"] = [{"from": window[0], "until": window[1], "reason": "Thay ổ đĩa"}]
    return entry


def settings_yaml(machine: Machine, watched: Sequence[Machine]) -> str:
    """Return the secmon.yml of an agent.

    Args:
        machine: what it runs on.
        watched: what it looks at from outside.
    """
    level = machine.level % 5 + 1 if "wrong-level" in machine.plants else machine.level
    endpoints: list[dict[str, Any]] = [{"address": "local"}]
    if Role.WORKSTATION not in machine.roles:
        own = {"asset": machine.id, "address": machine.host, "port": 443, "sni": machine.host}
        endpoints.append(own)
    endpoints += [{"asset": device.id, "address": device.address, "port": 443} for device in watched]
    watches = [_watch(device) for device in watched]
    if "stranger" in machine.plants:
        stranger = {"id": STRANGER.id, "platform": STRANGER.platform.value, "address": STRANGER.address}
        watches.append(stranger)
    document = {
        "agent": {"name": machine.id},
        "asset": {
            "id": machine.id,
            "unit": machine.unit,
            "level": level,
            "roles": [role.value for role in machine.roles],
        },
        "watches": watches,
        "checks": {
            **{name: {"interval": interval} for name, interval in _INTERVALS.items()},
            "tls": {"interval": _INTERVALS["tls"], "targets": endpoints},
            "traffic": {"window": "30s", "interval": "30s"},
        },
        "listen": {"address": machine.address},
    }
    return _dump(document)


def _watch(device: Machine) -> dict[str, Any]:
    return {
        "id": device.id,
        "unit": device.unit,
        "platform": device.platform.value,
        "level": device.level,
        "roles": [role.value for role in device.roles],
        "address": device.address,
    }


def waivers_yaml(machine: Machine, start: float) -> str:
    """Return the waivers of a machine.

    Args:
        machine: what they are for.
        start: Unix seconds; they were written three weeks earlier.
    """
    waivers = [
        {
            "id": f"MT-{number}",
            "rule": rule,
            "match": {"asset": machine.id},
            "reason": "Đang chuyển sang hệ thống mới",
            "author": "Nguyễn Văn A",
            "approved_by": "Trần Thị B",
            "created": _day(start - 21 * DAY),
            "expires": _day(start + 40 * DAY),
        }
        for number, rule in enumerate(_WAIVED, 1)
    ]
    return _dump({"waivers": waivers})


def _day(at: float) -> str:
    return datetime.fromtimestamp(at, UTC).strftime("%Y-%m-%d")


def _instant(at: float) -> str:
    return datetime.fromtimestamp(at, UTC).strftime("%Y-%m-%dT%H:%M:%S+00:00")


def _dump(document: dict[str, Any]) -> str:
    return yaml.safe_dump(document, allow_unicode=True, sort_keys=False, default_flow_style=None, width=110)
