"""Read the database of installed packages, var/lib/dpkg/status."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from secmon.checks.patches.deb822 import field, first_field, stanzas
from secmon.core.texts import cut

if TYPE_CHECKING:
    from collections.abc import Iterable

_ABSENT: Final = frozenset({b"not-installed", b"config-files"})
"""States without a version on disk; apt too counts every other one as installed."""


@dataclass(frozen=True, slots=True)
class Package:
    """One installed package.

    Attributes:
        name: its name.
        architecture: as dpkg spells it, `all` where it fits any.
        version: as dpkg spells it.
        held: a person asked dpkg to keep it as it is.
        configured: it is whole: unpacked and configured.
    """

    name: str
    architecture: str
    version: str
    held: bool = False
    configured: bool = True


@dataclass(frozen=True, slots=True)
class Installed:
    """The packages of one host.

    Attributes:
        packages: in the order of the file.
        native: architecture of dpkg itself, "" where dpkg is not among its packages.
    """

    packages: tuple[Package, ...]
    native: str

    def key(self, name: str, architecture: str) -> tuple[str, str]:
        """Return what one package is told by: `all` belongs to the native architecture, as in apt."""
        return (name, self.native if architecture == "all" else architecture)

    def label(self, package: Package) -> str:
        """Return the name as apt prints it, with the architecture where that is a foreign one."""
        foreign = package.architecture not in ("all", self.native)
        return f"{package.name}:{package.architecture}" if foreign else package.name

    def find(self, name: str) -> Package | None:
        """Return the native package of that name, None where it is not installed."""
        wanted = (name, self.native)
        return next(
            (item for item in self.packages if self.key(item.name, item.architecture) == wanted), None
        )


def parse_status(chunks: Iterable[bytes]) -> Installed:
    """Read a status file (dpkg(1), "Package states").

    Args:
        chunks: the file in pieces.

    Returns:
        What is installed; packages of which only configuration is left are not.

    Raises:
        ValueError: it is no status file.
    """
    packages: list[Package] = []
    native = ""
    for stanza in stanzas(chunks):
        package = _parse_package(stanza)
        if package is None:
            continue
        packages.append(package)
        if package.name == "dpkg" and not native:
            native = package.architecture
    if not packages:
        raise ValueError("it names no installed package")
    return Installed(tuple(packages), native)


def _parse_package(stanza: bytes) -> Package | None:
    name = first_field(stanza, b"Package")
    version = field(stanza, b"Version")
    status = field(stanza, b"Status").split()  # what is wanted, whether it must be reinstalled, its state
    if not name or not version or len(status) != 3 or status[2] in _ABSENT:
        return None
    return Package(
        _text(name),
        _text(field(stanza, b"Architecture")),
        _text(version),
        held=status[0] == b"hold",
        configured=status[2] == b"installed",
    )


def _text(value: bytes) -> str:
    return cut(value.decode("ascii", "replace"))
