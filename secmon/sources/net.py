"""Know this host's addresses, resolve names, and let no packet leave for an address that is not allowed."""

from __future__ import annotations

import contextlib

# `resolve` looks both up by name, when a child that gave up its privileges may not be able to read them.
import encodings.idna
import encodings.punycode  # noqa: F401  # as above
import errno
import socket
import struct
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv6Address, IPv6Network, ip_address, ip_network
from typing import TYPE_CHECKING, Final

from secmon.core.contract import Unavailable
from secmon.core.model import Reason
from secmon.core.texts import cut, escape
from secmon.sources import netlink

if TYPE_CHECKING:
    from collections.abc import Iterable

_NETLINK_ROUTE: Final = 0
_RTM_GETADDR: Final = 22
_IFADDRMSG: Final = struct.Struct("=BBBBI")  # family, prefix length, flags, scope, interface index
_IFA_ADDRESS: Final = 1  # the peer's address on a point-to-point link
_IFA_LOCAL: Final = 2

_NAME_LIMIT: Final = 253  # RFC 1035 2.3.4, as text without the root's dot

_THIS_NETWORK: Final = ip_network("0.0.0.0/8")  # Linux connects 0.0.0.0 to this host
_NAT64: Final = IPv6Network("64:ff9b::/96")  # RFC 6052
_METADATA: Final = {
    ip_address(text)
    for text in (
        "169.254.169.254",  # most clouds (also link-local)
        "fd00:ec2::254",  # AWS over IPv6
        "fd20:ce::254",  # Google over IPv6
        "100.100.100.200",  # Alibaba
        "168.63.129.16",  # Azure
        "192.0.0.192",  # Oracle
    )
}


@dataclass(frozen=True, slots=True)
class InterfaceAddress:
    """One address of one interface of this host.

    Attributes:
        interface: name, "" where the interface went away meanwhile.
        address: IPv4 or IPv6 text, without scope id.
        prefix: length of the network's prefix, bits.
    """

    interface: str
    address: str
    prefix: int


def parse_interface_address(payload: bytes) -> tuple[int, str, int] | None:
    """Read one RTM_NEWADDR message (rtnetlink(7)).

    Args:
        payload: what follows the netlink header.

    Returns:
        Index of the interface, address, prefix length; None for a family that is not IP.

    Raises:
        NetlinkError: the message is truncated.
    """
    if len(payload) < _IFADDRMSG.size:
        raise netlink.NetlinkError(errno.EBADMSG, "an address message is truncated")
    family, prefix, _, _, index = _IFADDRMSG.unpack_from(payload)
    attributes = netlink.parse_attributes(payload[_IFADDRMSG.size :])
    raw = attributes.get(_IFA_LOCAL, attributes.get(_IFA_ADDRESS, b""))
    if family == socket.AF_INET and len(raw) == 4:
        return index, str(IPv4Address(raw)), prefix
    if family == socket.AF_INET6 and len(raw) == 16:
        return index, str(IPv6Address(raw)), prefix
    return None


def interface_addresses() -> tuple[InterfaceAddress, ...]:
    """Return every address of this host's interfaces, from the kernel.

    Raises:
        Unavailable: netlink is refused, or the addresses change too fast to be listed.
    """
    try:
        with netlink.connect(_NETLINK_ROUTE) as sock:
            dump = netlink.dump(sock, _RTM_GETADDR, _IFADDRMSG.pack(socket.AF_UNSPEC, 0, 0, 0, 0))
        rows = [row for row in map(parse_interface_address, dump.payloads) if row]
    except (OSError, netlink.NetlinkError) as error:
        raise Unavailable(
            Reason.UNSUPPORTED,
            f"This host's addresses could not be read ({error}); allow AF_NETLINK to this process.",
        ) from error
    if not dump.complete:
        raise Unavailable(Reason.BAD_DATA, "This host's addresses changed while they were read; try again.")
    return tuple(InterfaceAddress(_interface_name(index), address, prefix) for index, address, prefix in rows)


def own_addresses() -> frozenset[str]:
    """Return every address of this host's interfaces, loopback included.

    Raises:
        Unavailable: the kernel does not tell them.
    """
    return frozenset(entry.address for entry in interface_addresses())


class Gate:
    """Decide, before each connect or send, whether a resolved address may be spoken to.

    Args:
        allowed_networks: networks as text, such as `10.0.0.0/8` or `2001:db8::/32`.
        own: this host's own addresses, always allowed; the whole of loopback is.

    Raises:
        ValueError: a network or an address cannot be read.
    """

    def __init__(self, allowed_networks: Iterable[str], own: Iterable[str]) -> None:
        self._networks = tuple(ip_network(text, strict=False) for text in allowed_networks)
        self._own = frozenset(_plain(text) for text in own)
        self._passed: set[tuple[str, bool]] = (
            set()
        )  # asked before each packet: what may pass once may for ever

    def check(self, address: str, *, named: bool = False) -> None:
        """Let an address pass, or say why not.

        An IPv4-mapped IPv6 address is judged as the IPv4 address inside, as the kernel sends it.

        Args:
            address: a resolved address, never a name.
            named: the person named this target on the command line, which allows it.

        Raises:
            Unavailable: `not_allowed`; also for what is refused to everybody: link-local, metadata,
                multicast, broadcast and unspecified addresses, and what a translator would turn into these.
        """
        if (address, named) in self._passed:
            return
        self._judge(address, named=named)
        self._passed.add((address, named))

    def _judge(self, address: str, *, named: bool) -> None:
        try:
            plain = _plain(address)
        except ValueError:
            shown = escape(cut(address))
            raise Unavailable(Reason.NOT_ALLOWED, f"{shown} is not an address; resolve it first.") from None
        refused = _refused_as(plain)
        if not refused and isinstance(plain, IPv6Address):
            refused = next(filter(None, map(_refused_as, _translated(plain))), "")
        if not refused and plain.version == 4:
            refused = "a broadcast address" if self._is_broadcast(plain) else ""
        if refused:
            raise Unavailable(
                Reason.NOT_ALLOWED, f"{plain} is {refused}; such addresses are never looked at, take it out."
            )
        if named or plain.is_loopback or plain in self._own:
            return
        if any(plain in network for network in self._networks):
            return
        raise Unavailable(
            Reason.NOT_ALLOWED,
            f"{plain} is not in allowed_networks; add its network there or name it with --target.",
        )

    def _is_broadcast(self, address: IPv4Address | IPv6Address) -> bool:
        """Tell whether it is the directed broadcast address of an allowed network (RFC 919)."""
        return any(
            network.version == 4 and network.prefixlen < 31 and address == network.broadcast_address
            for network in self._networks
        )


def resolve(host: str) -> tuple[str, ...]:
    """Return the addresses of a name; an address passes through without a look-up.

    Underscores survive, and a name outside ASCII is looked up in its IDNA form.

    Args:
        host: a name or an address, with or without a scope id.

    Returns:
        Addresses without doubles, IPv4 first, at least one; IPv4-mapped ones as the IPv4 address inside.

    Raises:
        Unavailable: `dns_failure`; the name is malformed, unknown, or its server does not answer.
    """
    with contextlib.suppress(ValueError):
        return (str(_unmapped(host)),)
    wire = _wire_name(host)
    try:
        rows = socket.getaddrinfo(wire, None, socket.AF_UNSPEC, socket.SOCK_STREAM)
    except OSError as error:
        raise Unavailable(
            Reason.DNS_FAILURE,
            f"{escape(host)} could not be resolved ({error.strerror}); check the name or the resolver.",
        ) from error
    found = dict.fromkeys(_unmapped(str(row[4][0])) for row in rows)
    return tuple(str(address) for address in sorted(found, key=lambda address: address.version))


def _wire_name(host: str) -> bytes:
    """Return a name as it is looked up, or say what is wrong with it."""
    if not host or not host.isprintable() or " " in host:
        raise Unavailable(
            Reason.DNS_FAILURE,
            f"{escape(cut(host))!r} is no host name: it is empty or holds blanks or control characters.",
        )
    try:
        wire = host.encode("ascii") if host.isascii() else host.encode("idna")
    except UnicodeError as error:
        raise Unavailable(
            Reason.DNS_FAILURE, f"{escape(cut(host))} is no host name ({error}); check its spelling."
        ) from error
    name = wire.removesuffix(b".")
    if len(name) > _NAME_LIMIT or any(not 0 < len(label) <= 63 for label in name.split(b".")):
        raise Unavailable(
            Reason.DNS_FAILURE,
            f"{escape(cut(host))} is no host name: RFC 1035 wants at most 253 characters, 63 between dots.",
        )
    return wire


def _unmapped(text: str) -> IPv4Address | IPv6Address:
    """Return an address, an IPv4-mapped one as the IPv4 address inside; the scope id stays."""
    address = ip_address(text)
    return (isinstance(address, IPv6Address) and address.ipv4_mapped) or address


def _plain(text: str) -> IPv4Address | IPv6Address:
    """Return an address for comparison: unmapped and without scope id."""
    address = _unmapped(text)
    return ip_address(int(address)) if address.version == 4 else IPv6Address(int(address))


def _refused_as(address: IPv4Address | IPv6Address) -> str:
    """Return what makes an address one that nobody may look at, "" where nothing does."""
    if address in _METADATA:
        return "a cloud's metadata service"
    if address.is_link_local:
        return "link-local"
    if address.is_multicast:
        return "multicast"
    if address.is_unspecified or address in _THIS_NETWORK:
        return "unspecified"
    if str(address) == "255.255.255.255":
        return "a broadcast address"
    return ""


def _translated(address: IPv6Address) -> list[IPv4Address]:
    """Return the IPv4 addresses that NAT64 or 6to4 would send it to (RFC 6052, RFC 3056)."""
    inside = [IPv4Address(int(address) & 0xFFFFFFFF)] if address in _NAT64 else []
    return [*inside, address.sixtofour] if address.sixtofour else inside


def _interface_name(index: int) -> str:
    try:
        return socket.if_indextoname(index)
    except OSError:
        return ""
