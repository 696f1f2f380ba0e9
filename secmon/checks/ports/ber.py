"""Write and read elements of the Basic Encoding Rules (ITU-T X.690 8.1) as SNMP and LDAP need them."""

from __future__ import annotations

from typing import Final

INTEGER: Final = 0x02
OCTET_STRING: Final = 0x04
NULL: Final = 0x05
OBJECT_IDENTIFIER: Final = 0x06
SEQUENCE: Final = 0x30

_LONG: Final = 0x80  # of a length: the low bits say how many bytes hold it
_LENGTH_BYTES: Final = 4


def element(tag: int, *parts: bytes) -> bytes:
    """Return an element.

    Args:
        tag: identifier octet.
        parts: its content, at most 127 bytes in all.
    """
    content = b"".join(parts)
    return bytes((tag, len(content))) + content


def integer(value: int) -> bytes:
    """Return an INTEGER that is not negative."""
    return element(INTEGER, value.to_bytes(value.bit_length() // 8 + 1))


def read(data: bytes) -> tuple[int, bytes, bytes]:
    """Read the first element of some bytes.

    Args:
        data: from outside; may be cut off.

    Returns:
        Tag, content (of an element that is cut off what is there) and what follows; 0 and nothing where there
        is no element.
    """
    if len(data) < 2:
        return 0, b"", b""
    tag, length, start = data[0], data[1], 2
    if length & _LONG:
        start += min(length & ~_LONG, _LENGTH_BYTES)
        length = int.from_bytes(data[2:start])
    return tag, data[start : start + length], data[start + length :]
