"""Open packs of rules, waivers and overrides without reading them, and read them later without privilege."""

from __future__ import annotations

import hashlib
import resource
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

from secmon.core.contract import Unavailable
from secmon.core.manifest import MANIFEST, SIGNATURE, UNSIGNED_FILES, PackUse, digest_text
from secmon.core.rule import Fault, Place
from secmon.sources.files import open_regular, read_all
from secmon.sources.paths import FILE_LIMIT, TooManyFilesError, is_document, is_fingerprints, list_files
from secmon.sources.signatures import Content, Signed, check_pack
from secmon.sources.yaml import SIZE_LIMIT, Document, read

if TYPE_CHECKING:
    from collections.abc import Iterable

    from secmon.core.configuration import PathSetting
    from secmon.sources.signatures import Trust

TOTAL_LIMIT: Final = 20_000_000
"""Bytes of all files together."""
BUILTIN: Final = "builtin"
_SPARE_DESCRIPTORS: Final = 256


@dataclass(frozen=True, slots=True)
class OpenFile:
    """A file that is open and not read yet.

    Attributes:
        path: as messages show it.
        relative: inside its pack, "/" between folders.
        fd: its descriptor.
        document: it is read as YAML; other files only count for the digest.
    """

    path: str
    relative: str
    fd: int
    document: bool


@dataclass(frozen=True, slots=True)
class OpenPack:
    """A folder or a file whose files are open.

    Attributes:
        name: `builtin`, or the last part of its path.
        use: what it holds.
        setting: the path that names it, and where that stands.
        files: its files, sorted.
        own: it is the installation's own, which needs no signature.
    """

    name: str
    use: PackUse
    setting: PathSetting
    files: tuple[OpenFile, ...]
    own: bool = False


@dataclass(frozen=True, slots=True)
class ReadPack:
    """What a pack held.

    Attributes:
        name: as OpenPack has it, of a signed pack as its MANIFEST says.
        use: what it holds.
        documents: its YAML files; none where the pack is refused, for then they are not parsed.
        sha256: digest over all its files.
        signed: what its signature proves, None where none was verified.
        refused: why its signature does not hold, where signatures are asked for.
        own: it is the installation's own.
        fingerprints: path and bytes of its files of fingerprints, which are not parsed.
    """

    name: str
    use: PackUse
    documents: tuple[Document, ...]
    sha256: str
    signed: Signed | None = None
    refused: tuple[Fault, ...] = ()
    own: bool = False
    fingerprints: tuple[tuple[str, bytes], ...] = ()


def allow_open_files() -> None:
    """Raise the soft limit on descriptors, as far as the hard one lets, to what packs may need."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = FILE_LIMIT + _SPARE_DESCRIPTORS
    if soft < wanted:
        with suppress(ValueError, OSError):  # the system forbids it: opening fails with its own message
            resource.setrlimit(resource.RLIMIT_NOFILE, (min(wanted, hard), hard))


def open_pack(setting: PathSetting, use: PackUse, faults: list[Fault], *, builtin: str = "") -> OpenPack:
    """Open every file of a pack.

    Args:
        setting: its path.
        use: what it holds.
        faults: where it tells what cannot be opened.
        builtin: folder of the installation's own rules where the path is the word `builtin`.

    Returns:
        The pack with the files that could be opened.
    """
    path = builtin or setting.path
    name = BUILTIN if builtin else Path(path).name or path
    try:
        paths = list_files(path)
    except OSError as error:
        paths = []
        faults.append(Fault(setting.place, setting.key, f"{path} cannot be listed: {error.strerror}"))
    except TooManyFilesError as error:
        paths = []
        faults.append(Fault(setting.place, setting.key, f"{path} is not read: {error}", "split the folder"))
    opened: list[OpenFile] = []
    for file in paths:
        alone = file == path
        relative = Path(path).name if alone else Path(file).relative_to(path).as_posix()
        try:
            opened.append(OpenFile(file, relative, open_regular(file), alone or is_document(relative)))
        except Unavailable as error:
            place = setting.place if alone else Place(file, 1, 1)
            faults.append(Fault(place, setting.key, error.detail))
    return OpenPack(name, use, setting, tuple(opened), own=bool(builtin))


def read_packs(
    packs: Iterable[OpenPack],
    faults: list[Fault],
    trust: Trust | None = None,
    *,
    allow_unsigned: bool = False,
) -> list[ReadPack]:
    """Read and close every file of packs; what is verified is what is parsed, from one read.

    Args:
        packs: packs as open_pack returned them.
        faults: where it tells what cannot be read.
        trust: who may sign, None where packs need no signature.
        allow_unsigned: a pack whose signature does not hold is used all the same.

    Returns:
        What they held.
    """
    budget = TOTAL_LIMIT
    done: list[ReadPack] = []
    for pack in packs:
        contents = read_contents(pack, budget, faults)
        budget -= sum(len(data) for _, data in contents)
        done.append(_read_pack(pack, contents, trust, allow_unsigned=allow_unsigned))
    return done


def read_contents(pack: OpenPack, budget: int, faults: list[Fault]) -> list[tuple[OpenFile, bytes]]:
    """Read and close every file of a pack.

    Args:
        pack: as open_pack returned it.
        budget: most bytes that are read of all files together.
        faults: where it tells what cannot be read.

    Returns:
        The files that could be read, with their bytes.
    """
    contents: list[tuple[OpenFile, bytes]] = []
    for file in pack.files:
        try:
            data = read_all(file.fd, min(budget, SIZE_LIMIT) if file.document else budget, file.path)
        except Unavailable as error:
            faults.append(Fault(Place(file.path, 1, 1), "", error.detail, "split it"))
            continue
        budget -= len(data)
        contents.append((file, data))
    return contents


def _read_pack(
    pack: OpenPack, contents: list[tuple[OpenFile, bytes]], trust: Trust | None, *, allow_unsigned: bool
) -> ReadPack:
    content = describe(pack, contents)
    refused: list[Fault] = []
    signed = check_pack(content, trust, refused) if trust is not None and not pack.own else None
    documents: tuple[Document, ...] = ()
    if allow_unsigned or not refused:
        documents = tuple(read(data, file.path) for file, data in contents if file.document)
    return ReadPack(
        name=signed.manifest.name if signed else pack.name,
        use=pack.use,
        documents=documents,
        sha256=digest(digest_text(content.digests)),
        signed=signed,
        refused=tuple(refused),
        own=pack.own,
        fingerprints=tuple((file.path, data) for file, data in contents if is_fingerprints(file.relative)),
    )


def describe(pack: OpenPack, contents: Iterable[tuple[OpenFile, bytes]]) -> Content:
    """Return what a signature is held against.

    Args:
        pack: the pack.
        contents: its files, with the bytes that were read.
    """
    data = {file.relative: data for file, data in contents}
    return Content(
        folder=pack.setting.path.rstrip("/"),
        use=pack.use,
        digests={name: digest(data[name]) for name in data if name not in UNSIGNED_FILES},
        manifest=data.get(MANIFEST),
        signature=data.get(SIGNATURE),
    )


def digest(data: bytes) -> str:
    """Return the sha256 of a file's bytes, hexadecimal digits."""
    return hashlib.sha256(data).hexdigest()


def digest_lines(lines: Iterable[str]) -> str:
    """Return the sha256 over lines, sorted, each with a line end.

    Args:
        lines: `sha256  path` of each file of a pack.

    Returns:
        Hexadecimal digits.
    """
    text = "".join(f"{line}\n" for line in sorted(lines))
    return digest(text.encode("utf-8", "surrogateescape"))
