"""Find and open the certificate files below a folder, within limits."""

from __future__ import annotations

import os
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Final

from secmon.core.contract import Unavailable
from secmon.core.model import Reason
from secmon.sources.files import Root, open_regular

if TYPE_CHECKING:
    from collections.abc import Iterable

FILES_LIMIT: Final = 1_000
"""Files that are opened for one target."""

DEPTH_LIMIT: Final = 8
"""Folders below the first that are entered."""

_ENTRIES_LIMIT: Final = 20_000

_SUFFIXES: Final = (".pem", ".crt", ".cer", ".cert")

_SYSTEM_STORE: Final = frozenset(
    {
        "/etc/pki/tls/cert.pem",
        "/etc/pki/tls/certs/ca-bundle.crt",
        "/etc/pki/tls/certs/ca-bundle.trust.crt",
        "/etc/ssl/ca-bundle.pem",
        "/etc/ssl/cert.pem",
        "/etc/ssl/certs",
    }
)
"""The system's own roots: not certificates of this host's services."""


@dataclass(frozen=True, slots=True)
class Found:
    """What a target's files are.

    Attributes:
        files: path as shown and descriptor of each, in order.
        failures: what could not be opened or listed, and why.
        named: the target is one file, so that a file without certificates is a fault.
    """

    files: tuple[tuple[str, int], ...]
    failures: tuple[Unavailable, ...]
    named: bool = False


def find_host_files(folders: Iterable[str]) -> Found:
    """Open the certificate files below folders of this host, links followed as usual.

    Args:
        folders: absolute paths; those that do not exist are left out.
    """
    walk = _Walk()
    with Root("/") as root:
        for folder in folders:
            if Path(folder).is_dir():
                walk.enter(root, folder)
    return walk.found()


def find_named_files(path: str) -> Found:
    """Open the one file or the certificate files below the one folder that a person named.

    Below a folder no link leads out of it: one that would is a failure.

    Args:
        path: as typed.
    """
    if not Path(path).is_dir():
        try:
            return Found(((path, open_regular(path)),), (), named=True)
        except Unavailable as error:
            return Found((), (error,), named=True)
    walk = _Walk()
    try:
        with Root(path) as root:
            walk.enter(root, "")
    except Unavailable as error:
        walk.failures.append(error)
    return walk.found()


class _Walk:
    """One walk through one or more folders."""

    def __init__(self) -> None:
        self.failures: list[Unavailable] = []
        self._files: list[tuple[str, int]] = []
        self._entries = 0
        self._full = False

    def found(self) -> Found:
        """Return what was opened so far."""
        return Found(tuple(self._files), tuple(self.failures))

    def enter(self, root: Root, folder: str, depth: int = 0) -> None:
        """Walk a folder inside a root, names in order."""
        if depth > DEPTH_LIMIT:
            self._fail(Reason.RESOURCE_LIMIT, f"{root.shown(folder)} lies too deep; name it as a target.")
            return
        for entry in self._list(root.shown(folder)):
            path = f"{folder}/{entry.name}"
            if root.shown(path) in _SYSTEM_STORE:
                continue
            if entry.is_dir(follow_symlinks=False):
                self.enter(root, path, depth + 1)
            elif entry.name.endswith(_SUFFIXES):
                self._open(root, path, is_link=entry.is_symlink())

    def _list(self, folder: str) -> list[os.DirEntry[str]]:
        """Return the entries of a folder; what a race makes of them is caught where they are opened."""
        if self._entries > _ENTRIES_LIMIT:
            return []
        try:
            with os.scandir(folder) as entries:
                listed = sorted(islice(entries, _ENTRIES_LIMIT + 1), key=lambda entry: entry.name)
        except PermissionError:
            self._fail(Reason.PERMISSION, f"{folder} may not be listed by this user; run secmon as root.")
            return []
        except OSError as error:
            self._fail(Reason.BAD_DATA, f"{folder} cannot be listed: {error.strerror}.")
            return []
        self._entries += len(listed)
        if self._entries > _ENTRIES_LIMIT:
            self._fail(Reason.RESOURCE_LIMIT, f"{folder}: more than {_ENTRIES_LIMIT} entries were met.")
            return []
        return listed

    def _open(self, root: Root, path: str, *, is_link: bool) -> None:
        shown = root.shown(path)
        if len(self._files) == FILES_LIMIT:
            if not self._full:
                self._fail(Reason.RESOURCE_LIMIT, f"{shown}: more than {FILES_LIMIT} certificate files.")
            self._full = True
            return
        try:
            self._files.append((shown, root.open(path)))
        except Unavailable as error:
            if is_link and error.reason is Reason.NO_DATA:
                detail = f"{shown} is a link that leads nowhere inside the folder; name its target."
                self._fail(Reason.NOT_ALLOWED, detail)
            else:
                self.failures.append(error)

    def _fail(self, reason: Reason, detail: str) -> None:
        self.failures.append(Unavailable(reason, detail))
