"""Read `checks` of secmon.yml: how often each check runs, and what it looks at."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from secmon.core.configuration import CheckSettings, ConfiguredTarget
from secmon.core.cursor import Cursor, read_boolean, read_integer, read_list, read_parsed, read_text, show
from secmon.core.hosts import Own, join_port, same_host
from secmon.core.model import Form
from secmon.core.quantities import parse_hours
from secmon.core.sections import (
    open_section,
    read_duration,
    read_host,
    read_id,
    read_network,
    read_path,
    read_setting,
    section,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from typing import Any

    from secmon.core.configuration import Watch
    from secmon.core.contract import CheckSpec, Registry
    from secmon.core.model import Json

LONGEST_INTERVAL_SECONDS: Final = 12 * 3600
"""Half of the day after which an agent's own results count as stale (formula secmon-score/1)."""
SHORTEST_INTERVAL_SECONDS: Final = 10
CHECK_KEYS: Final = ("enabled", "interval", "deadline", "targets")
LOCAL: Final = "local"
"""Address of what a check looks at by itself."""

_PROTOCOL: Final = re.compile(r"[a-z][a-z0-9-]{1,15}\Z")
_FINGERPRINT: Final = re.compile(r"(?:[0-9A-Fa-f]{2}:?){31}[0-9A-Fa-f]{2}\Z")  # also as openssl prints it
_INTERFACE: Final = re.compile(r"[^\s/]{1,15}\Z")  # IFNAMSIZ, and what dev_valid_name() allows


def _read_address(cursor: Cursor) -> str | None:
    """Read a host, a network, or the word `local`."""
    if isinstance(cursor.value, str) and "/" in cursor.value:
        return read_network(cursor)
    return LOCAL if cursor.value == LOCAL else read_host(cursor)


TARGET: Final[Mapping[str, Callable[[Cursor], Any]]] = {
    "asset": read_id,
    "address": _read_address,
    "port": lambda cursor: read_integer(cursor, 1, 65535),
    "sni": read_host,
    "starttls": lambda cursor: read_text(cursor, pattern=_PROTOCOL, wanted="the name of a protocol"),
    "trust": lambda cursor: list(read_list(cursor, read_path, least=1)),
    "pin_sha256": lambda cursor: read_text(
        cursor, pattern=_FINGERPRINT, wanted="a SHA-256 fingerprint of 64 hexadecimal digits"
    ),
    "hours": lambda cursor: read_parsed(cursor, parse_hours),
    "path": read_path,
    "interface": lambda cursor: read_text(cursor, pattern=_INTERFACE, wanted="the name of an interface"),
}
_PLACES: Final = ("address", "path", "interface")


@dataclass(frozen=True, slots=True)
class Hosts:
    """Which asset has which host.

    Attributes:
        own_id: id of the asset that this host is.
        watches: assets seen from outside, by id.
        own: what this host is called.
    """

    own_id: str
    watches: Mapping[str, Watch]
    own: Own

    def owner(self, host: str) -> str | None:
        """Return the asset that has a host, None where none has it."""
        if self.own.has(host):
            return self.own_id
        return next((key for key, watch in self.watches.items() if same_host(watch.address, host)), None)


def read_checks(cursor: Cursor | None, registry: Registry, hosts: Hosts) -> dict[str, CheckSettings]:
    """Read `checks`.

    Args:
        cursor: the mapping, None where it is absent.
        registry: the checks that exist.
        hosts: which asset has which host.

    Returns:
        The settings of every check.
    """
    fields = open_section(cursor, tuple(registry.checks))
    return {name: _read_check(fields.get(name), spec, hosts) for name, spec in registry.checks.items()}


def _read_check(cursor: Cursor | None, spec: CheckSpec, hosts: Hosts) -> CheckSettings:
    own = {setting.name: setting for setting in spec.settings}
    fields = open_section(cursor, (*CHECK_KEYS, *own))
    enabled = read_boolean(fields["enabled"]) if "enabled" in fields else True
    interval = _read_interval(fields.get("interval"))
    deadline = (
        read_duration(fields["deadline"], 1, LONGEST_INTERVAL_SECONDS) if "deadline" in fields else None
    )
    entries = fields["targets"].items() if "targets" in fields else []
    targets = [_read_check_target(entry, spec, hosts) for entry in entries]
    values = {name: setting.default for name, setting in own.items()}
    for name, setting in own.items():
        value = read_setting(fields[name], setting) if name in fields else None
        if value is not None:
            values[name] = value
    return CheckSettings(
        enabled=enabled is not False,
        interval=interval or float(spec.interval_seconds),
        deadline=deadline or float(spec.deadline_seconds),
        targets=_unique(entries, targets),
        values={name: list(value) if isinstance(value, tuple) else value for name, value in values.items()},
    )


def _read_interval(cursor: Cursor | None) -> float | None:
    if cursor is None:
        return None
    return read_duration(cursor, SHORTEST_INTERVAL_SECONDS, LONGEST_INTERVAL_SECONDS)


def _read_check_target(cursor: Cursor, spec: CheckSpec, hosts: Hosts) -> ConfiguredTarget | None:
    """Read one target; one of an asset that is watched may leave the address out."""
    before = len(cursor.faults)
    entry = section(cursor, TARGET)
    if len(cursor.faults) > before or not isinstance(cursor.value, dict):
        return None
    watch = hosts.watches.get(entry.get("asset", ""))
    if watch is not None and watch.address and not any(key in entry for key in _PLACES):
        entry["address"] = watch.address
    named = [key for key in _PLACES if key in entry]
    if len(named) != 1:
        cursor.fault("a target has one place", f"give one of {', '.join(_PLACES)}")
        return None
    form, text, options = _form_of(entry, spec)
    if not any(form in probe.forms for probe in spec.probes):
        cursor.fault(f"the check {spec.name} cannot look at {show(text)}", _advise(spec))
        return None
    owner = _owner(cursor, entry, options, hosts)
    if owner is None:
        return None
    if form in {Form.LOCAL, Form.FILE, Form.ROOT, Form.INTERFACE} and owner != hosts.own_id:
        cursor.fault(f"{show(text)} is a part of this host", f"leave asset out, or write {hosts.own_id}")
        return None
    return ConfiguredTarget(owner, form, text, options)


def _form_of(entry: Json, spec: CheckSpec) -> tuple[Form, str, Json]:
    """Return the form of a target, its text, and its options."""
    forms = {form for probe in spec.probes for form in probe.forms}
    if "path" in entry:
        form = Form.ROOT if Form.ROOT in forms and Form.FILE not in forms else Form.FILE
        return form, f"{form.value}:{entry['path']}", {"path": entry["path"]}
    if "interface" in entry:
        return Form.INTERFACE, f"if:{entry['interface']}", {"name": entry["interface"]}
    address: str = entry["address"]
    if address == LOCAL:
        return Form.LOCAL, LOCAL, {}
    if "/" in address:
        return Form.NETWORK, address, {"network": address} | _extra(entry, "hours")
    options = {"host": address}
    extra = _extra(entry, "sni", "starttls", "trust", "pin_sha256", "hours")
    if "port" not in entry:
        return Form.HOST, address, options | extra
    text = join_port(address, entry["port"]) + (f",{entry['starttls']}" if "starttls" in entry else "")
    return Form.ENDPOINT, text, options | {"port": entry["port"]} | extra


def _extra(entry: Json, *keys: str) -> Json:
    return {key: entry[key] for key in keys if key in entry}


def _advise(spec: CheckSpec) -> str:
    forms = sorted({form.value for probe in spec.probes for form in probe.forms})
    return f"it looks at: {', '.join(forms)}"


def _owner(cursor: Cursor, entry: Json, options: Json, hosts: Hosts) -> str | None:
    if "asset" in entry:
        if entry["asset"] == hosts.own_id or entry["asset"] in hosts.watches:
            return str(entry["asset"])
        known = ", ".join([hosts.own_id, *sorted(hosts.watches)])
        cursor.at("asset").fault(f"there is no asset {show(entry['asset'])}", f"assets are {known}")
        return None
    if "network" in options:
        owner = None
    else:
        owner = hosts.owner(options["host"]) if "host" in options else hosts.own_id
    if owner is None:
        cursor.fault("no asset has that address", "say which with asset: ID, one of watches")
    return owner


def _unique(cursors: list[Cursor], targets: list[ConfiguredTarget | None]) -> tuple[ConfiguredTarget, ...]:
    """Return the targets that could be read; results are told apart by asset and text."""
    found: dict[tuple[str, str], ConfiguredTarget] = {}
    for cursor, target in zip(cursors, targets, strict=True):
        if target is None:
            continue
        if (target.asset, target.text) in found:
            cursor.fault(f"the target {show(target.text)} stands twice")
        found[target.asset, target.text] = target
    return tuple(found.values())
