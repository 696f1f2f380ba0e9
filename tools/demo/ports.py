"""Make up what the check ports sees: listeners from inside, open ports from outside."""

from __future__ import annotations

import ipaddress
from typing import TYPE_CHECKING, Final

from secmon.core.model import Fact, Form, Platform, Reason, Role
from tools.demo.sight import View

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from secmon.core.model import Target
    from tools.demo.sight import Sight

_Socket = tuple[str, str, int, str]
"""Protocol, address, port, process."""

_ANY: Final = "0.0.0.0"  # noqa: S104  # what others are said to have bound
_PRIVATE: Final = "10.20.0.5"
_EVERYWHERE: Final[tuple[_Socket, ...]] = (
    ("tcp", _ANY, 22, "sshd"),
    ("tcp", "127.0.0.1", 25, "master"),
    ("udp", "127.0.0.53", 53, "systemd-resolve"),
    ("tcp", "127.0.0.53", 53, "systemd-resolve"),
    ("tcp", "fe80::1", 9877, "secmon"),
)
_WEB: Final[tuple[_Socket, ...]] = (("tcp", _ANY, 80, "nginx"), ("tcp", _ANY, 443, "nginx"))
_OF_ROLE: Final[Mapping[Role, tuple[_Socket, ...]]] = {
    Role.DATABASE: (("tcp", _PRIVATE, 5432, "postgres"), ("tcp", _PRIVATE, 443, "nginx")),
    Role.WORKSTATION: (),
}
_OF_TROUBLE: Final[Mapping[str, tuple[_Socket, ...]]] = {
    "ftp": (("tcp", _ANY, 21, "vsftpd"),),
    "database": (("tcp", _ANY, 3306, "mariadbd"),),
    "smb": (("tcp", _ANY, 445, "smbd"), ("tcp", _ANY, 139, "smbd")),
    "vnc": (("tcp", _ANY, 5901, "Xtigervnc"),),
    "nfs": (("tcp", _ANY, 2049, ""), ("tcp", _ANY, 111, "rpcbind")),
    "printing": (("tcp", _ANY, 631, "cupsd"),),
    "snmp": (("udp", _ANY, 161, "snmpd"),),
    "datastore": (("tcp", _ANY, 6379, "redis-server"),),
    "maintenance": (("tcp", _ANY, 23, "inetd"),),
    "waived": (("tcp", _ANY, 21, "vsftpd"),),
    "temporary-folder": (("tcp", _ANY, 4444, "update"),),
    "many-listeners": tuple(("tcp", _ANY, 7100 + port, "java") for port in range(16)),
}
_SERVICES: Final = {22: "ssh", 23: "telnet", 80: "http", 443: "https", 554: "rtsp", 3389: "ms-wbt-server"}
_OPEN: Final[Mapping[Platform, tuple[int, ...]]] = {
    Platform.NETWORK: (22, 443),
    Platform.WINDOWS: (443,),
    Platform.OTHER: (443, 554),
}
_OPEN_OF_TROUBLE: Final[Mapping[str, tuple[int, ...]]] = {
    "web": (80,),
    "telnet": (23,),
    "management": (8291,),
    "remote-desktop": (3389,),
}


def view(target: Target, sight: Sight) -> View:
    """Return what a run sees of one target.

    Args:
        target: the agent's own host, or another.
        sight: what there is to see.
    """
    if target.form is Form.LOCAL:
        if "no-rights" in sight.wrong:
            return View(blind=Reason.PERMISSION, detail="The sockets could not be listed.")
        return View(tuple(_listener(*socket) for socket in _sockets(sight)))
    facts = tuple(_open_ports(str(target.options["host"]), sight))
    if "filtered" in sight.wrong:
        detail = "Most ports gave no answer within the deadline; a firewall may drop the probes."
        return View(facts, {"port": Reason.TIMEOUT}, detail=detail)
    return View(facts)


def _sockets(sight: Sight) -> Iterator[_Socket]:
    yield from _EVERYWHERE
    for role in sight.machine.roles:
        yield from _OF_ROLE.get(role, _WEB)
    for name in sorted(sight.wrong):
        yield from _OF_TROUBLE.get(name, ())


def _listener(proto: str, address: str, port: int, process: str) -> Fact:
    """Return a listener; one of the kernel's own has no process."""
    folder = "/tmp" if process == "update" else "/usr/sbin"  # noqa: S108  # what the rule is about
    bound = ipaddress.ip_address(address)
    scope = "loopback" if bound.is_loopback else "link" if bound.is_link_local else "exposed"
    kind = None if scope != "exposed" else "wildcard" if bound.is_unspecified else "private"
    return Fact(
        "listener",
        {
            "netns": "host",
            "proto": proto,
            "address": address,
            "port_key": str(port),
            "port": port,
            "family": "ipv6" if bound.version == 6 else "ipv4",
            "interface": None,
            "scope": scope,
            "address_class": kind,
            "systemd_unit": f"{process}.service" if process else None,
            "user": "root",
            "uid": 0,
            "pid": 400 + port % 1000 if process else None,
            "process": process or None,
            "executable": f"{folder}/{process}" if process else None,
            "package": None if process in ("", "update") else process,
            "attribution": "pid" if process else "none",
        },
    )


def _open_ports(host: str, sight: Sight) -> Iterator[Fact]:
    ports = set(_OPEN[sight.machine.platform])
    for name in sight.wrong:
        ports.update(_OPEN_OF_TROUBLE.get(name, ()))
    for port in sorted(ports):
        values = {"host": host, "proto": "tcp", "port": port, "state": "open", "address": host}
        yield Fact("port", values | {"service": _SERVICES.get(port)})
