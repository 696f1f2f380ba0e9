"""List what was found of an asset from outside: its open ports, and the devices of a network."""

from __future__ import annotations

from ipaddress import ip_address
from typing import TYPE_CHECKING, Any, Final

from secmon.core.texts import cut, escape

if TYPE_CHECKING:
    from collections.abc import Iterable

    from secmon.core.model import Json

_VALUE_LIMIT: Final = 60  # characters
_OPEN: Final = "open"


def open_ports(report: Json, asset: str) -> list[str]:
    """Return a line for each port of an asset that was met open.

    Args:
        report: a `secmon.report/1`.
        asset: id of the asset.

    Returns:
        Safe text in order of host, protocol and port: `443/tcp  nginx 1.22.1`; with the host before it where
        there are several.
    """
    facts = [fact for fact in _facts(report, asset, "port") if fact.get("state") == _OPEN]
    hosts = {fact["host"] for fact in facts}
    facts.sort(key=lambda fact: (str(fact["host"]), str(fact["proto"]), int(fact["port"])))
    return [_port(fact, with_host=len(hosts) > 1) for fact in facts]


def devices(report: Json, asset: str) -> list[str]:
    """Return a line for each device that answered in a network.

    Args:
        report: a `secmon.report/1`.
        asset: id of the asset.

    Returns:
        Safe text in order of address: `192.0.2.7  02:00:00:00:00:07  sw-01`.
    """
    facts = [fact for fact in _facts(report, asset, "device") if fact.get("present")]
    facts.sort(key=lambda fact: (ip_address(fact["address"]).version, ip_address(fact["address"])))
    return [_line(str(fact["address"]).ljust(15), fact.get("hardware"), fact.get("asset")) for fact in facts]


def _facts(report: Json, asset: str, kind: str) -> Iterable[Json]:
    for observation in report["observations"]:
        if observation["asset"] == asset:
            yield from (fact for fact in observation["facts"] if fact["kind"] == kind)


def _port(fact: Json, *, with_host: bool) -> str:
    place = f"{fact['port']}/{fact['proto']}".ljust(9)
    product = " ".join(str(fact[name]) for name in ("product", "version") if fact.get(name))
    return _line(fact["host"] if with_host else None, place, product or fact.get("service"))


def _line(*parts: Any) -> str:
    return "  ".join(escape(cut(str(part), _VALUE_LIMIT)) for part in parts if part).rstrip()
