"""Read secmon.yml: every section with its table, every mistake told in one run."""

from __future__ import annotations

import ipaddress
import re
from functools import partial
from typing import TYPE_CHECKING, Any, Final

from secmon.core.checksettings import Hosts, read_checks
from secmon.core.configuration import Configuration, Watch
from secmon.core.cursor import (
    Cursor,
    read_boolean,
    read_enum,
    read_integer,
    read_list,
    read_parsed,
    read_text,
    read_word,
    show,
    start,
)
from secmon.core.model import Asset, Platform, Role, Vantage
from secmon.core.plan import Listen
from secmon.core.quantities import day_end, parse_day
from secmon.core.sections import (
    open_section,
    read_host,
    read_id,
    read_network,
    read_path,
    read_path_setting,
    read_path_settings,
    section,
)

if TYPE_CHECKING:
    from collections.abc import Mapping

    from secmon.core.configuration import PathSetting
    from secmon.core.contract import Registry
    from secmon.core.hosts import Own
    from secmon.core.model import Json
    from secmon.core.rule import Fault
    from secmon.core.sections import Reader


def _read_address(cursor: Cursor) -> str | None:
    address = read_parsed(cursor, ipaddress.ip_address)
    return None if address is None else str(address)


AGENT: Final[Mapping[str, Reader]] = {"name": read_id}
ASSET: Final[Mapping[str, Reader]] = {
    "id": read_id,
    "unit": read_id,
    "platform": lambda cursor: read_enum(cursor, Platform),
    "level": lambda cursor: read_integer(cursor, 1, 5),
    "roles": lambda cursor: read_list(cursor, lambda item: read_enum(item, Role), least=1),
}
WATCH: Final[Mapping[str, Reader]] = {**ASSET, "address": read_host}
RULES: Final[Mapping[str, Reader]] = {
    "paths": partial(read_path_settings, builtin=True),
    "allowed_signers": read_path_setting,
    "waivers": read_path_settings,
    "overrides": read_path_settings,
}
LISTEN: Final[Mapping[str, Reader]] = {
    "address": _read_address,
    "port": lambda cursor: read_integer(cursor, 1, 65535),
    "web_config": read_path_setting,
    "insecure": read_boolean,
}
TOP: Final[Mapping[str, Reader]] = {
    "state_dir": read_path,
    "lang": lambda cursor: read_word(cursor, ("vi", "en")),
    "allowed_networks": lambda cursor: read_list(cursor, read_network),
}
TOP_KEYS: Final = ("agent", "asset", "watches", "checks", "rules", "listen", *TOP, "known_sources")
KNOWN_SOURCE_KEYS: Final = ("cidr", "detectors", "reason", "until")


def read_settings(
    document: Any, file: str, registry: Registry, own: Own
) -> tuple[Configuration, list[Fault]]:
    """Read secmon.yml.

    Args:
        document: what the YAML reader gave, None for an empty file.
        file: the file as the person named it.
        registry: the checks that exist.
        own: what this host is called.

    Returns:
        The configuration, with defaults where a key is absent or faulty, and every fault.
    """
    faults: list[Fault] = []
    fields = open_section(start({} if document is None else document, file, faults), TOP_KEYS)
    agent = section(fields.get("agent"), AGENT).get("name") or _as_id(own.hostname)
    asset = Asset(**{"id": agent, **section(fields.get("asset"), ASSET)})
    watches = _read_watches(fields.get("watches"), asset.id)
    hosts = Hosts(asset.id, {watch.asset.id: watch for watch in watches}, own)
    rules = section(fields.get("rules"), RULES)
    listen, web_config = _read_listen(fields.get("listen"))
    top = {key: reader(fields[key]) for key, reader in TOP.items() if key in fields}
    configuration = Configuration(
        agent=agent,
        asset=asset,
        watches=watches,
        checks=read_checks(fields.get("checks"), registry, hosts),
        listen=listen,
        web_config=web_config,
        rules=rules.get("paths", ()),
        waivers=rules.get("waivers", ()),
        overrides=rules.get("overrides", ()),
        allowed_signers=rules.get("allowed_signers"),
        state_dir=top.get("state_dir") or "",
        lang=top.get("lang") or "",
        allowed_networks=top.get("allowed_networks") or (),
        known_sources=_read_known_sources(fields.get("known_sources"), registry),
    )
    return configuration, faults


def _as_id(hostname: str) -> str:
    return re.sub(r"[^A-Za-z0-9._-]+", "-", hostname).strip("-._")[:63] or "localhost"


def _read_watches(cursor: Cursor | None, own_id: str) -> tuple[Watch, ...]:
    watches: dict[str, Watch] = {}
    for item in cursor.items() if cursor else ():
        values = section(item, WATCH, ("id",))
        address = values.pop("address", "")
        watch_id = values.get("id")
        if watch_id is None:
            continue
        if watch_id == own_id or watch_id in watches:
            item.at("id").fault(f"two assets have the id {show(watch_id)}", "ids are unique")
            continue
        values.setdefault("platform", Platform.OTHER)
        watches[watch_id] = Watch(Asset(**values, vantages=(Vantage.OUTSIDE,)), address)
    return tuple(watches.values())


def _read_listen(cursor: Cursor | None) -> tuple[Listen, PathSetting | None]:
    """Read where the page is served; whether a web configuration file protects it is seen in that file."""
    values = section(cursor, LISTEN)
    web_config = values.pop("web_config", None)
    listen = Listen(**values)
    if cursor is None or not isinstance(cursor.value, dict):
        return listen, web_config
    if listen.insecure or "web_config" in cursor.value:
        return listen, web_config
    if not ipaddress.ip_address(listen.address).is_loopback:
        message = f"{listen.address} can be reached by others, and nothing protects the page"
        advice = "web_config: FILE with TLS, or listen on 127.0.0.1; insecure: true takes the risk"
        cursor.at("address").fault(message, advice)
    return listen, None


def _read_known_sources(cursor: Cursor | None, registry: Registry) -> tuple[Json, ...]:
    """Read sources whose traffic is expected; like a waiver, each has a reason and a last day."""
    detectors = {part for spec in registry.checks.values() for kind in spec.kinds for part in kind.parts}
    readers: Mapping[str, Reader] = {
        "cidr": read_network,
        "detectors": lambda field: list(read_list(field, lambda item: read_word(item, detectors), least=1)),
        "reason": read_text,
        "until": _read_last_day,
    }
    entries = [section(item, readers, KNOWN_SOURCE_KEYS) for item in (cursor.items() if cursor else ())]
    return tuple(entry for entry in entries if len(entry) == len(KNOWN_SOURCE_KEYS))


def _read_last_day(cursor: Cursor) -> float | None:
    """Read a day as the Unix seconds of its end."""
    day = read_parsed(cursor, parse_day)
    return None if day is None else day_end(day)
