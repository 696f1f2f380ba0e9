"""Show addresses that packets carry as bytes."""

from __future__ import annotations

import ipaddress


def address_text(address: bytes) -> str:
    """Return an IPv4 (4 bytes) or IPv6 (16 bytes) address as text."""
    return str(ipaddress.ip_address(address))


def mac_text(mac: bytes) -> str:
    """Return a hardware address as text, its bytes separated by colons."""
    return mac.hex(":")


def is_host(address: bytes) -> bool:
    """Say whether an IPv4 address can belong to one host: not unspecified, multicast, reserved, broadcast."""
    return 0 < address[0] < 224
