"""Decode capture files, pcap and pcapng, fed in pieces of any size; every byte is accounted for.

Formats: draft-ietf-opsawg-pcap, draft-ietf-opsawg-pcapng. Hostile input: nothing but `CaptureError` is
raised.
"""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING, Final, Protocol

from secmon.checks.traffic import pcapng
from secmon.checks.traffic.frames import MAX_CAPTURED, CaptureError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from secmon.checks.traffic.frames import Frame

_FILE_HEADER_BYTES: Final = 24
_RECORD_HEADER_BYTES: Final = 16
_MAGICS: Final = {
    b"\xd4\xc3\xb2\xa1": ("<", 1e-6),
    b"\xa1\xb2\xc3\xd4": (">", 1e-6),
    b"\x4d\x3c\xb2\xa1": ("<", 1e-9),
    b"\xa1\xb2\x3c\x4d": (">", 1e-9),
}
_FOREIGN: Final = {
    b"\x1f\x8b": "gzip-compressed; unpack it first",
    b"\xfd7zX": "xz-compressed; unpack it first",
    b"(\xb5/\xfd": "zstd-compressed; unpack it first",
    b"PK": "a ZIP archive; unpack it first",
    b"\x34\xcd\xb2\xa1": "a pcap of the old `modified` kind; convert it with editcap -F pcapng",
    b"\xa1\xb2\xcd\x34": "a pcap of the old `modified` kind; convert it with editcap -F pcapng",
    b"snoop": "a snoop capture; convert it with editcap -F pcapng",
}


class _Decoder(Protocol):
    at: int  # bytes of the last data that were decoded

    @property
    def dropped(self) -> int | None: ...

    def frames(self, data: bytes, base: int) -> Iterator[Frame]: ...


class Reader:
    """One capture file, decoded as its pieces arrive.

    Attributes:
        fed: bytes that were fed.
        accounted: bytes that belong to complete records or headers.
    """

    def __init__(self) -> None:
        self.fed = 0
        self.accounted = 0
        self._rest = b""
        self._decoder: _Decoder | None = None

    @property
    def dropped(self) -> int | None:
        """Return the packets that the capturing program says it lost, None where the file does not say."""
        return self._decoder.dropped if self._decoder else None

    def feed(self, piece: bytes) -> Iterator[Frame]:
        """Yield the frames that a piece completes; the iterator has to be exhausted before the next piece.

        Args:
            piece: the next bytes of the file.

        Yields:
            Frames in file order.

        Raises:
            CaptureError: the file is not a capture or is damaged here; frames before that place were yielded.
        """
        self.fed += len(piece)
        data = self._rest + piece if self._rest else piece
        self._rest = data
        if self._decoder is None:
            self._decoder = _recognise(data)
            if self._decoder is None:
                return
        yield from self._decoder.frames(data, self.accounted)
        self._rest = data[self._decoder.at :]
        self.accounted += self._decoder.at

    def finish(self) -> None:
        """Say that the file has ended.

        Raises:
            CaptureError: it ended within a record or a header, or holds nothing.
        """
        if not self.fed:
            raise CaptureError(0, "the file is empty")
        if self._rest:
            raise CaptureError(
                self.accounted,
                f"the file ends within a record: {len(self._rest)} bytes are left of it",
            )


def _recognise(data: bytes) -> _Decoder | None:
    """Return the decoder for a file that begins so, None where more bytes are needed."""
    if len(data) < len(pcapng.MAGIC):
        return None
    if data.startswith(pcapng.MAGIC):
        return pcapng.Blocks()
    for magic, meaning in _FOREIGN.items():
        if data.startswith(magic):
            raise CaptureError(0, f"the file is {meaning}")
    if data[:4] not in _MAGICS:
        raise CaptureError(0, f"not a pcap or pcapng file: it begins with {data[:4].hex(' ')}")
    return _Records(data) if len(data) >= _FILE_HEADER_BYTES else None


class _Records:
    """The records of a classic pcap file."""

    dropped: int | None = None  # the format has no place for it

    def __init__(self, data: bytes) -> None:
        order, self._resolution = _MAGICS[data[:4]]
        major, minor, self._snaplen, link = struct.unpack_from(order + "HH8xII", data, 4)
        if major != 2:
            raise CaptureError(4, f"pcap version {major}.{minor} is not known: 2.4 is wanted")
        self._link = link & 0xFFFF  # the upper bits tell of frame check sequences
        self._header = struct.Struct(order + "IIII")
        self.at = 0
        self._skip = _FILE_HEADER_BYTES

    def frames(self, data: bytes, base: int) -> Iterator[Frame]:
        unpack, resolution, link = self._header.unpack_from, self._resolution, self._link
        at, size = self._skip, len(data)
        self._skip = 0
        self.at = at
        while at + _RECORD_HEADER_BYTES <= size:
            seconds, fraction, captured, wire = unpack(data, at)
            if captured > MAX_CAPTURED:
                raise CaptureError(
                    base + at, f"a record says that it holds {captured} bytes; {MAX_CAPTURED} is the most"
                )
            start = at + _RECORD_HEADER_BYTES
            end = start + captured
            if end > size:
                break
            yield seconds + fraction * resolution, data, start, end, wire, link, 0
            self.at = at = end
