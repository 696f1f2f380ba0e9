"""Take privileges away: capabilities, user, limits (capabilities(7), prctl(2), setrlimit(2))."""

from __future__ import annotations

import ctypes
import errno
import os
import resource
import signal
import struct
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Final, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterable

    from secmon.core.contract import Capability

NOBODY: Final = 65534
"""The user and group that a child becomes where secmon was started as root."""

OPEN_FILES: Final = 4096
"""Descriptors that a child may hold."""

TOOL_PROCESSES: Final = 64
"""Processes that a child may start beside those that its user already has, where it may start any."""

# include/uapi/linux/prctl.h
_PR_SET_PDEATHSIG: Final = 1
_PR_SET_DUMPABLE: Final = 4
_PR_SET_KEEPCAPS: Final = 8
_PR_SET_NAME: Final = 15
_PR_CAPBSET_DROP: Final = 24
_PR_SET_CHILD_SUBREAPER: Final = 36
_PR_SET_NO_NEW_PRIVS: Final = 38
_PR_CAP_AMBIENT: Final = 47
_PR_CAP_AMBIENT_CLEAR_ALL: Final = 4

# include/uapi/linux/capability.h
_CAPABILITY_VERSION_3: Final = 0x20080522
_CAPABILITY_BITS: Final = 64
_KILL: Final = 1 << 5
_SETGID: Final = 1 << 6
_SETUID: Final = 1 << 7
_SETPCAP: Final = 1 << 8
_MASKS: Final[dict[Capability, int]] = {
    "DAC_READ_SEARCH": 1 << 2,
    "NET_ADMIN": 1 << 12,
    "NET_RAW": 1 << 13,
    "SYS_PTRACE": 1 << 19,
}


@dataclass(frozen=True, slots=True)
class Limits:
    """What a child keeps after it has given up its privileges.

    Attributes:
        keep: capabilities that stay, where it has them.
        memory_mib: address space beyond what the process has at the start, MiB.
        cpu_seconds: CPU time; None for no limit.
        processes: it may start a few programs.
    """

    keep: tuple[Capability, ...] = ()
    memory_mib: int = 512
    cpu_seconds: int | None = 60
    processes: bool = False


class Capabilities(NamedTuple):
    """The three sets of a thread, as bit masks."""

    effective: int
    permitted: int
    inheritable: int


@cache
def _libc() -> ctypes.CDLL:
    library = ctypes.CDLL(None, use_errno=True)
    library.prctl.argtypes = (ctypes.c_int, *[ctypes.c_ulong] * 4)
    return library


def _check(result: int, what: str) -> None:
    if result != 0:
        number = ctypes.get_errno()
        raise OSError(number, f"{what}: {os.strerror(number)}")


def _prctl(option: int, value: int = 0) -> None:
    _check(_libc().prctl(option, value, 0, 0, 0), f"prctl({option})")


def set_name(name: str) -> None:
    """Set the name that `ps` and `top` show for this process; 15 bytes are kept."""
    buffer = ctypes.create_string_buffer(name.encode("ascii", "replace")[:15])
    _prctl(_PR_SET_NAME, ctypes.addressof(buffer))


def become_subreaper() -> None:
    """Become the parent of every orphan among this process' descendants."""
    _prctl(_PR_SET_CHILD_SUBREAPER, 1)


def set_not_dumpable() -> None:
    """Forbid core files, and ptrace and /proc/PID/{mem,fd,environ} to others without CAP_SYS_PTRACE.

    A change of user or capabilities undoes it: do it last.
    """
    _prctl(_PR_SET_DUMPABLE, 0)


def die_with_parent(parent: int) -> None:
    """Ask for SIGKILL when the parent ends; a change of user undoes it.

    Args:
        parent: pid of the process that forked this one.

    Raises:
        ProcessLookupError: the parent has already ended.
    """
    _prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != parent:
        raise ProcessLookupError(errno.ESRCH, "the parent process has ended")


def mask(names: Iterable[Capability]) -> int:
    """Return the bit mask of named capabilities."""
    bits = 0
    for name in names:
        bits |= _MASKS[name]
    return bits


def capabilities() -> Capabilities:
    """Return the capability sets of the calling thread."""
    header = ctypes.create_string_buffer(struct.pack("=Ii", _CAPABILITY_VERSION_3, 0))
    data = ctypes.create_string_buffer(24)
    _check(_libc().capget(header, data), "capget")
    low_high = struct.unpack_from("=6I", data)
    effective, permitted, inheritable = (low_high[i] | low_high[i + 3] << 32 for i in range(3))
    return Capabilities(effective, permitted, inheritable)


def set_capabilities(effective: int, permitted: int) -> None:
    """Set the effective and permitted sets of the calling thread, and empty the inheritable one."""
    header = ctypes.create_string_buffer(struct.pack("=Ii", _CAPABILITY_VERSION_3, 0))
    low = 0xFFFFFFFF
    words = (effective & low, permitted & low, 0, effective >> 32, permitted >> 32, 0)
    data = ctypes.create_string_buffer(struct.pack("=6I", *words))
    _check(_libc().capset(header, data), "capset")


def narrow(acquire_with: Iterable[Capability], observe_with: Iterable[Capability]) -> None:
    """Leave effective only what acquiring needs; `drop` ends what this begins.

    As root, DAC_READ_SEARCH stays as well until the drop: the checkout itself may lie in a folder that only
    another user may enter, and acquiring imports from it.

    Args:
        acquire_with: capabilities that `acquire` may use.
        observe_with: capabilities that `observe` will keep.
    """
    permitted = capabilities().permitted
    effective = mask(acquire_with)
    later = mask(observe_with) | _SETPCAP
    if os.geteuid() == 0:
        effective |= _MASKS["DAC_READ_SEARCH"]
        later |= _SETUID | _SETGID | _KILL
    set_capabilities(effective & permitted, (effective | later) & permitted)


def drop(limits: Limits) -> None:
    """Give up everything but what the limits keep, for ever.

    Root becomes nobody. Parent-death signal and dumpable flag are the caller's to set afterwards.

    Args:
        limits: what stays.

    Raises:
        OSError: something could not be given up; the caller must not go on.
    """
    permitted = capabilities().permitted
    set_capabilities(permitted, permitted)
    _check(_libc().prctl(_PR_CAP_AMBIENT, _PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0), "prctl(PR_CAP_AMBIENT)")
    if permitted & _SETPCAP:
        _empty_bounding_set()
    if os.geteuid() == 0:
        _become_nobody(permitted)
    keep = mask(limits.keep) & permitted
    set_capabilities(keep, keep)
    _prctl(_PR_SET_NO_NEW_PRIVS, 1)
    _set_limits(limits)
    if capabilities() != (keep, keep, 0) or 0 in os.getresuid():
        raise PermissionError(errno.EPERM, "privileges could not be given up")


def _empty_bounding_set() -> None:
    for number in range(_CAPABILITY_BITS):
        if _libc().prctl(_PR_CAPBSET_DROP, number, 0, 0, 0) != 0:
            return  # EINVAL: past the kernel's last capability


def _become_nobody(permitted: int) -> None:
    if permitted & (needed := _SETUID | _SETGID | _KILL) != needed:
        # Without CAP_KILL, root's spawner could not end a child of another user at its deadline.
        raise PermissionError(errno.EPERM, "root without CAP_SETUID, CAP_SETGID and CAP_KILL")
    _prctl(_PR_SET_KEEPCAPS, 1)
    os.setgroups([])
    os.setresgid(NOBODY, NOBODY, NOBODY)
    os.setresuid(NOBODY, NOBODY, NOBODY)


def _set_limits(limits: Limits) -> None:
    _limit(resource.RLIMIT_CORE, 0)
    _limit(resource.RLIMIT_FSIZE, 0)
    _limit(resource.RLIMIT_NOFILE, OPEN_FILES)
    tasks = _count_tasks(os.getuid()) + TOOL_PROCESSES if limits.processes else 0
    _limit(resource.RLIMIT_NPROC, tasks)
    _limit(resource.RLIMIT_AS, _address_space() + (limits.memory_mib << 20))
    if limits.cpu_seconds is not None:
        _limit(resource.RLIMIT_CPU, limits.cpu_seconds, grace=1)


def _limit(which: int, value: int, grace: int = 0) -> None:
    """Set a limit, never above the one that stands; `grace` parts SIGXCPU from SIGKILL."""
    _, ceiling = resource.getrlimit(which)
    hard = value + grace if ceiling == resource.RLIM_INFINITY else min(value + grace, ceiling)
    resource.setrlimit(which, (min(value, hard), hard))


def _address_space() -> int:
    """Return the bytes of this process's address space; 0 where they are not told (proc_pid_statm(5))."""
    try:
        pages = Path("/proc/self/statm").read_bytes().split()[0]
    except (OSError, IndexError):
        return 0
    return int(pages) * resource.getpagesize()


def _count_tasks(uid: int) -> int:
    """Count the threads of a user, which is what RLIMIT_NPROC counts."""
    count = 0
    for folder in Path("/proc").iterdir():
        if not folder.name.isdigit():
            continue
        try:
            if folder.stat().st_uid == uid:
                count += (folder / "task").stat().st_nlink - 2
        except OSError:  # it has ended meanwhile
            continue
    return count


def drop_all_capabilities() -> None:
    """Give up every capability of this process, which must still have one thread, and check it.

    Raises:
        PermissionError: a thread still has a capability: this was called after a thread had started.
    """
    if capabilities().permitted & _SETPCAP:
        set_capabilities(capabilities().permitted, capabilities().permitted)
        _empty_bounding_set()
    _check(_libc().prctl(_PR_CAP_AMBIENT, _PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0), "prctl(PR_CAP_AMBIENT)")
    set_capabilities(0, 0)
    _prctl(_PR_SET_NO_NEW_PRIVS, 1)  # so that root does not regain them by exec
    for thread, held in thread_capabilities().items():
        if held:
            raise PermissionError(errno.EPERM, f"thread {thread} keeps capabilities {held:#x}")


def thread_capabilities() -> dict[int, int]:
    """Return thread id -> the union of its effective, permitted, inheritable and ambient sets."""
    held: dict[int, int] = {}
    for folder in Path("/proc/self/task").iterdir():
        status = (folder / "status").read_text("ascii", "replace")
        rows = (row.partition(":") for row in status.splitlines())
        sets = {key: int(value, 16) for key, _, value in rows if key.startswith("Cap")}
        held[int(folder.name)] = sets["CapEff"] | sets["CapPrm"] | sets["CapInh"] | sets.get("CapAmb", 0)
    return held
