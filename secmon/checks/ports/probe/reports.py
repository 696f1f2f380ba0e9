"""Read what others saw of a host: reports of secmon, and XML of nmap."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, Final
from xml.parsers import expat

from secmon.checks.ports import portlist
from secmon.checks.ports.reachability import Outside
from secmon.core.contract import Unavailable
from secmon.core.model import Reason
from secmon.core.texts import cut

if TYPE_CHECKING:
    from collections.abc import Iterator

    from secmon.core.model import Json

LIMIT: Final = 64 * 1024 * 1024
"""Bytes of a report."""

_SCHEMA: Final = "secmon.report/1"
_NMAP_STATES: Final = {
    "open": "open",
    "closed": "closed",
    "filtered": "filtered",
    "open|filtered": "no_reply",
    "closed|filtered": "no_reply",
    "unfiltered": "closed",
}
_HOSTS: Final = 65_536
_DEPTH: Final = 32


def read_report(data: bytes) -> list[Outside]:
    """Return the looks from outside that a file tells of.

    Args:
        data: `secmon.report/1`, or the XML of nmap (-oX).

    Returns:
        One for each host.

    Raises:
        Unavailable: `bad_data`; it is neither, or cannot be read.
    """
    try:
        if data.lstrip()[:1] == b"<":
            return list(_Nmap().read(data))
        return list(_of_secmon(json.loads(data)))
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError, expat.ExpatError) as error:
        detail = cut(
            f"The report cannot be read ({error}); give a JSON report of secmon or the XML of nmap -oX."
        )
        raise Unavailable(Reason.BAD_DATA, detail) from error


def _of_secmon(report: Any) -> Iterator[Outside]:
    if report["schema"] != _SCHEMA:
        raise ValueError(f"its schema is {report['schema']!r}, not {_SCHEMA}")
    top = {"tcp": frozenset(portlist.parse("top"))}
    for observation in report["observations"]:
        if observation["check"] != "ports" or "port" not in observation["looked"]:
            continue
        by_host: dict[str, list[Json]] = {}
        if not observation["facts"]:  # nothing answered, which was seen too
            by_host[str(observation["target"])] = []
        for fact in observation["facts"]:
            if fact["kind"] == "port":
                by_host.setdefault(str(fact["host"]), []).append(fact)
        complete = observation["looked"]["port"] == "complete"
        for host, facts in by_host.items():
            yield Outside(
                host=cut(host),
                asset=str(observation["asset"]),
                addresses=frozenset(str(fact["address"]) for fact in facts if fact.get("address")),
                states={(str(fact["proto"]), int(fact["port"])): str(fact["state"]) for fact in facts},
                covered=top if complete else {},
            )


class _Nmap:
    """Reads the XML of nmap; what it does not know it passes over."""

    def __init__(self) -> None:
        self._covered: dict[str, frozenset[int]] = {}
        self._addresses: list[str] = []
        self._states: dict[tuple[str, int], str] = {}
        self._port: tuple[str, int] | None = None
        self._up = False
        self._depth = 0
        self._root = ""
        self._found: list[Outside] = []

    def read(self, data: bytes) -> list[Outside]:
        """Return the hosts that were up."""
        parser = expat.ParserCreate()
        parser.StartElementHandler = self._start
        parser.EndElementHandler = self._end
        parser.EntityDeclHandler = _refuse_entities
        parser.Parse(data, True)
        if self._root != "nmaprun":
            raise ValueError("it is XML, but not of nmap")
        return self._found

    def _start(self, name: str, values: dict[str, str]) -> None:
        self._depth += 1
        if self._depth > _DEPTH:
            raise ValueError("its elements are nested too deeply")
        self._root = self._root or name
        if name == "scaninfo":
            ports = frozenset(portlist.parse(values["services"]))
            self._covered[values["protocol"]] = self._covered.get(values["protocol"], frozenset()) | ports
        elif name == "host":
            self._addresses, self._states, self._up = [], {}, False
        elif name == "status":
            self._up = values["state"] == "up"
        elif name == "address" and values["addrtype"] in {"ipv4", "ipv6"}:
            self._addresses.append(values["addr"])
        elif name == "port":
            self._port = (values["protocol"], int(values["portid"]))
        elif name == "state" and self._port:
            self._states[self._port] = _NMAP_STATES.get(values["state"], "not_measured")

    def _end(self, name: str) -> None:
        self._depth -= 1
        if name == "port":
            self._port = None
        if name != "host" or not self._up or not self._addresses:
            return
        if len(self._found) >= _HOSTS:
            raise ValueError(f"it has more than {_HOSTS} hosts")
        # Of many ports in one state nmap tells the number only; of UDP that state may be "no reply".
        covered = {"tcp": self._covered.get("tcp", frozenset())}
        addresses = frozenset(self._addresses)
        self._found.append(Outside(cut(self._addresses[0]), "", addresses, self._states, covered))


def _refuse_entities(*_: object) -> None:
    raise ValueError("it declares entities, which no report of nmap does")
