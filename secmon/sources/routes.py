"""Ask the kernel how a packet to an address would leave this host: rtnetlink(7), which needs no privilege.

The parsers are pure, so that they can be tested on recorded bytes.
"""

from __future__ import annotations

import errno
import socket
import struct
from dataclasses import dataclass
from typing import Final

from secmon.sources import netlink
from secmon.sources.netlink import NetlinkError

_NETLINK_ROUTE: Final = 0
_RTM_GETLINK: Final = 18
_RTM_GETROUTE: Final = 26
_RTM_GETNEIGH: Final = 30

# linux/rtnetlink.h: family, lengths of destination and source, TOS, table, protocol, scope, type, flags.
_RTMSG: Final = struct.Struct("=BBBBBBBBI")
_RTN_UNICAST: Final = 1
_RTA_DST, _RTA_OIF, _RTA_GATEWAY, _RTA_PREFSRC, _RTA_VIA, _RTA_ENCAP = 1, 4, 5, 7, 18, 22
# linux/if_link.h: family, hardware type, index, flags, change mask.
_IFINFOMSG: Final = struct.Struct("=BxHiII")
_IFLA_ADDRESS, _IFLA_IFNAME = 1, 3
# linux/neighbour.h: family, index, state, flags, type.
_NDMSG: Final = struct.Struct("=BxxxiHBB")
_NDA_DST, _NDA_LLADDR = 1, 2
_NUD_REACHABLE, _NUD_FAILED, _NUD_PERMANENT = 0x02, 0x20, 0x80
_SURE: Final = _NUD_REACHABLE | _NUD_PERMANENT

_ATTRIBUTE: Final = struct.Struct("=HH")
_U32: Final = struct.Struct("=I")
_FAMILY: Final = struct.Struct("=H")

ETHERNET: Final = 1
"""ARPHRD_ETHER: the hardware type of Ethernet, and of what looks like it (veth, VLAN, bridge, Wi-Fi)."""
NO_ARP: Final = 0x80
"""IFF_NOARP: nobody answers for addresses on the link."""


@dataclass(frozen=True, slots=True)
class Route:
    """How packets to an address leave.

    Attributes:
        interface: index of the interface.
        source: this host's address, as bytes.
        next_hop: the neighbour that gets the packets, as bytes: the address itself, or a router.
        plain: they leave as they are, not wrapped into a tunnel's header.
    """

    interface: int
    source: bytes
    next_hop: bytes
    plain: bool


@dataclass(frozen=True, slots=True)
class Link:
    """An interface.

    Attributes:
        index: its number.
        name: its name.
        hardware: its hardware type (ARPHRD_*).
        address: its link-layer address, b"" for none.
        flags: IFF_*.
    """

    index: int
    name: str
    hardware: int
    address: bytes
    flags: int


def connect() -> socket.socket:
    """Open a socket for the requests of this module.

    Raises:
        OSError: the kernel or a sandbox refuses it.
    """
    return netlink.connect(_NETLINK_ROUTE)


def route(sock: socket.socket, address: str) -> Route | None:
    """Return how packets to an address leave.

    Args:
        sock: from `connect`.
        address: IPv4 or IPv6 text without scope id.

    Returns:
        The route; None where there is none, where it leads to this host itself, and for broadcasts.

    Raises:
        NetlinkError: the kernel's answer cannot be read.
        OSError: the socket fails.
    """
    family = _family(address)
    raw = socket.inet_pton(family, address)
    request = _RTMSG.pack(family, len(raw) * 8, 0, 0, 0, 0, 0, 0, 0) + _attribute(_RTA_DST, raw)
    try:
        return parse_route(netlink.ask(sock, _RTM_GETROUTE, request), raw)
    except NetlinkError as error:
        if error.code == errno.EBADMSG:
            raise
        return None  # ENETUNREACH and its kin


def parse_route(payload: bytes, destination: bytes) -> Route | None:
    """Read one RTM_NEWROUTE message.

    Args:
        payload: what follows the netlink header.
        destination: the address that was asked for.

    Returns:
        As `route`.

    Raises:
        NetlinkError: the message is truncated.
    """
    if len(payload) < _RTMSG.size:
        raise NetlinkError(errno.EBADMSG, "a route message is truncated")
    kind = _RTMSG.unpack_from(payload)[7]
    attributes = netlink.parse_attributes(payload[_RTMSG.size :])
    interface, source = attributes.get(_RTA_OIF, b""), attributes.get(_RTA_PREFSRC, b"")
    if kind != _RTN_UNICAST or len(interface) != _U32.size or len(source) != len(destination):
        return None
    via = attributes.get(_RTA_VIA, b"")[_FAMILY.size :]  # a router of the other family (RFC 8950)
    next_hop = attributes.get(_RTA_GATEWAY) or via or destination
    return Route(_U32.unpack(interface)[0], source, next_hop, _RTA_ENCAP not in attributes)


def link(sock: socket.socket, index: int) -> Link:
    """Return an interface.

    Args:
        sock: from `connect`.
        index: its number.

    Raises:
        NetlinkError: there is none, or the kernel's answer cannot be read.
        OSError: the socket fails.
    """
    return parse_link(netlink.ask(sock, _RTM_GETLINK, _IFINFOMSG.pack(socket.AF_UNSPEC, 0, index, 0, 0)))


def parse_link(payload: bytes) -> Link:
    """Read one RTM_NEWLINK message.

    Raises:
        NetlinkError: the message is truncated.
    """
    if len(payload) < _IFINFOMSG.size:
        raise NetlinkError(errno.EBADMSG, "a link message is truncated")
    _, hardware, index, flags, _ = _IFINFOMSG.unpack_from(payload)
    attributes = netlink.parse_attributes(payload[_IFINFOMSG.size :])
    name = attributes.get(_IFLA_IFNAME, b"").rstrip(b"\0").decode("ascii", "replace")
    return Link(index, name, hardware, attributes.get(_IFLA_ADDRESS, b""), flags)


def neighbour(sock: socket.socket, interface: int, address: bytes) -> bytes:
    """Return the link-layer address that the kernel holds for sure of a neighbour.

    Args:
        sock: from `connect`.
        interface: index of the interface.
        address: the neighbour's address, as bytes.

    Returns:
        The link-layer address; b"" where the kernel has none, or one that it has not confirmed lately.

    Raises:
        OSError: the socket fails.
    """
    family = socket.AF_INET if len(address) == 4 else socket.AF_INET6
    request = _NDMSG.pack(family, interface, 0, 0, 0) + _attribute(_NDA_DST, address)
    try:
        return parse_neighbour(netlink.ask(sock, _RTM_GETNEIGH, request))
    except NetlinkError:  # ENOENT; before Linux 5.0, EOPNOTSUPP
        return b""


def parse_neighbour(payload: bytes) -> bytes:
    """Read one RTM_NEWNEIGH message.

    Returns:
        As `neighbour`.

    Raises:
        NetlinkError: the message is truncated.
    """
    if len(payload) < _NDMSG.size:
        raise NetlinkError(errno.EBADMSG, "a neighbour message is truncated")
    state = _NDMSG.unpack_from(payload)[2]
    if not state & _SURE:
        return b""
    return netlink.parse_attributes(payload[_NDMSG.size :]).get(_NDA_LLADDR, b"")


@dataclass(frozen=True, slots=True)
class Neighbour:
    """One entry of the kernel's table of neighbours.

    Attributes:
        address: IPv4 or IPv6 text.
        hardware: its link-layer address, b"" where nobody answered yet, or at all.
        settled: it answered lately, or did not answer; else the kernel has not found out, or an old answer
            may no longer hold.
    """

    address: str
    hardware: bytes
    settled: bool


def neighbours(sock: socket.socket) -> tuple[Neighbour, ...]:
    """Return the kernel's table of neighbours.

    Args:
        sock: from `connect`.

    Raises:
        NetlinkError: the kernel's answer cannot be read.
        OSError: the socket fails.
    """
    dump = netlink.dump(sock, _RTM_GETNEIGH, _NDMSG.pack(socket.AF_UNSPEC, 0, 0, 0, 0))
    return tuple(filter(None, map(parse_entry, dump.payloads)))


def parse_entry(payload: bytes) -> Neighbour | None:
    """Read one RTM_NEWNEIGH message of a dump.

    Returns:
        The entry; None for one that is not of IP, such as those of a bridge.

    Raises:
        NetlinkError: the message is truncated.
    """
    if len(payload) < _NDMSG.size:
        raise NetlinkError(errno.EBADMSG, "a neighbour message is truncated")
    family, _, state, _, _ = _NDMSG.unpack_from(payload)
    attributes = netlink.parse_attributes(payload[_NDMSG.size :])
    raw = attributes.get(_NDA_DST, b"")
    if (family, len(raw)) not in {(socket.AF_INET, 4), (socket.AF_INET6, 16)}:
        return None
    failed = bool(state & _NUD_FAILED)
    hardware = b"" if failed else attributes.get(_NDA_LLADDR, b"")
    return Neighbour(socket.inet_ntop(family, raw), hardware, failed or bool(state & _SURE))


def _family(address: str) -> int:
    return socket.AF_INET6 if ":" in address else socket.AF_INET


def _attribute(kind: int, value: bytes) -> bytes:
    return _ATTRIBUTE.pack(_ATTRIBUTE.size + len(value), kind) + value
