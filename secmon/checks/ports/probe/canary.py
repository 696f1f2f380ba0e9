"""Prove that the look at this host sees: open sockets, and find them."""

from __future__ import annotations

import os
import socket
from dataclasses import dataclass
from typing import TYPE_CHECKING, Self

from secmon.core.model import Reason

if TYPE_CHECKING:
    from types import TracebackType

    from secmon.core.contract import Emit
    from secmon.sources import diag


@dataclass(frozen=True, slots=True)
class Canary:
    """Sockets of our own on loopback, which the look must find and which are no facts.

    Attributes:
        sockets: open until the context ends.
        failure: why there are none, "" where there are.
    """

    sockets: tuple[socket.socket, ...]
    failure: str = ""

    @property
    def inodes(self) -> frozenset[int]:
        """Return the numbers of the sockets."""
        return frozenset(os.fstat(sock.fileno()).st_ino for sock in self.sockets)

    def tell(self, listing: diag.Listing, emit: Emit) -> None:
        """Say whether a listing shows the sockets."""
        if self.failure:
            emit.canary(Reason.UNREACHABLE, self.failure)
        elif self.inodes <= {row.inode for row in listing.sockets}:
            emit.canary(None)
        else:
            emit.canary(
                Reason.NO_DATA,
                "The kernel's tables do not show a listener that is open; nothing they say counts.",
            )

    def __enter__(self) -> Self:
        """Return itself."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Close the sockets."""
        for sock in self.sockets:
            sock.close()


def open_canary() -> Canary:
    """Open one TCP and one UDP socket on loopback."""
    opened: list[socket.socket] = []
    try:
        for kind in (socket.SOCK_STREAM, socket.SOCK_DGRAM):
            sock = socket.socket(socket.AF_INET, kind | socket.SOCK_CLOEXEC)
            opened.append(sock)
            sock.bind(("127.0.0.1", 0))
            if kind == socket.SOCK_STREAM:
                sock.listen(1)
    except OSError as error:
        for sock in opened:
            sock.close()
        return Canary((), f"No socket could be opened on 127.0.0.1 ({error.strerror}); bring loopback up.")
    return Canary(tuple(opened))
