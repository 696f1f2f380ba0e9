"""Match a host against the names of a certificate (RFC 9525), also a host with underscores."""

from __future__ import annotations

import re
from ipaddress import IPv4Address, IPv6Address, ip_address
from typing import Final

_LABEL: Final = re.compile(r"[a-z0-9_]([a-z0-9_-]{0,61}[a-z0-9_])?")
"""One label as hosts really use it: RFC 1123 2.1, and underscores."""

Address = IPv4Address | IPv6Address


def to_address(host: str) -> Address | None:
    """Return a host as an IP address, None where it is a name.

    Args:
        host: as the person typed it; IPv6 also in brackets.
    """
    try:
        return ip_address(host.removeprefix("[").removesuffix("]"))
    except ValueError:
        return None


def to_ascii(host: str) -> str:
    """Return a host name as certificates and hellos carry it.

    Args:
        host: a name, also with characters outside ASCII, or with a final dot.

    Returns:
        Lower-case A-labels (RFC 5890) without a final dot; "" where the host cannot be a name.
    """
    name = host.lower().removesuffix(".")
    if not name.isascii():
        try:
            name = name.encode("idna").decode("ascii")
        except UnicodeError:
            return ""
    return name if _is_name(name) else ""


def matches(host: str, names: tuple[str, ...], addresses: tuple[str, ...]) -> bool:
    """Say whether a certificate is for a host.

    Args:
        host: name or IP address.
        names: its dNSName entries.
        addresses: its iPAddress entries, as text.

    Returns:
        True where an entry matches. An address is only compared with addresses; the subject's common name
        is never looked at (RFC 9525 2).
    """
    address = to_address(host)
    if address is not None:
        return any(to_address(entry) == address for entry in addresses)
    name = to_ascii(host)
    return bool(name) and any(_matches_entry(name, entry.lower().removesuffix(".")) for entry in names)


def _matches_entry(name: str, entry: str) -> bool:
    """Compare labels; `*` stands for exactly one whole left-most label (RFC 9525 6.3)."""
    if not entry.startswith("*."):
        return _is_name(entry) and name == entry
    parent = entry[2:]
    _, _, rest = name.partition(".")
    return _is_name(parent) and rest == parent


def _is_name(name: str) -> bool:
    return len(name) <= 253 and all(_LABEL.fullmatch(label) for label in name.split("."))
