"""Make single connects, and say what each met."""

from __future__ import annotations

import errno
import socket
import struct
from collections import deque
from dataclasses import dataclass, field
from enum import Enum, auto
from typing import TYPE_CHECKING, Final

from secmon.checks.ports.probe.tcpinfo import tcp_info
from secmon.checks.ports.probe.turns import Turn
from secmon.checks.ports.sweep import LEAST_WINDOW, State

if TYPE_CHECKING:
    from secmon.core.model import Reason

CONNECTED: Final = frozenset({0, errno.EISCONN})
_RESET: Final = frozenset({errno.ECONNRESET, errno.EPIPE})
AT_ONCE: Final = CONNECTED | _RESET | {errno.ECONNREFUSED, errno.ETIMEDOUT}
"""What a connect to this host itself may return at once; anything else is a hindrance here."""

FEW: Final = 16
"""Ports of a lane that get a second try in any case; of a host that answered nothing as many."""

_RESET_ON_CLOSE: Final = struct.pack("ii", 1, 0)  # SO_LINGER: no TIME_WAIT here, nothing half-closed there


class Stage(Enum):
    """How far an attempt is."""

    ASKED = auto()  # the SYN has gone
    REPEATED = auto()  # so has its repetition
    HELD = auto()  # the handshake is complete
    ENDING = auto()  # all is known; the reset waits for the budget


@dataclass(slots=True, eq=False)
class Track(Turn):
    """What connecting has left to do of a lane.

    Attributes:
        waiting: ports to try, each with True for its second try.
        ending: connections that opened and wait for their reset to be sent.
        silent: ports that had no reply to one try.
        retries: silent ports get a second try.
        slow: the last answer came after more than a second: each SYN will be repeated.
    """

    waiting: deque[tuple[int, bool]] = field(default_factory=deque)
    ending: deque[Attempt] = field(default_factory=deque)
    silent: list[int] = field(default_factory=list)
    retries: bool = False
    slow: bool = False

    @property
    def has_packets(self) -> bool:
        """Tell whether there is a try, or a reset that waits."""
        return bool(self.ending or self.waiting)

    @property
    def done(self) -> bool:
        """Tell whether nothing is left to do."""
        return not self.waiting and not self.in_flight

    def give_up(self, reason: Reason, detail: str) -> None:
        """Try no more ports; connects under way still count."""
        self.lane.give_up(reason, detail)
        self.waiting.clear()

    def try_some_again(self) -> None:
        """Give a host that answered nothing a few more chances, once: it may have slept."""
        if len(self.silent) == len(self.lane.states) and not self.lane.failure:
            self.waiting.extend((port, True) for port in self.silent[:FEW])
            del self.silent[:FEW]

    def note_loss(self) -> None:
        """Give every silent port its second try."""
        self.retries = True
        if self.lane.failure is None:
            self.waiting.extend((port, True) for port in self.silent)
        self.silent.clear()


@dataclass(slots=True, eq=False)
class Attempt:
    """One socket.

    Attributes:
        track: its lane.
        port: the port that it asks.
        again: it is the second try.
        sock: the socket.
        sent: seconds of time.monotonic() at which its SYN went.
        due: when it is to be looked at though nothing happened.
        paid: its repetition is counted already.
        stage: how far it is.
        shut: the peer's window was shut when the handshake was complete.
    """

    track: Track
    port: int
    again: bool
    sock: socket.socket
    sent: float
    due: float
    paid: bool = False
    stage: Stage = Stage.ASKED
    shut: bool = False


def connect(address: str, port: int, *, defer: bool) -> tuple[socket.socket, int]:
    """Begin a connect, whose ACK may be held back; return the socket and the errno that came at once."""
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    sock = socket.socket(family, socket.SOCK_STREAM | socket.SOCK_NONBLOCK | socket.SOCK_CLOEXEC)
    if defer:
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_DEFER_ACCEPT, 1)
    return sock, sock.connect_ex((address, port))


def received(sock: socket.socket) -> bytes | None:
    """Return one byte of what the peer has sent, b"" where it closed, None for nothing yet."""
    try:
        return sock.recv(1, socket.MSG_PEEK)
    except OSError:  # nothing yet, or a reset that comes up at the next look
        return None


def met(sock: socket.socket, code: int) -> State:
    """Return what a connect met.

    A port that is refused by ICMP (port unreachable) looks to `connect` like one that is refused by a reset;
    but no segment came in. Any other error came by ICMP too, or from this host, whose neighbour is silent.

    A socket that the kernel gave the very port that it connects to, on this host, reaches itself (RFC 9293
    3.5, simultaneous open): nobody listens there.
    """
    if code in _RESET:
        return State.UNRELIABLE
    if code == errno.ETIMEDOUT:
        return State.NO_REPLY
    if code == errno.ECONNREFUSED:
        return State.FILTERED if tcp_info(sock).segments == 0 else State.CLOSED
    if code not in CONNECTED:
        return State.FILTERED
    try:
        itself = sock.getsockname() == sock.getpeername()
    except OSError:  # reset meanwhile
        return State.UNRELIABLE
    window = tcp_info(sock).window
    shut = window is not None and window < LEAST_WINDOW
    return State.CLOSED if itself else State.UNRELIABLE if shut else State.OPEN


def end_by_reset(sock: socket.socket) -> None:
    """Let the close of a connection send a reset."""
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET_ON_CLOSE)
