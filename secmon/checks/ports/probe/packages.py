"""Find the packages that brought executables."""

from __future__ import annotations

import contextlib
import os
import pathlib
from typing import Final

from secmon.checks.ports import dpkg
from secmon.core.contract import Unavailable
from secmon.core.model import Reason
from secmon.sources.files import Root, read_all

_LISTS: Final = "/var/lib/dpkg/info"
_REPLACED: Final = " (deleted)"
_LIMIT: Final = 16 * 1024 * 1024  # bytes of one file list; the largest on Debian has 2 MB


class Packages:
    """Knows the packages of the executables that it was asked for; reads the file lists only for new ones."""

    def __init__(self) -> None:
        try:
            self._lists: Root | None = Root(_LISTS)
        except Unavailable:
            self._lists = None
        self._known: dict[tuple[str, int, int], str | Reason | None] = {}

    def of_process(self, pid: int, executable: str) -> str | Reason | None:
        """Return the package of what a process runs.

        Args:
            pid: id of the process.
            executable: its path, as the process sees it.

        Returns:
            Name of the package; None where none of this host has that file, as in a container; or a Reason:
            `unsupported` without a dpkg database, `no_data` where the process has just ended.
        """
        if self._lists is None:
            return Reason.UNSUPPORTED
        try:
            link = os.readlink(f"/proc/{pid}/exe")  # noqa: PTH115  # the text of the link, not a path
            running = os.stat(f"/proc/{pid}/exe")  # noqa: PTH116  # of procfs
            # An update has put another file in the place of one that still runs: the package is the same.
            here = running if link.endswith(_REPLACED) else os.stat(executable)  # noqa: PTH116
        except PermissionError:
            return Reason.PERMISSION
        except FileNotFoundError:
            return None if pathlib.Path(f"/proc/{pid}").exists() else Reason.NO_DATA
        except OSError:
            return Reason.NO_DATA
        if (running.st_dev, running.st_ino) != (here.st_dev, here.st_ino):
            return None
        key = (executable, here.st_dev, here.st_ino)
        if key not in self._known:
            self._known[key] = self._search(self._lists, executable)
        return self._known[key]

    @staticmethod
    def _search(lists: Root, executable: str) -> str | Reason | None:
        lines = dpkg.spellings(executable)
        try:
            for name in lists.list("."):
                package = dpkg.package_of(name)
                if package is None:
                    continue
                with contextlib.suppress(Unavailable):  # removed meanwhile
                    if dpkg.names_any(read_all(lists.open(name), _LIMIT, name), lines):
                        return package
        except Unavailable as error:
            return error.reason
        return None
