"""Remember the highest serial of each signed pack, so that an older one cannot come back.

The core writes the file when it takes a plan into use, whole or not at all; the configuration child reads it.
"""

from __future__ import annotations

import json
import os
from typing import TYPE_CHECKING, Final

from secmon.core.rule import Fault, Place

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

SERIALS: Final = "serials.json"
"""Name of the file in the state folder."""
SIZE_LIMIT: Final = 1_000_000


def key_of(kind: str, name: str) -> str:
    """Return what a pack is remembered by."""
    return f"{kind}/{name}"


def read_serials(data: bytes, file: str, faults: list[Fault]) -> dict[str, int]:
    """Read the file.

    Args:
        data: its bytes.
        file: its name in messages.
        faults: where it tells that the file is damaged.

    Returns:
        `kind/name` -> highest serial that was accepted.
    """
    try:
        serials = json.loads(data)
    except (ValueError, RecursionError):
        serials = None
    if isinstance(serials, dict) and all(type(serial) is int for serial in serials.values()):
        return serials
    advice = "remove it to begin anew: then a pack older than the last one is not noticed, once"
    faults.append(Fault(Place(file, 1, 1), "", "the highest serials cannot be read from it", advice))
    return {}


def write_serials(folder: Path, serials: Mapping[str, int]) -> None:
    """Write the file, for its owner only.

    Args:
        folder: the state folder.
        serials: `kind/name` -> highest serial that was accepted.

    Raises:
        OSError: it could not be written, and the one before stays.
    """
    aside = folder / f".{SERIALS}"
    flags = os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC | os.O_NOFOLLOW
    fd = os.open(aside, flags, 0o600)
    try:
        os.write(fd, json.dumps(serials, sort_keys=True).encode() + b"\n")
        os.fsync(fd)
    finally:
        os.close(fd)
    aside.replace(folder / SERIALS)
