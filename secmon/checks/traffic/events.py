"""Name what detectors are told: few, small records, decoded once for all of them."""

from __future__ import annotations

from enum import IntEnum
from typing import NamedTuple


class Fate(IntEnum):
    """What became of one attempt to open a TCP connection."""

    COMPLETED = 0  # three-way handshake
    REFUSED = 1  # RST
    UNANSWERED = 2  # nothing came back in time
    HALF_OPEN = 3  # SYN-ACK, then nothing from the client in time
    ABORTED = 4  # SYN-ACK, then RST from the client
    UNSEEN = 5  # the client went on as if answered: this sensor does not see the other direction


class Attempt(NamedTuple):
    """One attempt to open a TCP connection, told when its fate is known.

    Attributes:
        began: Unix seconds of the SYN.
        ended: Unix seconds at which the fate was known.
        client: address, 4 or 16 bytes.
        server: address, 4 or 16 bytes.
        port: of the server.
        fate: what became of it.
    """

    began: float
    ended: float
    client: bytes
    server: bytes
    port: int
    fate: Fate


class Claim(NamedTuple):
    """An ARP packet (RFC 826): somebody says which hardware address an IP address has.

    Attributes:
        stamp: Unix seconds.
        vlan: VLAN of the frame.
        reply: an answer, else a question.
        mac: hardware address of the sender.
        address: IPv4 address of the sender; 0.0.0.0 in a probe (RFC 5227).
        target_mac: hardware address of the target.
        target: IPv4 address of the target.
    """

    stamp: float
    vlan: int
    reply: bool
    mac: bytes
    address: bytes
    target_mac: bytes
    target: bytes


class Lease(NamedTuple):
    """A DHCP server gave an address to a host (DHCPACK, RFC 2131).

    Attributes:
        stamp: Unix seconds.
        vlan: VLAN of the frame.
        mac: hardware address of the host.
        address: IPv4 address that it was given.
        routers: the gateways that it was told of.
    """

    stamp: float
    vlan: int
    mac: bytes
    address: bytes
    routers: tuple[bytes, ...]


class Advertisement(NamedTuple):
    """A router says that it holds virtual addresses (VRRP, RFC 9568).

    Attributes:
        stamp: Unix seconds.
        vlan: VLAN of the frame.
        mac: hardware address that sent it.
        addresses: the virtual IPv4 addresses.
    """

    stamp: float
    vlan: int
    mac: bytes
    addresses: tuple[bytes, ...]


Event = Attempt | Claim | Lease | Advertisement
