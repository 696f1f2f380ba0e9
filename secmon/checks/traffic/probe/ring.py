"""Receive the frames of one interface from a ring that the kernel shares with us (TPACKET_V3, packet(7)).

Source: Documentation/networking/packet_mmap.rst of the kernel; TPACKET_V3 exists since Linux 3.2.
"""

from __future__ import annotations

import ctypes
import mmap
import select
import socket
import struct
from typing import TYPE_CHECKING, Final

from secmon.checks.traffic import headers
from secmon.core.contract import Unavailable
from secmon.core.model import Reason

if TYPE_CHECKING:
    from collections.abc import Iterator

    from secmon.checks.traffic.frames import Frame

CAPTURED_BYTES: Final = 1024
"""Bytes kept of each frame: all headers, and a DHCP message with its first options."""

BLOCK_BYTES: Final = 1024 * 1024
BLOCKS: Final = 16
RETIRE_MILLISECONDS: Final = 100
"""A block that is not full is handed over after so long."""

_SOL_PACKET: Final = 263
_PACKET_RX_RING, _PACKET_STATISTICS, _PACKET_VERSION = 5, 6, 10
_TPACKET_V3: Final = 2
_SO_ATTACH_FILTER: Final = 26
_BPF_RETURN_CONSTANT: Final = 0x06
_ETH_P_ALL: Final = 3
_FRAME_BYTES: Final = 2048  # only has to divide the block; frames of version 3 vary in size
_STATUS_USER: Final = 0x1
_STATUS_VLAN_VALID: Final = 0x10
_PACKET_OUTGOING: Final = 4

_STATUS: Final = struct.Struct("=I")
_STATUS_OFFSET: Final = 8
_BLOCK: Final = struct.Struct("=8xIII")  # status, number of frames, offset of the first
_FRAME: Final = struct.Struct(
    "=IIIIIIH"
)  # next, seconds, nanoseconds, captured, wire, status, offset of the data
_VLAN_TAG: Final = struct.Struct("=I")
_VLAN_OFFSET: Final = 32
_DIRECTION_OFFSET: Final = 48 + 10  # in the sockaddr_ll that follows the header

_HARDWARE_ETHERNET, _HARDWARE_LOOPBACK = 1, 772
_RAW_LINK: Final = 101
_LINKS: Final = {
    _HARDWARE_ETHERNET: headers.ETHERNET,
    _HARDWARE_LOOPBACK: headers.ETHERNET,
    519: _RAW_LINK,  # ARPHRD_RAWIP
    768: _RAW_LINK,  # ARPHRD_TUNNEL
    776: _RAW_LINK,  # ARPHRD_SIT
    65534: _RAW_LINK,  # ARPHRD_NONE: tun, wireguard
}


class Ring:
    """The frames of one interface; opening it needs CAP_NET_RAW, using it needs nothing.

    Attributes:
        received: frames that the kernel counted for this socket, lost ones included.
        dropped: frames that it lost because the ring was full.
        loopback: the interface is the loopback, on which each frame passes twice and is taken once.
    """

    def __init__(self) -> None:
        self.received = self.dropped = 0
        self.loopback = False
        self._link = headers.ETHERNET
        self._block = 0
        # Protocol 0: nothing is received before `start`.
        self._socket = socket.socket(socket.AF_PACKET, socket.SOCK_RAW | socket.SOCK_CLOEXEC, 0)
        try:
            self._socket.setblocking(False)
            self._socket.setsockopt(_SOL_PACKET, _PACKET_VERSION, _TPACKET_V3)
            blocks, frames = BLOCKS, BLOCKS * BLOCK_BYTES // _FRAME_BYTES
            request = struct.pack("=7I", BLOCK_BYTES, blocks, _FRAME_BYTES, frames, RETIRE_MILLISECONDS, 0, 0)
            self._socket.setsockopt(_SOL_PACKET, _PACKET_RX_RING, request)
            self._limit(CAPTURED_BYTES)
            self._memory = mmap.mmap(self._socket.fileno(), BLOCKS * BLOCK_BYTES)
        except OSError:
            self._socket.close()
            raise
        self._view = memoryview(self._memory)

    def fileno(self) -> int:
        """Return the descriptor, for select and poll."""
        return self._socket.fileno()

    def start(self, interface: str) -> None:
        """Begin to receive.

        Args:
            interface: its name.

        Raises:
            Unavailable: there is no such interface, or its frames have headers that are not parsed.
        """
        try:
            self._socket.bind((interface, 0))
            hardware = self._socket.getsockname()[3]
            if hardware not in _LINKS:
                raise Unavailable(
                    Reason.UNSUPPORTED, f"{interface} has hardware type {hardware}, which is not supported"
                )
            self._link, self.loopback = _LINKS[hardware], hardware == _HARDWARE_LOOPBACK
            self._socket.bind((interface, _ETH_P_ALL))
        except OSError as error:
            raise Unavailable(Reason.NO_DATA, f"{interface} cannot be captured: {error.strerror}") from error

    def stop(self) -> None:
        """Receive nothing more; what was received is handed over within `RETIRE_MILLISECONDS`."""
        self._limit(0)

    def close(self) -> None:
        """Give the ring back."""
        self._view.release()
        self._memory.close()
        self._socket.close()

    def fault(self) -> int:
        """Return the error number that the socket has met since the last call, 0 for none."""
        return self._socket.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)

    def count(self) -> None:
        """Bring `received` and `dropped` up to date."""
        numbers = self._socket.getsockopt(_SOL_PACKET, _PACKET_STATISTICS, 12)  # reading sets them to 0
        received, dropped, _ = struct.unpack("=3I", numbers)
        self.received += received
        self.dropped += dropped

    def frames(self) -> Iterator[Frame]:
        """Yield what is ready, at most one turn of the ring; a buffer is valid until the next frame."""
        ready = select.poll()
        ready.register(self._socket, select.POLLIN)
        for _ in range(BLOCKS):
            # The call orders, on every processor, the kernel's writes to a block before our reads.
            if not ready.poll(0):
                return
            at = self._block * BLOCK_BYTES
            status, count, first = _BLOCK.unpack_from(self._view, at)
            if not status & _STATUS_USER:
                return
            yield from self._walk(at + first, count)
            _STATUS.pack_into(self._view, at + _STATUS_OFFSET, 0)
            self._block = (self._block + 1) % BLOCKS

    def _walk(self, at: int, count: int) -> Iterator[Frame]:
        view, link, unpack, skip_outgoing = self._view, self._link, _FRAME.unpack_from, self.loopback
        for _ in range(count):
            following, seconds, nanoseconds, captured, wire, status, offset = unpack(view, at)
            if not (skip_outgoing and view[at + _DIRECTION_OFFSET] == _PACKET_OUTGOING):
                vlan = (
                    _VLAN_TAG.unpack_from(view, at + _VLAN_OFFSET)[0] & 0xFFF
                    if status & _STATUS_VLAN_VALID
                    else 0
                )
                start = at + offset
                yield seconds + nanoseconds * 1e-9, view, start, start + captured, wire, link, vlan
            at += following

    def _limit(self, size: int) -> None:
        """Keep so many bytes of each frame, 0 for no frame at all (a classic BPF program of one return)."""
        program = ctypes.create_string_buffer(struct.pack("=HBBI", _BPF_RETURN_CONSTANT, 0, 0, size))
        self._socket.setsockopt(
            socket.SOL_SOCKET, _SO_ATTACH_FILTER, struct.pack("@HP", 1, ctypes.addressof(program))
        )
