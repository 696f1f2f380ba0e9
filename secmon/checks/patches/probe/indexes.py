"""Read the indexes that apt keeps, decompressed piece by piece, with limits."""

from __future__ import annotations

import ctypes
import os
import zlib
from bz2 import BZ2File
from gzip import GzipFile
from lzma import LZMAError, LZMAFile
from typing import TYPE_CHECKING, Final

from secmon.core.contract import Unavailable
from secmon.core.model import Reason

if TYPE_CHECKING:
    from collections.abc import Iterator
    from io import FileIO

INDEX_LIMIT: Final = 512 << 20
"""Decompressed bytes of one index; Debian's main is 50 MB."""

_PIECE: Final = 256 << 10
_LZ4F_VERSION: Final = 100


def load_lz4() -> ctypes.CDLL | None:
    """Return liblz4, None where it is not installed.

    apt itself is linked with it, so it is there wherever apt wrote such a file.
    """
    try:
        library = ctypes.CDLL("liblz4.so.1")
    except OSError:
        return None
    library.LZ4F_decompress.restype = ctypes.c_size_t
    library.LZ4F_isError.argtypes = (ctypes.c_size_t,)
    library.LZ4F_freeDecompressionContext.argtypes = (ctypes.c_void_p,)
    return library


def read_pieces(fd: int, name: str, compression: str, lz4: ctypes.CDLL | None) -> Iterator[bytes]:
    """Yield a file piece by piece, decompressed, and close it at the end.

    Args:
        fd: the open file.
        name: its path, for messages.
        compression: its file name extension, "" where it is plain.
        lz4: as `load_lz4` gives it.

    Raises:
        Unavailable: `unsupported` compression, `bad_data`, `resource_limit` past INDEX_LIMIT.
    """
    total = 0
    try:
        for piece in _decompressed(fd, name, compression, lz4):
            total += len(piece)
            if total > INDEX_LIMIT:
                raise Unavailable(Reason.RESOURCE_LIMIT, f"{name} is larger than {INDEX_LIMIT} bytes")
            yield piece
    except (OSError, EOFError, zlib.error, LZMAError) as error:
        raise Unavailable(Reason.BAD_DATA, f"{name} is damaged ({error}); run apt-get update") from error
    except MemoryError as error:
        raise Unavailable(Reason.RESOURCE_LIMIT, f"{name} asks for too much memory to decompress") from error


def _decompressed(fd: int, name: str, compression: str, lz4: ctypes.CDLL | None) -> Iterator[bytes]:
    with open(fd, "rb", buffering=0) as raw:
        if compression == "lz4" and lz4 is not None:
            yield from _lz4_pieces(raw.fileno(), lz4)
            return
        with _open_file(raw, name, compression) as file:
            while piece := file.read(_PIECE):
                yield piece


def _open_file(raw: FileIO, name: str, compression: str) -> FileIO | GzipFile | LZMAFile | BZ2File:
    match compression:
        case "":
            return raw
        case "gz":
            return GzipFile(fileobj=raw)
        case "xz" | "lzma":
            return LZMAFile(raw)
        case "bz2":
            return BZ2File(raw)
        case "lz4":
            lacking = "liblz4.so.1 is not installed"
        case _:
            lacking = "secmon does not know this compression"
    raise Unavailable(Reason.UNSUPPORTED, f"{name} cannot be read: {lacking}")


def _lz4_pieces(fd: int, lz4: ctypes.CDLL) -> Iterator[bytes]:
    """Yield the content of an LZ4 frame (lz4 Frame Format 1.6) through LZ4F_decompress.

    Raises:
        EOFError: the frame ends early.
        OSError: it is no frame.
    """
    context = ctypes.c_void_p()
    if lz4.LZ4F_isError(lz4.LZ4F_createDecompressionContext(ctypes.byref(context), _LZ4F_VERSION)):
        raise MemoryError
    buffer = ctypes.create_string_buffer(4 * _PIECE)
    hint = 1  # bytes that the frame still wants; 0 at its end
    try:
        while data := os.read(fd, _PIECE):
            written = len(buffer)
            while data or written == len(buffer):
                hint, taken, written = _lz4_step(lz4, context, buffer, data)
                data = data[taken:]
                if written:
                    yield ctypes.string_at(buffer, written)
                elif not taken:
                    break
    finally:
        lz4.LZ4F_freeDecompressionContext(context)
    if hint:
        raise EOFError("it ends early")


def _lz4_step(
    lz4: ctypes.CDLL, context: ctypes.c_void_p, buffer: ctypes.Array[ctypes.c_char], data: bytes
) -> tuple[int, int, int]:
    """Return what the frame still wants, the bytes taken from data, and those written to the buffer."""
    taken, written = ctypes.c_size_t(len(data)), ctypes.c_size_t(len(buffer))
    hint: int = lz4.LZ4F_decompress(context, buffer, ctypes.byref(written), data, ctypes.byref(taken), None)
    if lz4.LZ4F_isError(hint):
        raise OSError("no LZ4 frame")
    return hint, taken.value, written.value
