"""Write and read the MANIFEST of a pack: what it is called, how long it holds, and the digest of every file.

A MANIFEST has one spelling only, seven lines and a list that `sha256sum --check` reads::

    secmon-pack/1
    name: province-rules
    kind: rules
    serial: 7
    created: 2026-11-23
    expires: 2027-11-23

    2c26b46b68ffc68ff99b453c1d30413413422d706483bfa0f98a5e886266e7ae  ports/site.yml

The list is sorted by whole lines, so its sha256 is the digest of the pack.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Literal, get_args

from secmon.core.cursor import show
from secmon.core.nearest import suggest
from secmon.core.quantities import day_end, day_start, parse_day
from secmon.core.rule import Fault, Place

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from datetime import date

PackUse = Literal["rules", "waivers", "overrides"]

MANIFEST: Final = "MANIFEST"
SIGNATURE: Final = "MANIFEST.sig"
UNSIGNED_FILES: Final = (MANIFEST, SIGNATURE)
"""Files of a pack that its digest leaves out."""
SIZE_LIMIT: Final = 1_000_000
"""Bytes of a MANIFEST."""
NAMESPACES: Final[Mapping[PackUse, str]] = {
    "rules": "secmon-rules",
    "overrides": "secmon-rules",
    "waivers": "secmon-waivers",
}
"""What a pack is signed for. Overrides are parameters of rules; the kind in the MANIFEST tells them apart."""
RESERVED_NAME: Final = "builtin"
"""Name of the installation's own pack, which no other may take."""

_FIRST: Final = "secmon-pack/1"
_KEYS: Final = ("name", "kind", "serial", "created", "expires")
_NAME: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,62}\Z")
_SERIAL: Final = re.compile(r"[1-9][0-9]{0,14}\Z")
_ENTRY: Final = re.compile(r"(?P<sha256>[0-9a-f]{64})  (?P<path>[^\x00-\x1f\x7f\\]+)\Z")
_LIST_STARTS: Final = len(_KEYS) + 3


@dataclass(frozen=True, slots=True)
class Manifest:
    """What a MANIFEST says.

    Attributes:
        name: of the pack, the same through all its versions.
        kind: what the pack holds.
        serial: higher in each version, from 1.
        created: day on which it was made.
        expires: last day on which it is accepted.
        files: path inside the pack -> sha256 of its bytes, hexadecimal digits.
    """

    name: str
    kind: PackUse
    serial: int
    created: date
    expires: date
    files: Mapping[str, str]


def digest_text(files: Mapping[str, str]) -> bytes:
    """Return the bytes whose sha256 is the digest of a pack: the sorted lines `sha256  path`.

    Args:
        files: path -> sha256.
    """
    lines = sorted(f"{sha256}  {path}\n" for path, sha256 in files.items())
    return "".join(lines).encode("utf-8", "surrogateescape")


def make_manifest(manifest: Manifest) -> bytes:
    """Return the one spelling of a MANIFEST.

    Args:
        manifest: what it says.

    Raises:
        ValueError: it cannot be said in a MANIFEST; the text says what would be right.
    """
    head = "\n".join((_FIRST, *(f"{key}: {getattr(manifest, key)}" for key in _KEYS), "", ""))
    data = head.encode() + digest_text(manifest.files)
    faults: list[Fault] = []
    if read_manifest(data, MANIFEST, faults) is None:
        raise ValueError("; ".join(f"{fault.message}; {fault.advice}" for fault in faults))
    return data


def read_manifest(data: bytes, file: str, faults: list[Fault]) -> Manifest | None:
    """Read a MANIFEST.

    Args:
        data: its bytes.
        file: its name in messages.
        faults: where it tells what is wrong.

    Returns:
        What it says, None after a fault.
    """
    try:
        lines = data.decode("utf-8").split("\n")
    except UnicodeDecodeError:
        faults.append(Fault(Place(file, 1, 1), "", "it is not UTF-8", "sign the pack again"))
        return None
    before = len(faults)
    values = _read_head(lines, file, faults)
    files = _read_files(lines, file, faults) if len(faults) == before else {}
    if len(faults) > before:
        return None
    return Manifest(
        name=values["name"],
        kind=next(kind for kind in get_args(PackUse) if kind == values["kind"]),
        serial=int(values["serial"]),
        created=parse_day(values["created"]),
        expires=parse_day(values["expires"]),
        files=files,
    )


def _read_head(lines: list[str], file: str, faults: list[Fault]) -> dict[str, str]:
    values: dict[str, str] = {}
    if lines[0] != _FIRST:
        message = f"its first line is {show(lines[0])}"
        faults.append(Fault(Place(file, 1, 1), "", message, f"this version of secmon reads {_FIRST}"))
        return values
    for number, key in enumerate(_KEYS, 2):
        line = lines[number - 1] if number <= len(lines) else ""
        place = Place(file, number, 1)
        if not line.startswith(f"{key}: "):
            faults.append(Fault(place, key, f"{show(line)} stands here", f"the line {key}: ... is wanted"))
            return values
        values[key] = line.removeprefix(f"{key}: ")
        wrong = _refuse_value(key, values[key])
        if wrong:
            faults.append(Fault(Place(file, number, len(key) + 3), key, *wrong))
    return values


def _refuse_value(key: str, text: str) -> tuple[str, str] | None:
    """Say what is wrong with a value and what would be right."""
    wanted = ""
    if key == "name" and text == RESERVED_NAME:
        return f"{text} is the installation's own pack", "choose another name"
    if key == "name" and not _NAME.match(text):
        wanted = "at most 63 letters, digits and .-_"
    elif key == "kind" and text not in get_args(PackUse):
        wanted = suggest(text, get_args(PackUse))
    elif key == "serial" and not _SERIAL.match(text):
        wanted = "a whole number from 1, of at most 15 digits"
    elif key in {"created", "expires"}:
        wanted = _refuse_day(text)
    return (f"{show(text)} is wrong here", wanted) if wanted else None


def _refuse_day(text: str) -> str:
    try:
        parse_day(text)
    except ValueError as error:
        return str(error)
    return ""


def _read_files(lines: list[str], file: str, faults: list[Fault]) -> dict[str, str]:
    files: dict[str, str] = {}
    *listed, last = lines[_LIST_STARTS - 1 :] or [""]
    if len(lines) < _LIST_STARTS or lines[_LIST_STARTS - 2] or last:
        message = "an empty line before the list of files, and a line end behind it, are wanted"
        faults.append(Fault(Place(file, min(len(lines), _LIST_STARTS), 1), "", message))
        return files
    for number, line in enumerate(listed, _LIST_STARTS):
        entry = _ENTRY.match(line)
        if entry is None or entry["path"] in files or entry["path"] in UNSIGNED_FILES:
            wanted = (
                "SHA256, two blanks, and the path of a file, each once; no backslash or control character"
            )
            faults.append(Fault(Place(file, number, 1), "", "it is no entry of the list", wanted))
            return files
        files[entry["path"]] = entry["sha256"]
    if listed != sorted(listed):
        faults.append(Fault(Place(file, _LIST_STARTS, 1), "", "the list is not sorted by its lines"))
    return files


def compare_files(manifest: Manifest, found: Mapping[str, str], folder: str) -> Iterable[Fault]:
    """Tell of every file that is not as it was signed.

    Args:
        manifest: what was signed.
        found: path inside the pack -> sha256, of all files that are there.
        folder: the pack, for messages.

    Returns:
        A fault for each file that was altered, added or removed.
    """
    for path in sorted(found.keys() | manifest.files.keys()):
        place = Place(f"{folder}/{path}", 1, 1)
        if path not in manifest.files:
            yield Fault(place, "", "the file was added after the pack was signed", "remove it, or sign again")
        elif path not in found:
            yield Fault(place, "", "the file was removed after the pack was signed", "copy the pack again")
        elif found[path] != manifest.files[path]:
            message = (
                f"the file was altered after the pack was signed: its sha256 is {found[path]}, "
                f"and {manifest.files[path]} was signed"
            )
            yield Fault(place, "", message, "copy the pack again, or sign again")


def check_hour(manifest: Manifest, file: str, now: float) -> Iterable[Fault]:
    """Tell of a pack that is no longer, or not yet, accepted.

    Args:
        manifest: what was signed.
        file: its name in messages.
        now: Unix seconds.

    Returns:
        At most one fault.
    """
    if now >= day_end(manifest.expires):
        message = f"the pack has expired: {manifest.expires} was its last day"
        yield Fault(_place(file, "expires"), "expires", message, "get a newer one")
    elif now < day_start(manifest.created):
        message = f"the pack was made on {manifest.created}, and that day has not come"
        yield Fault(_place(file, "created"), "created", message, "is this host's clock right?")


def check_serial(manifest: Manifest, file: str, highest: int) -> Iterable[Fault]:
    """Tell of a pack that is older than one that was accepted before.

    Args:
        manifest: what was signed.
        file: its name in messages.
        highest: highest serial that was accepted, 0 for none.

    Returns:
        At most one fault.
    """
    if manifest.serial < highest:
        message = f"the pack is older than one that was accepted: {manifest.serial}, after {highest}"
        yield Fault(_place(file, "serial"), "serial", message, f"get serial {highest} or a later one")


def check_kind(manifest: Manifest, file: str, use: PackUse) -> Iterable[Fault]:
    """Tell of a pack that stands where another kind is read.

    Args:
        manifest: what was signed.
        file: its name in messages.
        use: what is read there.

    Returns:
        At most one fault.
    """
    if manifest.kind != use:
        message = f"it is a pack of {manifest.kind}, and {use} are read here"
        yield Fault(_place(file, "kind"), "kind", message, f"name it under rules.{_setting(manifest.kind)}")


def _setting(kind: PackUse) -> str:
    return "paths" if kind == "rules" else kind


def _place(file: str, key: str) -> Place:
    return Place(file, _KEYS.index(key) + 2, len(key) + 3)
