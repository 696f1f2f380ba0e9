"""Decode what hosts announce about addresses: ARP, DHCP acknowledgements, VRRP advertisements."""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING, Final

from secmon.checks.traffic import headers
from secmon.checks.traffic.events import Advertisement, Claim, Lease

if TYPE_CHECKING:
    from secmon.checks.traffic.frames import Frame
    from secmon.checks.traffic.headers import Packet

DHCP_PORTS: Final = frozenset({67, 68})

_ARP_MACS: Final = struct.Struct(">8x6s4x6s").unpack_from
_ARP_REPLY: Final = 2
_UDP_HEADER_BYTES: Final = 8
_BOOTP: Final = struct.Struct(">BBB13x4s8x6s").unpack_from
_BOOTP_BYTES: Final = 240
_BOOTP_REPLY: Final = 2
_DHCP_COOKIE: Final = b"\x63\x82\x53\x63"
_DHCP_PAD, _DHCP_ROUTER, _DHCP_TYPE, _DHCP_END = 0, 3, 53, 255
_DHCP_ACK: Final = b"\x05"
_VRRP_VERSIONS: Final = frozenset({0x21, 0x31})  # version 2 or 3, type 1: advertisement
_VIRTUAL_ROUTERS: Final = (
    b"\x00\x00\x5e\x00\x01",
    b"\x00\x00\x5e\x00\x02",
    b"\x00\x00\x0c\x07\xac",
    b"\x00\x07\xb4",
)
_HSRP2: Final = b"\x00\x00\x0c\x9f"
_NOBODY: Final = b"\0\0\0\0"


def read_claim(frame: Frame, packet: Packet) -> Claim:
    """Decode an ARP packet that `headers` has recognised."""
    stamp, data, *_ = frame
    _, address, target, operation, _, _, at, _ = packet
    mac, target_mac = _ARP_MACS(data, at)
    return Claim(stamp, _vlan(frame), operation == _ARP_REPLY, mac, address, target_mac, target)


def read_lease(frame: Frame, packet: Packet) -> Lease | None:
    """Decode a DHCP acknowledgement.

    Args:
        frame: as captured.
        packet: its parsed headers, UDP from or to a port of DHCP.

    Returns:
        The lease; None for every other message, and for one that is cut or malformed.
    """
    stamp, data, *_ = frame
    at, end = packet[6] + _UDP_HEADER_BYTES, packet[7]
    if end - at < _BOOTP_BYTES or data[at + 236 : at + _BOOTP_BYTES] != _DHCP_COOKIE:
        return None
    operation, hardware, length, address, mac = _BOOTP(data, at)
    if operation != _BOOTP_REPLY or hardware != 1 or length != 6 or address == _NOBODY:
        return None
    options = _dhcp_options(bytes(data[at + _BOOTP_BYTES : end]))
    if options.get(_DHCP_TYPE) != _DHCP_ACK:
        return None
    routers = options.get(_DHCP_ROUTER, b"")
    return Lease(stamp, _vlan(frame), mac, address, _addresses(routers, len(routers) // 4))


def read_advertisement(frame: Frame, packet: Packet) -> Advertisement | None:
    """Decode a VRRP advertisement for IPv4 addresses.

    Args:
        frame: as captured.
        packet: its parsed headers, IP protocol 112.

    Returns:
        The advertisement; None where it is something else (CARP shares the protocol number) or cut.
    """
    stamp, data, start, _, _, link, _ = frame
    at, end = packet[6], packet[7]
    mac = headers.sender_of(link, data, start)
    if end - at < 8 or data[at] not in _VRRP_VERSIONS or len(packet[1]) != 4 or not mac:
        return None
    addresses = _addresses(bytes(data[at + 8 : end]), data[at + 3])
    return Advertisement(stamp, _vlan(frame), mac, addresses) if addresses else None


def is_virtual_router(mac: bytes) -> bool:
    """Say whether a hardware address belongs to a redundancy protocol, not to a card.

    Returns:
        True for VRRP and CARP (00:00:5e:00:01:xx, RFC 9568 7.3), VRRP for IPv6 (00:00:5e:00:02:xx), HSRP
        (00:00:0c:07:ac:xx, RFC 2281), HSRP version 2 (00:00:0c:9f:fx:xx) and GLBP (00:07:b4:xx:xx:xx).
    """
    return mac.startswith(_VIRTUAL_ROUTERS) or (mac.startswith(_HSRP2) and mac[4] >> 4 == 0xF)


def _vlan(frame: Frame) -> int:
    _, data, start, end, _, link, vlan = frame
    return vlan or (headers.vlan_of(data, start, end) if link == headers.ETHERNET else 0)


def _addresses(data: bytes, count: int) -> tuple[bytes, ...]:
    return tuple(data[at : at + 4] for at in range(0, min(count * 4, len(data) - 3), 4))


def _dhcp_options(data: bytes) -> dict[int, bytes]:
    options: dict[int, bytes] = {}
    at = 0
    while at < len(data) and data[at] != _DHCP_END:
        if data[at] == _DHCP_PAD:
            at += 1
            continue
        if at + 1 >= len(data):
            break
        stop = at + 2 + data[at + 1]
        options.setdefault(data[at], data[at + 2 : stop])
        at = stop
    return options
