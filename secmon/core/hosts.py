"""Read hosts and ports as people type them, and know which of them are this host."""

from __future__ import annotations

import ipaddress
import re
from dataclasses import dataclass
from typing import Final

_LABEL: Final = re.compile(r"[^\W_](?:[\w-]{0,61}[^\W_])?\Z|_[\w-]{0,62}\Z|[^\W_][\w-]{0,61}_\Z")
_NAME_LIMIT: Final = 253  # RFC 1035 2.3.4
_LARGEST_PORT: Final = 65535


@dataclass(frozen=True, slots=True)
class Own:
    """What this host is called.

    Attributes:
        hostname: its name, "" where unknown.
        addresses: the addresses of its interfaces, loopback included.
    """

    hostname: str = ""
    addresses: frozenset[str] = frozenset()

    def has(self, host: str) -> bool:
        """Return whether a host as it was typed is this one; names are not looked up.

        Args:
            host: an address or a name.

        Returns:
            True for an own address, any loopback address, `localhost` and the host's own name.
        """
        try:
            address = ipaddress.ip_address(host)
        except ValueError:
            return same_host(host, "localhost") or same_host(host, self.hostname)
        return address.is_loopback or str(address) in self.addresses


def same_host(one: str, other: str) -> bool:
    """Return whether two hosts as typed are one: equal addresses, or names that differ in case or a last dot.

    Args:
        one: an address or a name.
        other: another.

    Returns:
        False where either is empty.
    """
    return bool(one) and _normal(one) == _normal(other)


def _normal(host: str) -> str:
    try:
        return str(ipaddress.ip_address(host))
    except ValueError:
        return host.casefold().rstrip(".")


def is_address(host: str) -> bool:
    """Return whether a host is an address and no name."""
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return False
    return True


def parse_host(text: str) -> str:
    """Return a host: an address in its shortest spelling, or a name.

    Underscores survive: services of Windows domains and containers have them.

    Args:
        text: an address, without brackets, or a name.

    Returns:
        The host.

    Raises:
        ValueError: it is neither; the message holds no part of it, for it may hold a password.
    """
    try:
        return str(ipaddress.ip_address(text))
    except ValueError:
        pass
    if "://" in text or "@" in text or "/" in text:
        raise ValueError("write a host alone: no user, no scheme, no path")
    if ":" in text:
        raise ValueError("that is no IPv6 address")
    labels = text.removesuffix(".").split(".")
    if len(text) > _NAME_LIMIT or not all(_LABEL.match(label) for label in labels):
        raise ValueError("write an address or a host name")
    if labels[-1].isdecimal():
        raise ValueError("that is no IPv4 address")
    return text


def parse_port(text: str) -> int:
    """Return a TCP or UDP port.

    Args:
        text: decimal digits.

    Returns:
        1 to 65535.

    Raises:
        ValueError: it is none.
    """
    if not (text.isascii() and text.isdigit()) or len(text) > 5 or not 1 <= int(text) <= _LARGEST_PORT:
        raise ValueError(f"a port is a number from 1 to {_LARGEST_PORT}")
    return int(text)


def join_port(host: str, port: int) -> str:
    """Return `host:port`, an IPv6 address in brackets."""
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


def asset_id_of(host: str) -> str:
    """Return the id of an asset that is known by its host alone.

    Args:
        host: an address, a network or a name.

    Returns:
        ASCII text; names in other scripts as their A-labels (RFC 5890).

    Raises:
        ValueError: the name cannot be written so.
    """
    if host.isascii():
        return host
    try:
        return host.encode("idna").decode("ascii")
    except UnicodeError:
        raise ValueError("that is no host name") from None
