"""Open everything that the look at one root needs, without reading a byte of it."""

from __future__ import annotations

import os
import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final, TypeVar

from secmon.checks.patches.archive import find_indexes
from secmon.checks.patches.eol import DISTRO_INFO
from secmon.core.contract import Unavailable
from secmon.core.model import Form, Reason
from secmon.sources.files import Root, read_all

if TYPE_CHECKING:
    import ctypes
    from collections.abc import Callable, Iterable

    from secmon.core.contract import Task
    from secmon.core.model import Target

STATUS: Final = "var/lib/dpkg/status"
LISTS: Final = "var/lib/apt/lists"
LIST_LIMIT: Final = 500
"""Files of apt's lists that are opened; a host with twenty archives of three components has 80."""

_CONFIG_NAME: Final = re.compile(r"[A-Za-z0-9_.-]+")
_CONFIG_LIMIT: Final = 100
_TIMER: Final = "apt-daily-upgrade.timer"
_UNITS: Final = "etc/systemd/system"

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Opened:
    """One file that is open, or why it is not.

    Attributes:
        path: as a person would type it.
        fd: its descriptor, or why there is none.
    """

    path: str
    fd: int | Unavailable

    def descriptor(self) -> int:
        """Return the descriptor.

        Raises:
            Unavailable: it could not be opened.
        """
        if isinstance(self.fd, Unavailable):
            raise self.fd
        return self.fd

    def parse(self, parser: Callable[[bytes], T], limit: int) -> T:
        """Read the file to its end and parse it.

        Args:
            parser: takes the bytes; a ValueError says what is wrong with them.
            limit: most bytes that are read.

        Raises:
            Unavailable: it could not be opened or read, is too large, or does not parse.
        """
        data = read_all(self.descriptor(), limit, self.path)
        try:
            return parser(data)
        except ValueError as error:
            raise Unavailable(Reason.BAD_DATA, f"{self.path} cannot be understood: {error}") from error


@dataclass(frozen=True, slots=True)
class RootHandles:
    """One root.

    Attributes:
        target: the target that it is.
        status: dpkg's database.
        os_release: its distribution.
        distro_info: distribution -> its table of end-of-life days, where installed.
        lists: the indexes and Release files of apt, by name.
        lists_failure: why the lists could not be listed.
        preferences: apt's preferences in its order.
        apt_conf: apt's configuration in its order.
        upgrade_timer: systemd starts apt's daily upgrade.
        upgrade_job: cron has apt's daily job.
        reboot_flag: a package asked for a reboot.
    """

    target: Target
    status: Opened
    os_release: Opened | None = None
    distro_info: dict[str, Opened] = field(default_factory=dict)
    lists: dict[str, Opened] = field(default_factory=dict)
    lists_failure: Unavailable | None = None
    preferences: tuple[Opened, ...] = ()
    apt_conf: tuple[Opened, ...] = ()
    upgrade_timer: bool = False
    upgrade_job: bool = False
    reboot_flag: bool = False


@dataclass(frozen=True, slots=True)
class Handles:
    """What `observe` works with.

    Attributes:
        task: the task.
        roots: one for each target.
        lz4: liblz4, None where it is not installed.
        libc: the C library.
    """

    task: Task
    roots: tuple[RootHandles, ...]
    lz4: ctypes.CDLL | None
    libc: ctypes.CDLL


def open_target(target: Target) -> RootHandles:
    """Open what there is in the root of a target.

    Args:
        target: of form LOCAL or ROOT.
    """
    path = "/" if target.form is Form.LOCAL else str(target.options["path"])
    try:
        root = Root(path)
    except Unavailable as why:
        return RootHandles(target, Opened(path, why))
    with root:
        return _open_root(target, root)


def _open_root(target: Target, root: Root) -> RootHandles:
    status = _open(root, STATUS)
    if _absent(status):
        detail = f"no dpkg database at {status.path}; only Debian and Ubuntu roots are understood"
        return RootHandles(target, Opened(status.path, Unavailable(Reason.UNSUPPORTED, detail)))
    lists, lists_failure = _open_lists(root)
    return RootHandles(
        target=target,
        status=status,
        os_release=_first(root, ("etc/os-release", "usr/lib/os-release")),
        distro_info={os_id: _open(root, path) for os_id, (path, _) in DISTRO_INFO.items()},
        lists=lists,
        lists_failure=lists_failure,
        preferences=_open_config(root, "etc/apt/preferences.d", ".pref", first="etc/apt/preferences"),
        apt_conf=_open_config(root, "etc/apt/apt.conf.d", ".conf", last="etc/apt/apt.conf"),
        upgrade_timer=_timer_runs(root),
        upgrade_job=_exists(root, "etc/cron.daily/apt-compat"),
        reboot_flag=target.form is Form.LOCAL and _exists(root, "run/reboot-required"),
    )


def _open(root: Root, relative: str) -> Opened:
    try:
        return Opened(root.shown(relative), root.open(relative))
    except Unavailable as why:
        return Opened(root.shown(relative), why)


def _first(root: Root, relatives: Iterable[str]) -> Opened | None:
    """Return the first of several files that is there; one that is there but cannot be opened counts."""
    return next((opened for relative in relatives if not _absent(opened := _open(root, relative))), None)


def _absent(opened: Opened) -> bool:
    return isinstance(opened.fd, Unavailable) and opened.fd.reason is Reason.NO_DATA


def _exists(root: Root, relative: str) -> bool:
    try:
        return root.stat_exists(relative)
    except Unavailable:
        return False


def _names(root: Root, relative: str) -> list[str]:
    try:
        return root.list(relative)
    except Unavailable as why:
        if why.reason is Reason.NO_DATA:
            return []
        raise


def _open_lists(root: Root) -> tuple[dict[str, Opened], Unavailable | None]:
    try:
        indexes = find_indexes(_names(root, LISTS))
    except Unavailable as why:
        return {}, why
    wanted = sorted({index.name for index in indexes} | {index.release for index in indexes if index.release})
    if len(wanted) > LIST_LIMIT:
        detail = f"{root.shown(LISTS)} holds more than {LIST_LIMIT} indexes; run apt-get update to clean it"
        return {}, Unavailable(Reason.RESOURCE_LIMIT, detail)
    return {name: _open(root, f"{LISTS}/{name}") for name in wanted}, None


def _open_config(
    root: Root, folder: str, suffix: str, *, first: str = "", last: str = ""
) -> tuple[Opened, ...]:
    """Open configuration in apt's order: of a folder only names that run-parts likes, with suffix or none."""
    try:
        names = [name for name in _names(root, folder) if _CONFIG_NAME.fullmatch(name)]
    except Unavailable as why:
        return (Opened(root.shown(folder), why),)
    parts = [f"{folder}/{name}" for name in names if name.endswith(suffix) or "." not in name]
    if len(parts) > _CONFIG_LIMIT:
        detail = f"{root.shown(folder)} holds more than {_CONFIG_LIMIT} files"
        return (Opened(root.shown(folder), Unavailable(Reason.RESOURCE_LIMIT, detail)),)
    opened = (_open(root, relative) for relative in (first, *parts, last) if relative)
    return tuple(item for item in opened if not _absent(item))


def _timer_runs(root: Root) -> bool:
    """Say whether systemd starts apt's daily upgrade: the timer is enabled and not masked."""
    try:
        wanted = _TIMER in _names(root, f"{_UNITS}/timers.target.wants")
        if wanted and _TIMER in _names(root, _UNITS):
            os.close(root.open(f"{_UNITS}/{_TIMER}"))  # /dev/null is no regular file
    except Unavailable:
        return False
    return wanted
