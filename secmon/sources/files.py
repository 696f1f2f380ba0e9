"""Open files safely: regular files only, never blocking, and inside a root wherever one is given.

Inside a root every link is resolved as a process that had called chroot(2) there would resolve it:
an absolute link starts at the root, `..` never leaves it. The kernel does that with openat2(2) and
RESOLVE_IN_ROOT; where that call is absent or refused (old kernels, seccomp filters of container
runtimes) the same walk is done here, component by component, on O_PATH descriptors.
"""

from __future__ import annotations

import ctypes
import errno
import os
import stat
from functools import cache, partial
from itertools import islice
from typing import TYPE_CHECKING, Final, Self

from secmon.core.contract import Unavailable
from secmon.core.model import Reason

if TYPE_CHECKING:
    from collections.abc import Callable

LINK_LIMIT: Final = 40
"""Links followed in one path, the kernel's own limit (path_resolution(7))."""

NAME_LIMIT: Final = 100_000
"""Names read from one folder."""

_READ: Final = os.O_RDONLY | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC
_LOOK: Final = os.O_PATH | os.O_CLOEXEC
_FOLDER: Final = os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC

_SYS_OPENAT2: Final = 437  # one number on every architecture that Debian supports
_RESOLVE_NO_MAGICLINKS: Final = 0x02
_RESOLVE_IN_ROOT: Final = 0x10
_NOT_THERE: Final = frozenset({errno.ENOSYS, errno.EPERM, errno.EINVAL, errno.EAGAIN})
"""Answers of openat2 that mean "ask in another way": absent, filtered, too old, raced by a rename."""

_KINDS: Final = (
    (stat.S_ISDIR, "a folder"),
    (stat.S_ISFIFO, "a FIFO"),
    (stat.S_ISSOCK, "a socket"),
    (stat.S_ISCHR, "a character device"),
    (stat.S_ISBLK, "a block device"),
    (stat.S_ISLNK, "a symbolic link"),
)


class Root:
    """A folder inside which everything is opened, whatever links it holds.

    Args:
        path: the folder; links in this path itself are followed as usual.
        in_kernel: try openat2 first; False always walks.

    Raises:
        Unavailable: the folder does not exist, is no folder, or may not be entered.
    """

    __slots__ = ("_fd", "_in_kernel", "path")

    def __init__(self, path: str, *, in_kernel: bool = True) -> None:
        self.path = path
        self._in_kernel = in_kernel
        try:
            self._fd = os.open(path, _LOOK | os.O_DIRECTORY)
        except NotADirectoryError as error:
            raise Unavailable(Reason.BAD_DATA, f"{path} is not a folder") from error
        except (OSError, ValueError) as error:
            raise _unavailable(path, error) from error

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Close the folder; descriptors that were opened inside it stay open."""
        os.close(self._fd)

    def shown(self, relative: str) -> str:
        """Return the path as a person would type it from outside the root."""
        return f"{self.path.rstrip('/')}/{relative.lstrip('/')}"

    def open(self, relative: str) -> int:
        """Open a regular file for reading.

        Args:
            relative: path inside the root; a leading slash is the root.

        Returns:
            A descriptor that the caller closes (`read_all` does).

        Raises:
            Unavailable: `no_data` where there is none, `permission`, `bad_data` where it is no regular file.
        """
        return _open_regular(self.shown(relative), partial(self._open, relative))

    def list(self, relative: str) -> list[str]:
        """Return the names in a folder, sorted.

        Args:
            relative: path inside the root.

        Raises:
            Unavailable: `no_data` where there is none, `permission`, `bad_data` where it is no folder,
                `resource_limit` past NAME_LIMIT names.
        """
        shown = self.shown(relative)
        try:
            fd = self._open(relative, _FOLDER)
            try:
                with os.scandir(fd) as entries:
                    names = sorted(entry.name for entry in islice(entries, NAME_LIMIT + 1))
            finally:
                os.close(fd)
        except NotADirectoryError as error:
            raise Unavailable(Reason.BAD_DATA, f"{shown} is not a folder") from error
        except (OSError, ValueError) as error:
            raise _unavailable(shown, error) from error
        if len(names) > NAME_LIMIT:
            raise Unavailable(Reason.RESOURCE_LIMIT, f"{shown} holds more than {NAME_LIMIT} names")
        return names

    def stat_exists(self, relative: str) -> bool:
        """Say whether a path leads to anything inside the root; what it is does not matter.

        Args:
            relative: path inside the root.

        Raises:
            Unavailable: it cannot be told (`permission`, a loop of links).
        """
        try:
            os.close(self._open(relative, _LOOK))
        except (FileNotFoundError, NotADirectoryError):
            return False
        except (OSError, ValueError) as error:
            raise _unavailable(self.shown(relative), error) from error
        return True

    def _open(self, relative: str, flags: int) -> int:
        if self._in_kernel:
            try:
                return _openat2(self._fd, relative, flags)
            except OSError as error:
                if error.errno not in _NOT_THERE:
                    raise
        return _walk(self._fd, relative, flags)


def open_regular(path: str) -> int:
    """Open a regular file for reading, following links as usual.

    Args:
        path: any path of this host.

    Returns:
        A descriptor that the caller closes (`read_all` does).

    Raises:
        Unavailable: `no_data` where there is none, `permission`, `bad_data` where it is no regular file.
    """
    return _open_regular(path, partial(os.open, path))


def read_all(fd: int, limit: int, name: str = "the file") -> bytes:
    """Read a file to its end and close it.

    Args:
        fd: an open descriptor; closed in any case.
        limit: most bytes that are read.
        name: the path, for the message.

    Raises:
        Unavailable: `resource_limit` where it is longer, `bad_data` where it cannot be read.
    """
    chunks: list[bytes] = []
    total = 0
    try:
        expected = os.fstat(fd).st_size + 1  # one more: the read that proves the end
        while chunk := os.read(fd, min(max(expected - total, 65536), limit + 1 - total)):
            chunks.append(chunk)
            total += len(chunk)
            if total > limit:
                raise Unavailable(Reason.RESOURCE_LIMIT, f"{name} is larger than {limit} bytes")
    except OSError as error:
        raise _unavailable(name, error) from error
    finally:
        os.close(fd)
    return chunks[0] if len(chunks) == 1 else b"".join(chunks)


def _open_regular(shown: str, opener: Callable[[int], int]) -> int:
    """Open what is a regular file; it is looked at first, since opening a device can already do something."""
    try:
        look = opener(_LOOK)
        try:
            _refuse_irregular(shown, look)
        finally:
            os.close(look)
        fd = opener(_READ)
    except (OSError, ValueError) as error:
        raise _unavailable(shown, error) from error
    try:
        _refuse_irregular(shown, fd)  # again: it may have been exchanged in between
    except Unavailable:
        os.close(fd)
        raise
    return fd


def _refuse_irregular(shown: str, fd: int) -> None:
    mode = os.fstat(fd).st_mode
    if stat.S_ISREG(mode):
        return
    kind = next((words for is_kind, words in _KINDS if is_kind(mode)), "something else")
    raise Unavailable(Reason.BAD_DATA, f"{shown} is {kind}, not a regular file")


def _unavailable(shown: str, error: OSError | ValueError) -> Unavailable:
    """Say in our words why a path could not be opened; a ValueError is a NUL in the path."""
    number = error.errno if isinstance(error, OSError) else errno.EINVAL
    if number in (errno.ENOENT, errno.ENOTDIR):
        return Unavailable(Reason.NO_DATA, f"{shown} does not exist")
    if number in (errno.EACCES, errno.EPERM):
        return Unavailable(Reason.PERMISSION, f"{shown} may not be read by this user; run secmon as root")
    if number == errno.ELOOP:
        return Unavailable(Reason.BAD_DATA, f"{shown} goes through too many symbolic links")
    if number in (errno.EMFILE, errno.ENFILE, errno.ENOMEM):
        return Unavailable(Reason.RESOURCE_LIMIT, f"{shown}: {os.strerror(number)}")
    return Unavailable(Reason.BAD_DATA, f"{shown}: {os.strerror(number or errno.EINVAL)}")


class _OpenHow(ctypes.Structure):
    """struct open_how of openat2(2)."""

    _fields_ = (("flags", ctypes.c_uint64), ("mode", ctypes.c_uint64), ("resolve", ctypes.c_uint64))


@cache
def _libc() -> ctypes.CDLL:
    return ctypes.CDLL(None, use_errno=True)


def _openat2(root: int, relative: str, flags: int) -> int:
    path = os.fsencode(relative)
    if b"\0" in path:
        raise ValueError("embedded null byte")  # C would take the part before it
    how = _OpenHow(flags=flags, mode=0, resolve=_RESOLVE_IN_ROOT | _RESOLVE_NO_MAGICLINKS)
    fd: int = _libc().syscall(
        ctypes.c_long(_SYS_OPENAT2),
        ctypes.c_int(root),
        ctypes.c_char_p(path or b"."),
        ctypes.byref(how),
        ctypes.c_size_t(ctypes.sizeof(how)),
    )
    if fd < 0:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number), relative)
    return fd


def _walk(root: int, relative: str, flags: int) -> int:
    """Do in user space what RESOLVE_IN_ROOT does.

    Every step is one openat(2) of one name without following links, so what is renamed meanwhile can
    change where the walk ends, but never lead it out of the root.
    """
    folders = [os.dup(root)]  # from the root down to where the walk stands, for `..`
    try:
        return _walk_from(folders, _components(relative), flags)
    finally:
        for fd in folders:
            os.close(fd)


def _walk_from(folders: list[int], names: list[str], flags: int) -> int:
    links = 0
    while names:
        name = names.pop()
        if name == ".":
            continue
        if name == "..":
            if len(folders) > 1:
                os.close(folders.pop())
            continue
        fd = os.open(name, _LOOK | os.O_NOFOLLOW, dir_fd=folders[-1])
        mode = os.fstat(fd).st_mode
        if stat.S_ISDIR(mode):
            folders.append(fd)
            continue
        os.close(fd)
        if stat.S_ISLNK(mode):
            links += 1
            if links > LINK_LIMIT:
                raise OSError(errno.ELOOP, os.strerror(errno.ELOOP), name)
            names.extend(_follow(folders, name))
        elif names:
            raise NotADirectoryError(errno.ENOTDIR, os.strerror(errno.ENOTDIR), name)
        else:
            return os.open(name, flags | os.O_NOFOLLOW, dir_fd=folders[-1])
    return os.open(".", flags, dir_fd=folders[-1])


def _follow(folders: list[int], name: str) -> list[str]:
    """Return the components of a link's target; an absolute one takes the walk back to the root."""
    target = os.readlink(name, dir_fd=folders[-1])
    if target.startswith("/"):
        while len(folders) > 1:
            os.close(folders.pop())
    return _components(target)


def _components(path: str) -> list[str]:
    """Return the names of a path, the next to take last; a slash at the end wants a folder, as `.` does."""
    names = [name for name in path.split("/") if name]
    return ["."] * path.endswith("/") + names[::-1]
