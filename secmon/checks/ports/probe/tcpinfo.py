"""Ask the kernel what it knows of a TCP connection (TCP_INFO, linux/tcp.h)."""

from __future__ import annotations

import socket
import struct
from dataclasses import dataclass
from typing import Final

_SEGMENTS_OUT: Final = 136  # offset of tcpi_segs_out, Linux 4.2
_SEGMENTS_IN: Final = 140  # offset of tcpi_segs_in, Linux 4.2
_WINDOW: Final = 228  # offset of tcpi_snd_wnd, Linux 5.4
_SIZE: Final = 232
_NUMBER: Final = struct.Struct("=I")


@dataclass(frozen=True, slots=True)
class TcpInfo:
    """What the kernel tells.

    Attributes:
        segments: TCP segments that came in; None where the kernel is too old to tell.
        window: bytes that the peer is ready to take; None likewise.
        sent: TCP segments that went out, acknowledgements and repetitions too; None likewise.
    """

    segments: int | None
    window: int | None
    sent: int | None


def tcp_info(sock: socket.socket) -> TcpInfo:
    """Return what the kernel knows of a connection.

    Args:
        sock: a TCP socket, connected or refused.

    Raises:
        OSError: the kernel refuses to tell.
    """
    return parse(sock.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, _SIZE))


def parse(raw: bytes) -> TcpInfo:
    """Read struct tcp_info, which kernels only ever extend at its end."""
    return TcpInfo(_number(raw, _SEGMENTS_IN), _number(raw, _WINDOW), _number(raw, _SEGMENTS_OUT))


def _number(raw: bytes, offset: int) -> int | None:
    return _NUMBER.unpack_from(raw, offset)[0] if len(raw) >= offset + _NUMBER.size else None
