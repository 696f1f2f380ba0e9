"""Exchange datagrams with one UDP port, and tell its answers from ICMP errors and from strangers."""

from __future__ import annotations

import errno
import socket
import struct
from ipaddress import IPv4Address, IPv6Address, ip_address
from typing import Final

from secmon.checks.ports.sweep import State
from secmon.checks.ports.udpprobes import REPLY_LIMIT

_IP_RECVERR: Final = 11  # linux/in.h: report every ICMP error, and who sent it
_IPV6_RECVERR: Final = 25  # linux/in6.h
_ERROR: Final = struct.Struct("=I12x")  # sock_extended_err of linux/errqueue.h; the sender's address follows
_SENDER4: Final = slice(_ERROR.size + 4, _ERROR.size + 8)
_SENDER6: Final = slice(_ERROR.size + 8, _ERROR.size + 24)
_ANCILLARY_BYTES: Final = 128
_READS: Final = 16  # at a time: nobody may keep the program busy with one socket

_LOST: Final = frozenset({errno.EAGAIN, errno.ENOBUFS})
"""What a datagram that this host dropped meets at once: it may be sent again as if it got lost on the way."""


class Datagrams:
    """A socket for one port.

    It is not connected: some services answer from another port, and the kernel would refuse that with an ICMP
    error of ours. So who sent a datagram is looked at here.

    Args:
        address: resolved, literal.
        port: UDP port.
        strays: answers may come from another port of the address.

    Raises:
        OSError: no socket can be opened.
    """

    __slots__ = ("_peer", "_place", "_sock", "_strays")

    def __init__(self, address: str, port: int, *, strays: bool) -> None:
        self._place = (address, port)
        self._peer = _read_address(address)
        self._strays = strays
        six = self._peer.version == 6
        family = socket.AF_INET6 if six else socket.AF_INET
        self._sock = socket.socket(family, socket.SOCK_DGRAM | socket.SOCK_NONBLOCK | socket.SOCK_CLOEXEC)
        level, option = (socket.IPPROTO_IPV6, _IPV6_RECVERR) if six else (socket.IPPROTO_IP, _IP_RECVERR)
        self._sock.setsockopt(level, option, 1)

    def fileno(self) -> int:
        """Return the descriptor."""
        return self._sock.fileno()

    def close(self) -> None:
        """Close the socket."""
        self._sock.close()

    def send(self, payload: bytes) -> None:
        """Send a datagram.

        Raises:
            OSError: this host cannot, or an ICMP error has come meanwhile, which `receive` tells.
        """
        try:
            self._sock.sendto(payload, self._place)
        except OSError as error:
            if error.errno not in _LOST:
                raise

    def receive(self) -> bytes | State | None:
        """Return the first REPLY_LIMIT bytes of an answer, `closed` or `filtered`; None for nothing yet."""
        for _ in range(_READS):
            try:
                data, sender = self._sock.recvfrom(REPLY_LIMIT)
            except BlockingIOError:
                break
            except OSError:  # an ICMP error has come, which its own queue tells more of
                continue
            if _read_address(sender[0]) == self._peer and (self._strays or sender[1] == self._place[1]):
                return data
        return self._refusal()

    def _refusal(self) -> State | None:
        """Read the queue of ICMP errors.

        A port that is closed says so itself; what a router or a firewall says for it is `filtered`, and so is
        any other error, be it this host's own about a neighbour that does not answer.
        """
        for _ in range(_READS):
            try:
                _, ancillary, _, _ = self._sock.recvmsg(0, _ANCILLARY_BYTES, socket.MSG_ERRQUEUE)
            except OSError:
                return None
            for level, _, data in ancillary:
                (code,) = _ERROR.unpack_from(data)
                if code == errno.EMSGSIZE:  # of path MTU discovery, which says nothing of the port
                    continue
                sender = data[_SENDER6] if level == socket.IPPROTO_IPV6 else data[_SENDER4]
                itself = code == errno.ECONNREFUSED and sender == self._peer.packed
                return State.CLOSED if itself else State.FILTERED
        return None


def _read_address(text: str) -> IPv4Address | IPv6Address:
    return ip_address(text.partition("%")[0])
