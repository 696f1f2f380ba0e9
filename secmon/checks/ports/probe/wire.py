"""Send frames and receive answers over packet sockets (packet(7)) that were opened while it was allowed.

Only opening a packet socket needs CAP_NET_RAW; filtering, binding, sending and receiving need nothing.
"""

from __future__ import annotations

import contextlib
import errno
import math
import secrets
import select
import socket
import struct
from collections import deque
from dataclasses import dataclass
from itertools import starmap
from operator import length_hint
from typing import TYPE_CHECKING, Final

from secmon.checks.ports import filters, replies
from secmon.checks.ports.probe.ring import ETH_P_ARP, ETH_P_IP, ETH_P_IPV6, Ring, attach, open_cooked, start
from secmon.checks.ports.segments import LINK_BYTES
from secmon.core.contract import Unavailable
from secmon.core.model import Reason
from secmon.sources import routes
from secmon.sources.netlink import NetlinkError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from secmon.checks.ports.sweep import State

_EPHEMERAL: Final = "/proc/sys/net/ipv4/ip_local_port_range"
_USUAL_EPHEMERAL: Final = (32768, 60999)
_FIRST_PORT: Final = 1024
_PORT_TRIES: Final = 64
_RECEIVE_BYTES: Final = 256


@dataclass(frozen=True, slots=True)
class SynHandles:
    """Sockets that receive nothing yet.

    Attributes:
        holder: bound to the source port of our SYNs.
        sender: for frames of every kind.
        ipv4: for answers over IPv4.
        ipv6: for answers over IPv6.
        arp: for ARP replies.
        advertisements: for neighbour advertisements.
        netlink: for questions about routes.
    """

    holder: socket.socket
    sender: socket.socket
    ipv4: socket.socket
    ipv6: socket.socket
    arp: socket.socket
    advertisements: socket.socket
    netlink: socket.socket


@dataclass(frozen=True, slots=True)
class Path:
    """How packets to an address leave.

    Attributes:
        link: the interface.
        source: this host's address, as bytes.
        destination: the address, as bytes.
        next_hop: the neighbour that gets the packets, as bytes: the destination itself, or a router.
    """

    link: routes.Link
    source: bytes
    destination: bytes
    next_hop: bytes


def acquire() -> SynHandles:
    """Open the sockets, which takes CAP_NET_RAW.

    Returns:
        The sockets.

    Raises:
        Unavailable: `permission` without the capability; `unsupported` where there are no such sockets;
            `resource_limit` where no port is free.
    """
    try:
        with contextlib.ExitStack() as opened:
            keep = opened.enter_context
            sender = keep(socket.socket(socket.AF_PACKET, socket.SOCK_RAW | socket.SOCK_CLOEXEC, 0))
            sender.setblocking(False)
            ipv4, ipv6, arp, advertisements = (keep(open_cooked()) for _ in range(4))
            holder = keep(_hold_port())
            handles = SynHandles(holder, sender, ipv4, ipv6, arp, advertisements, keep(routes.connect()))
            opened.pop_all()
            return handles
    except PermissionError as error:
        raise Unavailable(
            Reason.PERMISSION, "Sending SYNs needs CAP_NET_RAW: run as root or use the shipped unit."
        ) from error
    except OSError as error:
        raise Unavailable(
            Reason.UNSUPPORTED, f"This system gives no packet sockets ({error.strerror}); allow AF_PACKET."
        ) from error


class Wire:
    """The packet sockets at work.

    Args:
        handles: from `acquire`; the wire closes them.

    Attributes:
        port: source port of our SYNs, which nobody else on this host gets meanwhile.

    Raises:
        Unavailable: this kernel refuses a step.
    """

    def __init__(self, handles: SynHandles) -> None:
        self._handles = handles
        self._paths: dict[str, Path | None] = {}
        self._bound = 0
        self.port: int = handles.holder.getsockname()[1]
        try:
            self._rings = (
                (replies.IPV4, Ring(handles.ipv4, filters.answers_ipv4(self.port), ETH_P_IP)),
                (replies.IPV6, Ring(handles.ipv6, filters.answers_ipv6(self.port), ETH_P_IPV6)),
            )
            attach(handles.arp, filters.arp_replies())
            start(handles.arp, ETH_P_ARP)
            attach(handles.advertisements, filters.advertisements())
            start(handles.advertisements, ETH_P_IPV6)
        except OSError as error:
            raise Unavailable(
                Reason.UNSUPPORTED, f"This kernel gives no packet ring: {error.strerror}."
            ) from error
        self._poll = select.poll()
        for sock in (handles.ipv4, handles.ipv6, handles.arp, handles.advertisements):
            self._poll.register(sock, select.POLLIN)

    def path(self, address: str) -> Path | None:
        """Return how packets to an address leave.

        Args:
            address: resolved, literal.

        Returns:
            The path; None where there is none, or where it is not one over Ethernet: this host itself, a
            tunnel, a point-to-point link.
        """
        if address not in self._paths:
            try:
                self._paths[address] = self._find_path(address)
            except (OSError, NetlinkError):  # no such thing can be looked up: a scope id, a sandbox
                self._paths[address] = None
        return self._paths[address]

    def known_neighbour(self, path: Path) -> bytes:
        """Return the Ethernet address of the next hop where the kernel is sure of it, else b""."""
        try:
            return routes.neighbour(self._handles.netlink, path.link.index, path.next_hop)
        except OSError:
            return b""

    def send(self, link: routes.Link, frames: bytes | bytearray, size: int) -> int:
        """Send frames.

        Args:
            link: the interface.
            frames: whole Ethernet frames, one after the other.
            size: bytes of each.

        Returns:
            How many were taken: fewer where a queue of this host is full.

        Raises:
            OSError: the interface is down or gone.
        """
        if self._bound != link.index:
            self._handles.sender.bind((link.name, 0))
            self._handles.sender.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)  # of the link before
            self._bound = link.index
        left = struct.iter_unpack(f"{size}s", frames)
        try:
            # No step of the interpreter between two calls of the kernel: it would find its caches cold.
            deque(starmap(self._handles.sender.send, left), maxlen=0)
        except OSError as error:
            if error.errno not in (errno.ENOBUFS, errno.EAGAIN):
                raise
            return len(frames) // size - length_hint(left) - 1
        return len(frames) // size

    def answers(self, asked: Mapping[bytes, replies.Asked]) -> Iterator[tuple[bytes, dict[int, State]]]:
        """Yield the answers that are there.

        Args:
            asked: address -> what was asked there; its states are to be up to date at each step.

        Yields:
            Address, and port -> what was met.
        """
        for family, ring in self._rings:
            for slots in ring.runs():
                yield from replies.take(slots, family, asked)

    def neighbours(self) -> Iterator[tuple[str, bytes, bytes]]:
        """Yield interface, address and Ethernet address of each neighbour that answered."""
        yield from _received(self._handles.arp, replies.parse_arp)
        yield from _received(self._handles.advertisements, replies.parse_advertisement)

    def wait(self, seconds: float) -> None:
        """Wait until something arrives, or for so long."""
        self._poll.poll(math.ceil(seconds * 1000))

    def drops(self) -> int:
        """Return how many answers this host has lost since the last call."""
        return sum(ring.drops() for _, ring in self._rings)

    def close(self) -> None:
        """Close every socket."""
        for _, ring in self._rings:
            ring.close()
        handles = self._handles
        for sock in (handles.holder, handles.sender, handles.arp, handles.advertisements, handles.netlink):
            sock.close()

    def _find_path(self, address: str) -> Path | None:
        netlink = self._handles.netlink
        route = routes.route(netlink, address)
        if route is None or not route.plain:
            return None
        destination = socket.inet_pton(socket.AF_INET6 if ":" in address else socket.AF_INET, address)
        link = routes.link(netlink, route.interface)
        ethernet = link.hardware == routes.ETHERNET and len(link.address) == LINK_BYTES
        if not ethernet or link.flags & routes.NO_ARP or len(route.next_hop) != len(destination):
            return None
        return Path(link, route.source, destination, route.next_hop)


def _received(
    sock: socket.socket, parse: Callable[[bytes], tuple[bytes, bytes] | None]
) -> Iterator[tuple[str, bytes, bytes]]:
    """Yield the interface, and what a socket has received and `parse` understands."""
    while True:
        try:
            packet, sender = sock.recvfrom(_RECEIVE_BYTES)
        except BlockingIOError:
            return
        except OSError:  # an interface went down
            continue
        found = parse(packet)
        if found:
            yield sender[0], *found


def _hold_port() -> socket.socket:
    """Bind a socket to a port that the kernel gives to nobody, so that no other program takes it.

    It does not listen: the kernel still answers a SYN-ACK with a reset, so that no connection stays half open
    at the host that is scanned.
    """
    low, high = _ephemeral_range()
    every = range(_FIRST_PORT, 65536)
    outside = [port for port in every if not low <= port <= high] or list(every)
    both = socket.has_dualstack_ipv6()
    holder = socket.socket(socket.AF_INET6 if both else socket.AF_INET, socket.SOCK_STREAM)
    try:
        if both:
            holder.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 0)
        for port in secrets.SystemRandom().sample(outside, min(_PORT_TRIES, len(outside))):
            with contextlib.suppress(OSError):  # somebody has it
                holder.bind(("", port))
                return holder
    except OSError:
        holder.close()
        raise
    holder.close()
    raise Unavailable(Reason.RESOURCE_LIMIT, "No port of this host is free for the answers.")


def _ephemeral_range() -> tuple[int, int]:
    """Return the first and the last port that the kernel gives to who asks for none."""
    try:
        with open(_EPHEMERAL, encoding="ascii") as file:  # noqa: PTH123  # a file of the kernel
            low, high = map(int, file.read().split())
    except (OSError, ValueError):
        return _USUAL_EPHEMERAL
    return low, high
