"""Open and read fingerprints: the installation's own, an operator's, and folders of recog."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Final

from secmon.checks.ports.probe import recog
from secmon.core.contract import Unavailable
from secmon.core.fingerprintfiles import load_fingerprints
from secmon.core.model import Reason
from secmon.sources import paths, yaml
from secmon.sources.files import open_regular, read_all

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from secmon.checks.ports.probe.matcher import Knows
    from secmon.core.fingerprint import Fingerprint

_RECOG_FILE_LIMIT: Final = 4_000_000  # bytes; the largest file of 2026 has 0.6 MB
_TOTAL_LIMIT: Final = 40_000_000


@dataclass(frozen=True, slots=True)
class Shelf:
    """Files that are open and not read yet, each a path and a descriptor.

    Attributes:
        own: in our format, an operator's before the installation's.
        recog: in that of recog.
    """

    own: tuple[tuple[str, int], ...] = ()
    recog: tuple[tuple[str, int], ...] = ()


@dataclass(slots=True)
class Library:
    """Fingerprints that were read.

    Attributes:
        own: in our format, by the text that they look at.
        recog: files of recog, whose content is read when it is first needed.
        notes: what a person should know of them.
    """

    own: dict[str, list[Fingerprint]]
    recog: recog.Folder
    notes: list[str] = field(default_factory=list)

    def known(self, text: str) -> Iterable[Knows]:
        """Return the fingerprints for a text, ours first."""
        yield from self.own.get(text, ())
        yield from self.recog.known(text, self.notes)


def open_shelf(own: Sequence[str], recog_folders: Sequence[str]) -> Shelf:
    """Open every file of fingerprints.

    Args:
        own: an operator's files and folders in our format.
        recog_folders: folders of recog.

    Returns:
        The files, those of the installation included.

    Raises:
        Unavailable: one cannot be opened; nothing is identified by half of what was asked for.
    """
    builtin = str(Path(paths.builtin_rules()) / paths.FINGERPRINTS)
    return Shelf(
        tuple(item for path in (*own, builtin) for item in _open(path, (".yml", ".yaml"))),
        tuple(item for path in recog_folders for item in _open(path, (".xml",))),
    )


def _open(path: str, suffixes: tuple[str, ...]) -> Iterable[tuple[str, int]]:
    try:
        files = paths.list_files(path)
    except (OSError, paths.TooManyFilesError) as error:
        why = error.strerror if isinstance(error, OSError) else str(error)
        raise Unavailable(Reason.NO_DATA, f"The fingerprints {path} cannot be listed: {why}.") from error
    wanted = [file for file in files if file == path or file.endswith(suffixes)]
    if not wanted:
        raise Unavailable(Reason.NO_DATA, f"{path} holds no fingerprints ({' or '.join(suffixes)}).")
    for file in wanted:
        yield file, open_regular(file)


def read_shelf(shelf: Shelf) -> Library:
    """Read our fingerprints, and the bytes of those of recog.

    Raises:
        Unavailable: a file cannot be read, or has a fault, which is told with its place.
    """
    documents = [yaml.read(read_all(fd, yaml.SIZE_LIMIT, path), path) for path, fd in shelf.own]
    fingerprints, faults = load_fingerprints([(document.file, document.value) for document in documents])
    faults = [fault for document in documents for fault in document.faults] + faults
    if faults:
        more = f" and {len(faults) - 1} more faults" if len(faults) > 1 else ""
        advice = "`secmon rules check` tells all"
        raise Unavailable(Reason.BAD_DATA, f"The fingerprints cannot be used: {faults[0]}{more}; {advice}.")
    own: dict[str, list[Fingerprint]] = {}
    for fingerprint in fingerprints:
        own.setdefault(fingerprint.text, []).append(fingerprint)
    budget, files = _TOTAL_LIMIT, []
    for path, fd in shelf.recog:
        data = read_all(fd, min(budget, _RECOG_FILE_LIMIT), path)
        budget -= len(data)
        files.append((path, data))
    return Library(own, recog.Folder(files))
