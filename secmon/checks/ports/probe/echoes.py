"""Ask many addresses for an echo, within the budget."""

from __future__ import annotations

import os
import select
import socket
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from secmon.checks.ports import echo
from secmon.core.contract import Unavailable

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from secmon.checks.ports.pace import Pace

_WAIT_SECONDS: Final = 1.0
_TRIES: Final = 2
_TURN_SECONDS: Final = 0.05
_RECEIVE_BYTES: Final = 2048
_PROTOCOL: Final = {4: socket.IPPROTO_ICMP, 6: socket.IPPROTO_ICMPV6}
_FAMILY: Final = {4: socket.AF_INET, 6: socket.AF_INET6}


@dataclass(frozen=True, slots=True)
class Handles:
    """Sockets for echoes.

    Attributes:
        sockets: IP version -> socket, and whether it is a raw one; absent where none could be opened.
    """

    sockets: dict[int, tuple[socket.socket, bool]]


def acquire() -> Handles:
    """Open a socket of each family: without privilege (net.ipv4.ping_group_range) or else a raw one."""
    sockets: dict[int, tuple[socket.socket, bool]] = {}
    for version, family in _FAMILY.items():
        for kind in (socket.SOCK_DGRAM, socket.SOCK_RAW):
            try:
                sock = socket.socket(
                    family, kind | socket.SOCK_NONBLOCK | socket.SOCK_CLOEXEC, _PROTOCOL[version]
                )
            except OSError:
                continue
            sockets[version] = (sock, kind == socket.SOCK_RAW)
            break
    return Handles(sockets)


class Echoes:
    """Asks for echoes.

    Args:
        handles: from `acquire`.
        total: the budget of the run.
    """

    def __init__(self, handles: Handles, total: Pace) -> None:
        self._sockets = handles.sockets
        self._total = total
        self._cookie = os.urandom(echo.COOKIE)

    def run(
        self, work: Iterable[tuple[str, Callable[[], None]]], deadline: float, tick: Callable[[], None]
    ) -> set[str]:
        """Ask each address twice at the most.

        Args:
            work: address, and the gate that is called before each packet.
            deadline: seconds of time.monotonic().
            tick: called often.

        Returns:
            The addresses that answered.
        """
        waiting = {address: permit for address, permit in work if _version(address) in self._sockets}
        answered: set[str] = set()
        for _ in range(_TRIES):
            for address, permit in list(waiting.items()):
                if time.monotonic() >= deadline:
                    return answered
                self._wait_for_room(waiting, answered, deadline)
                if address in waiting and not self._send(address, permit):
                    del waiting[address]
                tick()
            self._listen(waiting, answered, min(deadline, time.monotonic() + _WAIT_SECONDS))
        return answered

    def _wait_for_room(
        self, waiting: dict[str, Callable[[], None]], answered: set[str], deadline: float
    ) -> None:
        while (ready := self._total.ready_at()) > time.monotonic() and time.monotonic() < deadline:
            self._listen(waiting, answered, min(ready, deadline))

    def _send(self, address: str, permit: Callable[[], None]) -> bool:
        """Send a request; False where it cannot or must not go."""
        version = _version(address)
        sock, _ = self._sockets[version]
        try:
            permit()
            sock.sendto(echo.request(version, os.getpid() & 0xFFFF, self._cookie), (address, 0))
        except (Unavailable, OSError):
            return False
        self._total.spend(1, time.monotonic())
        return True

    def _listen(self, waiting: dict[str, Callable[[], None]], answered: set[str], until: float) -> None:
        """Take replies until an instant; at least once."""
        sockets = {sock: (version, raw) for version, (sock, raw) in self._sockets.items()}
        while waiting:
            left = until - time.monotonic()
            ready, _, _ = select.select(list(sockets), [], [], min(max(0.0, left), _TURN_SECONDS))
            for sock in ready:
                self._take(sock, *sockets[sock], waiting, answered)
            if left <= 0:
                return

    def _take(
        self,
        sock: socket.socket,
        version: int,
        raw: bool,  # noqa: FBT001  # of the socket
        waiting: dict[str, Callable[[], None]],
        answered: set[str],
    ) -> None:
        """Take what has come on one socket."""
        for data, sender in _received(sock):
            if sender in waiting and echo.is_reply(version, data, self._cookie, raw=raw):
                del waiting[sender]
                answered.add(sender)


def _received(sock: socket.socket) -> Iterable[tuple[bytes, str]]:
    """Yield what lies ready, and who sent it."""
    while True:
        try:
            data, sender = sock.recvfrom(_RECEIVE_BYTES)
        except (BlockingIOError, InterruptedError):
            return
        except OSError:  # an ICMP error that an earlier request met
            continue
        yield data, str(sender[0]).partition("%")[0]


def _version(address: str) -> int:
    return 6 if ":" in address else 4
