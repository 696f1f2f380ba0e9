"""Cut deb822 data (dpkg status, Packages and Release files) into stanzas and take single fields from them.

Nothing is built for a stanza: an index of 50 MB holds 64,000 of them, of which a host has a few hundred
installed. A caller looks at the one field that decides and drops the rest.
"""

from __future__ import annotations

import re
from functools import cache
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

STANZA_LIMIT: Final = 4 << 20
"""Bytes of one stanza; the longest in Debian's archive, a kernel's, is under 0.1 MB."""


def stanzas(chunks: Iterable[bytes]) -> Iterator[bytes]:
    """Yield stanza by stanza (Debian Policy 5.1); at most one chunk and one stanza are held.

    Args:
        chunks: the data in pieces of any size.

    Raises:
        ValueError: a stanza is longer than STANZA_LIMIT.
    """
    carry = b""
    for chunk in chunks:
        data = carry + chunk
        end = data.rfind(b"\n\n")
        if end >= 0:
            yield from data[:end].split(b"\n\n")
        carry = data[end + 2 :] if end >= 0 else data
        if len(carry) > STANZA_LIMIT:
            raise ValueError(f"a stanza is longer than {STANZA_LIMIT} bytes")
    yield carry


def first_field(stanza: bytes, name: bytes) -> bytes:
    """Return a field that almost always comes first in its stanza, b"" where there is none.

    Args:
        stanza: one stanza.
        name: name of the field.
    """
    start = len(name) + 2
    if stanza[:start] != name + b": ":
        return field(stanza, name)
    end = stanza.find(b"\n", start)
    return stanza[start : end if end >= 0 else None].strip()


def field(stanza: bytes, name: bytes) -> bytes:
    """Return the first line of a field, b"" where there is none.

    Args:
        stanza: one stanza.
        name: name of the field; case does not matter, as Policy 5.1 has it.
    """
    start = stanza.find(b"\n" + name + b": ")
    if start < 0:  # the first field of the stanza, or one that is spelt in an unusual way
        found = _pattern(name).search(stanza)
        return found[1].strip() if found else b""
    start += len(name) + 3
    end = stanza.find(b"\n", start)
    return stanza[start : end if end >= 0 else None].strip()


@cache
def _pattern(name: bytes) -> re.Pattern[bytes]:
    return re.compile(rb"^" + re.escape(name) + rb":([^\n]*)", re.IGNORECASE | re.MULTILINE)
