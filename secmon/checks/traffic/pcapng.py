"""Decode the blocks of a pcapng file (draft-ietf-opsawg-pcapng)."""

from __future__ import annotations

import struct
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from secmon.checks.traffic.frames import MAX_CAPTURED, CaptureError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from secmon.checks.traffic.frames import Frame

MAGIC: Final = b"\x0a\x0d\x0d\x0a"
"""Type of a section header block, the same in both byte orders; a file begins with one."""

_BYTE_ORDERS: Final = {b"\x4d\x3c\x2b\x1a": "<", b"\x1a\x2b\x3c\x4d": ">"}
_INTERFACE, _OBSOLETE_PACKET, _SIMPLE_PACKET, _STATISTICS, _ENHANCED_PACKET = 1, 2, 3, 5, 6
_BODY_START: Final = 8
_FRAMING_BYTES: Final = 12
"""Type and length before a block's body, the length again after it."""
_MAX_BLOCK: Final = 16 * 1024 * 1024
"""Wireshark's own limit; the largest blocks are not packets but embedded secrets and names."""
_MAX_INTERFACES: Final = 4096
_MAX_STAMP: Final = 2.0**34
"""Unix seconds in the year 2514."""
_OPTION_END, _OPTION_TSRESOL, _OPTION_TSOFFSET, _OPTION_OSDROP, _OPTION_IFDROP = 0, 9, 14, 7, 5


@dataclass(frozen=True, slots=True)
class _Interface:
    link: int
    snaplen: int
    tick: float  # seconds
    offset: int  # seconds


class Blocks:
    """The blocks of a pcapng file, over all its sections.

    Attributes:
        at: bytes of the last data that belong to complete blocks.
        dropped: packets that the capturing program says it lost, None where no block says so.
    """

    def __init__(self) -> None:
        self.at = 0
        self._order = "<"
        self._interfaces: list[_Interface] = []
        self._drops: dict[tuple[int, int], int] = {}
        self._section = 0

    @property
    def dropped(self) -> int | None:
        """Return the packets that the capturing program says it lost, None where no block says so."""
        return sum(self._drops.values()) if self._drops else None

    def frames(self, data: bytes, base: int) -> Iterator[Frame]:
        """Yield the frames of the complete blocks in `data`.

        Args:
            data: bytes that begin at a block.
            base: offset of `data` in the file.

        Yields:
            Frames in file order.

        Raises:
            CaptureError: a block is damaged.
        """
        self.at = at = 0
        while at + _FRAMING_BYTES <= len(data):
            if data.startswith(MAGIC, at):
                self._begin_section(data, at, base)
            kind, length = struct.unpack_from(self._order + "II", data, at)
            if length < _FRAMING_BYTES or length % 4 or length > _MAX_BLOCK:
                raise CaptureError(base + at, f"a block of type {kind} says that it is {length} bytes long")
            end = at + length
            if end > len(data):
                break
            (again,) = struct.unpack_from(self._order + "I", data, end - 4)
            if again != length:
                raise CaptureError(base + end - 4, f"a block of {length} bytes ends with the length {again}")
            frame = self._block(kind, data, at + _BODY_START, end - 4, base)
            if frame:
                yield frame
            self.at = at = end

    def _begin_section(self, data: bytes, at: int, base: int) -> None:
        order = _BYTE_ORDERS.get(data[at + 8 : at + 12])
        if order is None:
            raise CaptureError(base + at + 8, f"the byte-order magic is {data[at + 8 : at + 12].hex(' ')}")
        self._order = order
        self._interfaces = []
        self._section += 1

    def _block(self, kind: int, data: bytes, start: int, end: int, base: int) -> Frame | None:
        if kind == _ENHANCED_PACKET:
            return self._packet("IIIII", data, start, end, base)
        if kind == _OBSOLETE_PACKET:
            return self._packet("HxxIIII", data, start, end, base)
        if kind == _SIMPLE_PACKET:
            return self._simple_packet(data, start, end, base)
        if kind == _INTERFACE:
            self._describe_interface(data, start, end, base)
        elif kind == _STATISTICS:
            self._count_drops(data, start, end, base)
        return None  # other blocks hold no packets; the standard says to skip them

    def _packet(self, layout: str, data: bytes, start: int, end: int, base: int) -> Frame:
        if end - start < 20:
            raise CaptureError(base + start, "a packet block is too short for its own fields")
        number, high, low, captured, wire = struct.unpack_from(self._order + layout, data, start)
        if captured > min(end - start - 20, MAX_CAPTURED):
            raise CaptureError(base + start + 12, f"a packet of {captured} bytes does not fit its block")
        interface = self._interface(number, base + start)
        stamp = (high << 32 | low) * interface.tick + interface.offset
        if not 0 <= stamp < _MAX_STAMP:
            raise CaptureError(base + start + 4, "a packet has a time stamp that is no time")
        return stamp, data, start + 20, start + 20 + captured, wire, interface.link, 0

    def _simple_packet(self, data: bytes, start: int, end: int, base: int) -> Frame:
        if end - start < 4:
            raise CaptureError(base + start, "a packet block is too short for its own fields")
        (wire,) = struct.unpack_from(self._order + "I", data, start)
        interface = self._interface(0, base + start)
        captured = min(wire, interface.snaplen or wire)
        if captured > min(end - start - 4, MAX_CAPTURED):
            raise CaptureError(base + start, f"a packet of {captured} bytes does not fit its block")
        return 0.0, data, start + 4, start + 4 + captured, wire, interface.link, 0

    def _interface(self, number: int, place: int) -> _Interface:
        if number >= len(self._interfaces):
            raise CaptureError(place, f"a packet names interface {number}, which nothing describes")
        return self._interfaces[number]

    def _describe_interface(self, data: bytes, start: int, end: int, base: int) -> None:
        if end - start < 8:
            raise CaptureError(base + start, "an interface description block is too short for its own fields")
        if len(self._interfaces) >= _MAX_INTERFACES:
            raise CaptureError(base + start, f"a section describes more than {_MAX_INTERFACES} interfaces")
        link, snaplen = struct.unpack_from(self._order + "HxxI", data, start)
        options = self._options(data, start + 8, end, base)
        resolution = options.get(_OPTION_TSRESOL, b"\x06")[:1] or b"\x06"
        exponent = resolution[0] & 0x7F
        tick = 2.0**-exponent if resolution[0] & 0x80 else 10.0**-exponent
        offset = options.get(_OPTION_TSOFFSET, b"")
        seconds = struct.unpack(self._order + "q", offset)[0] if len(offset) == 8 else 0
        self._interfaces.append(_Interface(link, snaplen, tick, seconds))

    def _count_drops(self, data: bytes, start: int, end: int, base: int) -> None:
        if end - start < 12:
            raise CaptureError(base + start, "an interface statistics block is too short for its own fields")
        (number,) = struct.unpack_from(self._order + "I", data, start)
        if number >= len(self._interfaces):
            raise CaptureError(base + start, f"statistics of interface {number}, which nothing describes")
        options = self._options(data, start + 12, end, base)
        counts = [
            options[code] for code in (_OPTION_IFDROP, _OPTION_OSDROP) if len(options.get(code, b"")) == 8
        ]
        if counts:  # a later block replaces an earlier one: they count from the start of the capture
            total = sum(struct.unpack(self._order + "Q", count)[0] for count in counts)
            self._drops[self._section, number] = total

    def _options(self, data: bytes, at: int, end: int, base: int) -> dict[int, bytes]:
        found: dict[int, bytes] = {}
        while at + 4 <= end:
            code, length = struct.unpack_from(self._order + "HH", data, at)
            if code == _OPTION_END:
                break
            if at + 4 + length > end:
                raise CaptureError(base + at, f"option {code} of {length} bytes does not fit its block")
            found[code] = data[at + 4 : at + 4 + length]
            at += 4 + (length + 3 & ~3)
        return found
