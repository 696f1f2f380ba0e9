"""Find the files of an installation: configuration, rules, state."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Mapping

CONFIGURATION: Final = "/etc/secmon/secmon.yml"
FILE_LIMIT: Final = 2000
"""Files of a folder of rules."""
FOLDER_DEPTH: Final = 8

_PACKAGE: Final = Path(__file__).resolve().parent.parent
_SUFFIXES: Final = (".yml", ".yaml")
FINGERPRINTS: Final = "fingerprints"
"""A folder of rules/ that holds data of another kind (docs/fingerprints.md)."""


class TooManyFilesError(Exception):
    """A folder holds more files than are read."""


def find_configuration(typed: str, environment: Mapping[str, str]) -> str:
    """Return the path of secmon.yml.

    Args:
        typed: `-c`, "" where absent.
        environment: `SECMON_CONFIG` may name it.

    Returns:
        The path that somebody named, else the usual one where there is a file, else "" for the built-in
        defaults.
    """
    named = typed or environment.get("SECMON_CONFIG", "")
    return named or (CONFIGURATION if Path(CONFIGURATION).exists() else "")


def builtin_rules() -> str:
    """Return the folder of the installation's own rules: beside secmon/ in a checkout, else in the wheel."""
    checkout = _PACKAGE.parent / "rules"
    return str(checkout if (checkout / "profiles").is_dir() else _PACKAGE / "_data" / "rules")


def state_folder(configured: str, environment: Mapping[str, str], *, root: bool) -> str:
    """Return the folder of the store.

    Args:
        configured: `state_dir`, "" where absent.
        environment: `STATE_DIRECTORY` (systemd.exec(5): may list several), `XDG_STATE_HOME`, `HOME`.
        root: this process runs as root.

    Returns:
        An absolute path; nothing is made.
    """
    if configured:
        return configured
    given = environment.get("STATE_DIRECTORY", "").partition(":")[0]
    if given:
        return given
    if root:
        return "/var/lib/secmon"
    home = environment.get("XDG_STATE_HOME", "")
    if not home.startswith("/"):  # XDG base directory specification: relative ones are ignored
        home = str(Path(environment.get("HOME", "") or "/tmp") / ".local" / "state")  # noqa: S108  # no better place
    return str(Path(home) / "secmon")


def list_files(path: str) -> list[str]:
    """Return the files of a folder and its sub-folders, or the path itself where it is no folder.

    Args:
        path: a folder or a file.

    Returns:
        Paths, sorted; hidden files and folders are left out.

    Raises:
        OSError: a folder cannot be listed.
        TooManyFilesError: there are more than FILE_LIMIT, or folders inside each other without end.
    """
    if not Path(path).is_dir():
        return [path]
    found: list[str] = []
    for folder, folders, files in os.walk(path, onerror=_raise):
        depth = len(Path(folder).relative_to(path).parts)
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        found.extend(str(Path(folder) / name) for name in files if not name.startswith("."))
        if len(found) > FILE_LIMIT or depth > FOLDER_DEPTH:
            raise TooManyFilesError(
                f"it holds more than {FILE_LIMIT} files, or {FOLDER_DEPTH} folders in a row"
            )
    return sorted(found)


def is_document(relative: str) -> bool:
    """Return whether a file of a pack is YAML that is read; the others only count for the pack's digest.

    Args:
        relative: its path inside the pack.

    Returns:
        False for fingerprints, which are data of another kind.
    """
    return relative.endswith(_SUFFIXES) and FINGERPRINTS not in Path(relative).parts


def is_fingerprints(relative: str) -> bool:
    """Return whether a file of a pack holds fingerprints, which `secmon rules check` reads as well.

    Args:
        relative: its path inside the pack.
    """
    return relative.endswith(_SUFFIXES) and FINGERPRINTS in Path(relative).parts


def _raise(error: OSError) -> None:
    raise error
