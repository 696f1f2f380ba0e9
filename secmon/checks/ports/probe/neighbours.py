"""Find the devices on a link: the kernel asks for their link-layer addresses, and knows who answered.

Whoever sends to an address on a link has the kernel ask for it first (RFC 826, RFC 4861). So an empty
datagram to the discard port (RFC 863) is all that it takes; it leaves only where there is somebody to get it.
"""

from __future__ import annotations

import socket
import time
from typing import TYPE_CHECKING, Final

from secmon.core.contract import Unavailable
from secmon.sources import netlink, routes

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from secmon.checks.ports.pace import Pace

_DISCARD: Final = 9
_PACKETS: Final = 4  # three requests at most, and the datagram
_AT_ONCE: Final = 256  # well below the size of the kernel's table (arp(7), gc_thresh1 to 3)
_WAIT_SECONDS: Final = 3.2  # three requests, a second apart
_TURN_SECONDS: Final = 0.2


class Neighbours:
    """Asks for neighbours.

    Args:
        total: the budget of the run.
    """

    def __init__(self, total: Pace) -> None:
        self._total = total
        self._route = routes.connect()

    def is_on_link(self, address: str) -> bool:
        """Tell whether packets to an address go there directly, over a link whose devices are asked for."""
        try:
            route = routes.route(self._route, address)
            if route is None or route.next_hop != _packed(address):
                return False
            link = routes.link(self._route, route.interface)
        except (OSError, netlink.NetlinkError):
            return False
        return link.hardware == routes.ETHERNET and not link.flags & routes.NO_ARP

    def heard(self) -> dict[str, bytes]:
        """Return whom the kernel has heard of: address -> link-layer address."""
        return {entry.address: entry.hardware for entry in routes.neighbours(self._route) if entry.hardware}

    def run(
        self,
        work: Sequence[tuple[str, Callable[[], None]]],
        deadline: float,
        tick: Callable[[], None],
    ) -> tuple[dict[str, bytes], set[str]]:
        """Ask for each address.

        Args:
            work: address on a link, and the gate that is called before it is asked for.
            deadline: seconds of time.monotonic().
            tick: called often.

        Returns:
            Those that answered, with their link-layer addresses, and those that did not; the others were not
            asked, or their old answer may no longer hold.
        """
        up: dict[str, bytes] = {}
        down: set[str] = set()
        for first in range(0, len(work), _AT_ONCE):
            if time.monotonic() >= deadline:
                break
            asked = {
                address
                for address, permit in work[first : first + _AT_ONCE]
                if self._ask(address, permit, deadline)
            }
            self._read(asked, up, down, min(deadline, time.monotonic() + _WAIT_SECONDS), tick)
        return up, down

    def _ask(self, address: str, permit: Callable[[], None], deadline: float) -> bool:
        """Have the kernel ask for an address; False where it cannot or must not."""
        while (ready := self._total.ready_at()) > (now := time.monotonic()):
            if now >= deadline:
                return False
            time.sleep(min(ready - now, _TURN_SECONDS))
        family = socket.AF_INET6 if ":" in address else socket.AF_INET
        try:
            permit()
            with socket.socket(family, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC) as sock:
                sock.sendto(b"", (address, _DISCARD))
        except (Unavailable, OSError):
            return False
        self._total.spend(_PACKETS, time.monotonic())
        return True

    def _read(
        self, asked: set[str], up: dict[str, bytes], down: set[str], until: float, tick: Callable[[], None]
    ) -> None:
        """Read the kernel's table until it knows of all, or nobody else will answer."""
        left = set(asked)
        while left:
            for entry in routes.neighbours(self._route):
                if entry.address not in left or not entry.settled:
                    continue
                left.discard(entry.address)
                if entry.hardware:
                    up[entry.address] = entry.hardware
                else:
                    down.add(entry.address)
            if not left or time.monotonic() >= until:
                return
            tick()
            time.sleep(_TURN_SECONDS)


def _packed(address: str) -> bytes:
    return socket.inet_pton(socket.AF_INET6 if ":" in address else socket.AF_INET, address)
