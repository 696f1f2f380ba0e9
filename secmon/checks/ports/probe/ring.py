"""Receive chosen packets from a ring of equal slots that the kernel shares with us (TPACKET_V2, packet(7)).

Equal slots are what makes Python quick enough: one `struct` reads a whole run of them, and a slice with a
step hands them back. Source: Documentation/networking/packet_mmap.rst of the kernel.
"""

from __future__ import annotations

import ctypes
import mmap
import os
import select
import socket
import struct
from array import array
from typing import TYPE_CHECKING, Final

from secmon.checks.ports.replies import SLOT_BYTES

if TYPE_CHECKING:
    from collections.abc import Iterator

SLOTS: Final = 8192
"""Packets that wait at most: the answers of 20 ms at 400,000 packets a second, in 2 MiB."""

ETH_P_IP, ETH_P_ARP, ETH_P_IPV6 = 0x0800, 0x0806, 0x86DD

_SOL_PACKET: Final = 263
_PACKET_RX_RING, _PACKET_STATISTICS, _PACKET_VERSION = 5, 6, 10
_TPACKET_V2: Final = 1
_SO_ATTACH_FILTER: Final = 26
_INSTRUCTION_BYTES: Final = 8
_SOCKADDR_LL: Final = struct.Struct("=HHiHBB8x")  # family, protocol, interface, hardware, kind, length
_STATISTICS: Final = struct.Struct("=II")  # packets, drops

_BLOCK_BYTES: Final = 64 * 1024
_WORDS: Final = SLOT_BYTES // 4  # a slot begins with its status, a word: 0 while it is the kernel's
_RUN: Final = 256  # slots that are looked at in one go


def open_cooked() -> socket.socket:
    """Open a packet socket that gives packets from their network header on, and receives nothing yet.

    Raises:
        OSError: PermissionError without CAP_NET_RAW; a sandbox without AF_PACKET.
    """
    sock = socket.socket(socket.AF_PACKET, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC, 0)
    sock.setblocking(False)
    return sock


def attach(sock: socket.socket, program: bytes) -> None:
    """Let through only what a classic BPF program accepts; it needs no privilege.

    Args:
        sock: any socket.
        program: an array of struct sock_filter.

    Raises:
        OSError: the kernel refuses the program.
    """
    buffer = ctypes.create_string_buffer(program)
    length = len(program) // _INSTRUCTION_BYTES
    sock.setsockopt(
        socket.SOL_SOCKET, _SO_ATTACH_FILTER, struct.pack("@HP", length, ctypes.addressof(buffer))
    )


def start(sock: socket.socket, protocol: int) -> None:
    """Begin to receive, from all interfaces; `socket.bind` knows no way to say that.

    Args:
        sock: from `open_cooked`.
        protocol: ETH_P_*; packets that leave this host are not seen through it.

    Raises:
        OSError: the kernel refuses.
    """
    address = _SOCKADDR_LL.pack(socket.AF_PACKET, socket.htons(protocol), 0, 0, 0, 0)
    library = ctypes.CDLL(None, use_errno=True)
    if library.bind(sock.fileno(), address, len(address)) != 0:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number))


class Ring:
    """A ring of received packets; setting it up needs no privilege, the socket did.

    Args:
        sock: from `open_cooked`; the ring closes it.
        program: what to let through (`filters`).
        protocol: ETH_P_*.

    Raises:
        OSError: the kernel refuses a step.
    """

    def __init__(self, sock: socket.socket, program: bytes, protocol: int) -> None:
        attach(sock, program)
        size = SLOTS * SLOT_BYTES
        sock.setsockopt(_SOL_PACKET, _PACKET_VERSION, _TPACKET_V2)
        request = struct.pack("=4I", _BLOCK_BYTES, size // _BLOCK_BYTES, SLOT_BYTES, SLOTS)
        sock.setsockopt(_SOL_PACKET, _PACKET_RX_RING, request)
        self._socket = sock
        self._memory = mmap.mmap(sock.fileno(), size)
        self._bytes = memoryview(self._memory)
        self._words = self._bytes.cast("I")
        self._kernels = memoryview(array("I", bytes(4 * _RUN)))
        self._poll = select.poll()
        self._poll.register(sock, select.POLLIN)
        self._next = 0
        start(sock, protocol)  # last: what arrives before would be unfiltered, or not in the ring

    def runs(self) -> Iterator[memoryview]:
        """Yield what is ready, run by run, at most one turn; a run is valid until the next."""
        words, left = self._words, SLOTS
        while left > 0 and words[self._next * _WORDS]:
            first, last = self._next, min(self._next + _RUN, SLOTS)
            statuses = words[first * _WORDS : last * _WORDS : _WORDS].tolist()
            count = statuses.index(0) if 0 in statuses else len(statuses)
            # The call orders, on every processor, the kernel's writes to the slots before our reads.
            self._poll.poll(0)
            yield self._bytes[first * SLOT_BYTES : (first + count) * SLOT_BYTES]
            words[first * _WORDS : (first + count) * _WORDS : _WORDS] = self._kernels[:count]
            self._next = (first + count) % SLOTS
            left -= count

    def drops(self) -> int:
        """Return how many packets found no free slot since the last call."""
        numbers = self._socket.getsockopt(_SOL_PACKET, _PACKET_STATISTICS, _STATISTICS.size)
        return int(_STATISTICS.unpack(numbers)[1])

    def close(self) -> None:
        """Give the ring back."""
        self._words.release()
        self._bytes.release()
        self._memory.close()
        self._socket.close()
