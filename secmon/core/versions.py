"""Order versions as their package managers do, by sort keys that plain `<` compares.

A key is bytes, so a sort, a bisection, `max` and the BLOB order of SQLite all give the distribution's
own order, and a version that is compared often is taken apart once.
"""

from __future__ import annotations

import re
from functools import lru_cache
from typing import Final

_RUNS: Final = re.compile(rb"([^0-9]*)([0-9]*)")
_ALLOWED: Final = re.compile(r"[A-Za-z0-9.+~:-]+", re.ASCII)
_EPOCH_LIMIT: Final = 2**31 - 1  # dpkg keeps it in an int

_TILDE: Final = 0x01
_RUN_END: Final = b"\x02"  # above a tilde, below every other character
_LETTERS: Final = 0x10
_OTHERS: Final = 0x50

_ZERO_THEN_TILDE: Final = b"\x00"
_ZERO_AT_END: Final = b"\x01"
_ZERO_THEN_OTHER: Final = b"\x02"
_ONE_DIGIT: Final = 0x03
_LONG: Final = 0xFF


def _rank(code: int) -> int:
    character = chr(code)
    if character == "~":
        return _TILDE
    return code - 0x41 + _LETTERS if character.isascii() and character.isalpha() else code % 0x80 + _OTHERS


_RANKS: Final = bytes(_rank(code) for code in range(256))


def dpkg_key(version: str) -> bytes:
    """Return the sort key of a Debian version: keys compare as dpkg compares the versions.

    Versions that dpkg holds equal (`1.0` and `0:1.00-0`) have the same key.

    Args:
        version: `[epoch:]upstream[-revision]`; as in dpkg's own database, the upstream part may begin
            with something other than a digit.

    Raises:
        ValueError: it is no version (Debian Policy 5.6.12, deb-version(7)).
    """
    if not _ALLOWED.fullmatch(version):
        raise ValueError(f"{version!r} is no Debian version: letters, digits and .+~:- are allowed")
    epoch, rest = version.split(":", 1) if ":" in version else ("0", version)
    if not epoch.isdigit() or len(epoch) > 20 or int(epoch) > _EPOCH_LIMIT:  # long ones: int() is quadratic
        raise ValueError(f"{version!r} is no Debian version: the epoch is no number below 2^31")
    upstream, hyphen, revision = rest.rpartition("-") if "-" in rest else (rest, "", "")
    if not upstream or (hyphen and not revision):
        raise ValueError(f"{version!r} is no Debian version: a part of it is empty")
    return _part_key(epoch) + _part_key(upstream) + _part_key(revision)


@lru_cache(maxsize=4096)  # parts recur: hardly any version has an epoch, most revisions are `1` or so
def _part_key(part: str) -> bytes:
    """Return the key of an epoch, an upstream version or a revision; no key is a prefix of another.

    A part is runs of non-digits and numbers in turn, and goes on for ever with empty runs and zeros. A
    run is the ranks of its characters and an end; a number is the count of its digits and the digits.
    A zero says what follows it, because it may equal the zeros after the end of a shorter part: the part
    that goes on with a tilde is then the smaller one (`1a0~` < `1a` = `1a0` < `1a0a`).
    """
    key: list[bytes] = []
    runs = _RUNS.findall(part.encode("ascii"))
    for index, (run, number) in enumerate(runs):
        digits = number.lstrip(b"0")
        key += (run.translate(_RANKS), _RUN_END)
        if digits:
            key += (_length(len(digits)), digits)
            continue
        following = runs[index + 1][0] if index + 1 < len(runs) else b""
        if not following:
            key.append(_ZERO_AT_END)
            break
        key.append(_ZERO_THEN_TILDE if following.startswith(b"~") else _ZERO_THEN_OTHER)
    return b"".join(key)


def _length(digits: int) -> bytes:
    code = _ONE_DIGIT - 1 + digits
    return bytes((code,)) if code < _LONG else bytes((_LONG,)) + digits.to_bytes(8, "big")
