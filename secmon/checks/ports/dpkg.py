"""Say which Debian package brought a file, from the file lists of dpkg."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Collection

_SUFFIX: Final = ".list"
_MERGED: Final = ("/bin/", "/sbin/", "/lib/", "/lib32/", "/lib64/", "/libx32/")


def spellings(path: str) -> tuple[bytes, ...]:
    """Return the lines that may name a file: packages older than the merged /usr still say /bin, /sbin, /lib.

    Args:
        path: absolute path, as the kernel tells it.
    """
    under = path.removeprefix("/usr")
    old = (under,) if under != path and under.startswith(_MERGED) else ()
    return tuple(name.encode("utf-8", "surrogateescape") + b"\n" for name in (path, *old))


def names_any(listing: bytes, lines: Collection[bytes]) -> bool:
    """Tell whether a file list has one of some lines.

    Args:
        listing: content of /var/lib/dpkg/info/PACKAGE.list.
        lines: from `spellings`.
    """
    return any(b"\n" + line in listing or listing.startswith(line) for line in lines)


def package_of(name: str) -> str | None:
    """Return the package that a file of /var/lib/dpkg/info lists the files of, None for another file.

    Args:
        name: such as `openssh-server.list` or `libc6:amd64.list`.
    """
    if not name.endswith(_SUFFIX):
        return None
    return name.removesuffix(_SUFFIX).partition(":")[0]
