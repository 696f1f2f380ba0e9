"""Say from where a bound address can be reached, and when two sockets are one exposure."""

from __future__ import annotations

import re
from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network
from typing import Final

CONTAINER_INTERFACE: Final = re.compile(
    r"(docker|podman|cni|lxc|lxd|incus|virbr|veth|cali|flannel|nerdctl|kube-|br-[0-9a-f]{12}$)"
)
"""Names that container and virtual machine managers give to the interfaces of their own networks.

Docker calls a network's bridge `br-` and twelve hexadecimal digits; other `br-...` are real bridges to a LAN.
Addresses there are reached by guests of this host, not from outside. Only root can name an interface.
"""

_LINK_MULTICAST: Final = (ip_network("224.0.0.0/24"), ip_network("ff02::/16"))  # RFC 5771, RFC 4291
_CGNAT: Final = ip_network("100.64.0.0/10")  # RFC 6598
_ULA: Final = ip_network("fc00::/7")  # RFC 4193
_PRIVATE: Final = tuple(map(ip_network, ("10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16")))  # RFC 1918

Address = IPv4Address | IPv6Address


def read_address(text: str) -> Address:
    """Return an address; an IPv4-mapped IPv6 address (RFC 4291 2.5.5.2) as the IPv4 address inside.

    Raises:
        ValueError: the text is no address.
    """
    address = ip_address(text)
    return (isinstance(address, IPv6Address) and address.ipv4_mapped) or address


def scope_of(address: Address, bound_interface: str, owner_interface: str) -> str:
    """Say from where a socket can be reached.

    Args:
        address: bound address.
        bound_interface: name of the interface that the socket is bound to (SO_BINDTODEVICE), "" for any.
        owner_interface: name of the interface that has the address, "" where none has.

    Returns:
        `loopback`, `link`, `container`, or `exposed`: everything else, private ranges included.
    """
    if bound_interface == "lo" or address.is_loopback:
        return "loopback"
    if CONTAINER_INTERFACE.match(bound_interface or owner_interface):
        return "container"
    if address.is_link_local or any(address in network for network in _LINK_MULTICAST):
        return "link"
    return "exposed"


def class_of(address: Address) -> str | None:
    """Return the class of an address; None for loopback, link-local and multicast, which have a scope."""
    if address.is_unspecified:
        return "wildcard"
    if address.is_loopback or address.is_link_local or address.is_multicast:
        return None
    if address in _CGNAT:
        return "cgnat"
    if address in _ULA:
        return "ula"
    return "private" if any(address in network for network in _PRIVATE) else "public"


def is_ephemeral(proto: str, port: int, local_range: tuple[int, int]) -> bool:
    """Tell whether the kernel may have picked this port: an unconnected UDP socket in ip_local_port_range.

    Args:
        proto: `tcp` or `udp`; a TCP listener's port is always meant.
        port: bound port.
        local_range: first and last port of net.ipv4.ip_local_port_range (ip(7)).

    Returns:
        True where the number says nothing about the service, and will differ after a restart.
    """
    return proto == "udp" and local_range[0] <= port <= local_range[1]
