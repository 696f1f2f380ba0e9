"""Read secmon.yml with the privileges that there are, and say whose host this is."""

from __future__ import annotations

import contextlib
import os
import socket
import stat
from typing import TYPE_CHECKING, Any, Final

from secmon.core.contract import Unavailable
from secmon.core.hosts import Own
from secmon.core.rule import Fault, Place
from secmon.core.settings import read_settings
from secmon.sources import packs, yaml
from secmon.sources.files import open_regular, read_all
from secmon.sources.net import own_addresses

if TYPE_CHECKING:
    from secmon.core.configuration import Configuration
    from secmon.core.contract import Registry

DEFAULTS: Final = "built-in defaults"
"""What stands for the path where there is no file."""


def find_own() -> Own:
    """Return what this host is called."""
    addresses: frozenset[str] = frozenset()
    with contextlib.suppress(Unavailable):  # then only loopback and names are known to be this host
        addresses = own_addresses()
    return Own(socket.gethostname(), addresses)


def read_configuration(
    path: str, registry: Registry, own: Own, faults: list[Fault]
) -> tuple[Configuration, str]:
    """Read secmon.yml.

    Args:
        path: where it is, "" for the built-in defaults.
        registry: the checks that exist.
        own: what this host is called.
        faults: where it tells what is wrong with the file.

    Returns:
        What it says, with defaults for what could not be read; and its digest, "" where there is none.
    """
    document, sha256 = _read_document(path, faults) if path else (None, "")
    configuration, found = read_settings(document, path or DEFAULTS, registry, own)
    faults += found
    return configuration, sha256


def _read_document(path: str, faults: list[Fault]) -> tuple[Any, str]:
    """Return the document of a file, None where it cannot be read, and its digest."""
    top = Place(path, 1, 1)
    try:
        fd = open_regular(path)
        mode = os.fstat(fd).st_mode
        data = read_all(fd, yaml.SIZE_LIMIT, path)
    except Unavailable as error:
        faults.append(Fault(top, "", error.detail, "`secmon config init` writes an example"))
        return None, ""
    if mode & stat.S_IWOTH:
        faults.append(Fault(top, "", "everybody may write this file", f"chmod o-w {path}"))
        return None, ""
    document = yaml.read(data, path)
    faults.extend(document.faults)
    return document.value, packs.digest(data)
