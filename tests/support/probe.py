"""A probe module that misbehaves as it is told: the settings of its check name the act."""

from __future__ import annotations

import contextlib
import ctypes
import os
import resource
import signal
import socket
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from secmon.agent import confine
from secmon.core.contract import Unavailable
from secmon.core.model import Completeness, Fact, Reason

if TYPE_CHECKING:
    from secmon.core.contract import Emit, Task

OK = {"thing": None}


@dataclass(frozen=True, slots=True)
class Handles:
    """The task, and what acquiring found."""

    task: Task
    found: dict[str, Any]


def acquire(task: Task) -> Handles:
    if marker := task.settings.get("marker"):
        confine.set_name(marker)
    found: dict[str, Any] = {"effective": confine.capabilities().effective, "uid": os.getuid()}
    found["fds"] = _descriptors()
    act = ACQUIRE.get(task.settings["act"])
    if act is not None:
        found["acquired"] = act(task)
    return Handles(task, found)


def observe(handles: Handles, emit: Emit) -> None:
    OBSERVE[handles.task.settings["act"]](handles, emit)


def _descriptors() -> list[str]:
    links = []
    for name in os.listdir("/proc/self/fd"):
        with contextlib.suppress(OSError):
            links.append(f"{name} {os.readlink(f'/proc/self/fd/{name}')}")
    return sorted(links)


def _say(handles: Handles, emit: Emit, **values: Any) -> None:
    for target in handles.task.targets:
        emit.begin(target)
        emit.facts(target, [Fact("thing", {"name": target.text, "records": [values]})])
        emit.end(target, OK, Completeness.OK)


def fine(handles: Handles, emit: Emit) -> None:
    emit.canary(None)
    emit.progress(0, 2)
    _say(handles, emit, **handles.found)
    emit.progress(2, 2)


def _open_and_tell(handles: Handles, emit: Emit) -> None:
    target = handles.task.targets[0]
    emit.begin(target)
    emit.facts(target, [Fact("thing", {"name": "before"})])


def hang(handles: Handles, emit: Emit) -> None:
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)
    _open_and_tell(handles, emit)
    while True:
        time.sleep(3600)


def spin(handles: Handles, emit: Emit) -> None:
    while True:
        pass


def _fork(work) -> int:
    pid = os.fork()
    if pid == 0:
        try:
            work()
        finally:
            os._exit(0)
    return pid


def _sleep_for_ever() -> None:
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    while True:
        time.sleep(3600)


def family(handles: Handles, emit: Emit) -> None:
    """Hang with a grandchild in a session of its own, which has a child in another."""

    def grandchild() -> None:
        os.setsid()
        _fork(lambda: (os.setsid(), _sleep_for_ever()))
        _sleep_for_ever()

    _fork(grandchild)
    _fork(_sleep_for_ever)
    hang(handles, emit)


def daemonize(handles: Handles, emit: Emit) -> None:
    """Leave two daemons behind and end well."""

    def middle() -> None:
        os.setsid()
        _fork(_sleep_for_ever)

    for _ in range(2):
        os.waitpid(_fork(middle), 0)
    _say(handles, emit)


def orphan_then_hang(handles: Handles, emit: Emit) -> None:
    """Make an orphan while this child lives on."""

    def middle() -> None:
        os.setsid()
        _fork(_sleep_for_ever)

    os.waitpid(_fork(middle), 0)
    hang(handles, emit)


def bomb(handles: Handles, emit: Emit) -> None:
    """Fork without end; each process does the same in a session of its own."""
    while True:
        try:
            pid = os.fork()
        except OSError:
            time.sleep(0.01)
            continue
        if pid == 0:
            with contextlib.suppress(OSError):
                os.setsid()


def hop(handles: Handles, emit: Emit) -> None:
    """Be another process all the time: fork, and let the parent end."""
    while True:
        try:
            if os.fork():
                os._exit(0)
        except OSError:
            continue
        os.setsid()


def no_processes(handles: Handles, emit: Emit) -> None:
    try:
        os._exit(0) if os.fork() == 0 else None
    except OSError as error:
        _say(handles, emit, forked=False, errno=error.errno)
    else:
        _say(handles, emit, forked=True)


def flood(handles: Handles, emit: Emit) -> None:
    _open_and_tell(handles, emit)
    line = b'{"progress":[1,2]}\n' * 4096
    while True:
        _raw(line)


def _pipe() -> int:
    """Find the one pipe that this child holds: its result pipe."""
    return next(int(link.split()[0]) for link in _descriptors() if "pipe:" in link)


def _raw(data: bytes) -> None:
    os.write(_pipe(), data)


def long_line(handles: Handles, emit: Emit) -> None:
    pipe = _pipe()
    while True:
        os.write(pipe, b"x" * 65536)


def half(handles: Handles, emit: Emit) -> None:
    _say(handles, emit)
    _raw(b'{"begin": 7, "ass')


def noise(handles: Handles, emit: Emit) -> None:
    _raw(b"\x00\xff\n[1]\n{}\n")


def close_and_hang(handles: Handles, emit: Emit) -> None:
    _open_and_tell(handles, emit)
    os.close(_pipe())
    _sleep_for_ever()


def allocate(handles: Handles, emit: Emit) -> None:
    _open_and_tell(handles, emit)
    hoard = []
    while True:
        hoard.append(bytearray(1 << 20))


def abort(handles: Handles, emit: Emit) -> None:
    _open_and_tell(handles, emit)
    os.abort()


def segfault(handles: Handles, emit: Emit) -> None:
    ctypes.string_at(0)


def weird_exit(handles: Handles, emit: Emit) -> None:
    os._exit(handles.task.settings["code"])


def system_exit(handles: Handles, emit: Emit) -> None:
    raise SystemExit(0)


def type_error(handles: Handles, emit: Emit) -> None:
    _open_and_tell(handles, emit)
    raise TypeError("a probe of the test")


def recursion(handles: Handles, emit: Emit) -> None:
    recursion(handles, emit)


def late_unavailable(handles: Handles, emit: Emit) -> None:
    _open_and_tell(handles, emit)
    raise Unavailable(Reason.NO_DATA, "The place has nothing; bring some.")


def late_permission(handles: Handles, emit: Emit) -> None:
    Path("/etc/shadow").read_bytes()


def write_file(handles: Handles, emit: Emit) -> None:
    try:
        fd = os.memfd_create("file")
        os.write(fd, b"x")
    except OSError as error:
        _say(handles, emit, errno=error.errno)


def attack(handles: Handles, emit: Emit) -> None:
    """Try what a parser that was taken over would try against the spawner, its parent."""
    spawner = os.getppid()
    tried: dict[str, Any] = {"fds": _descriptors()}
    for name, path in (("fd", "fd"), ("mem", "mem"), ("environ", "environ")):
        try:
            place = f"/proc/{spawner}/{path}"
            os.listdir(place) if name == "fd" else Path(place).read_bytes()
            tried[name] = "open"
        except OSError as error:
            tried[name] = error.errno
    libc = ctypes.CDLL(None, use_errno=True)
    watch = os.pidfd_open(spawner)
    pidfd_getfd = 438
    got = [libc.syscall(pidfd_getfd, watch, fd, 0) for fd in range(64)]
    tried["stolen"] = [fd for fd in got if fd >= 0]
    ptrace_attach = 16
    tried["ptrace"] = libc.ptrace(ptrace_attach, spawner, 0, 0)
    tried["setuid"] = _errno(lambda: os.setuid(0))
    tried["raw"] = _errno(lambda: socket.socket(socket.AF_INET, socket.SOCK_RAW, 1).close())
    _say(handles, emit, **tried)


def _errno(work) -> int:
    try:
        work()
    except OSError as error:
        return error.errno or -1
    return 0


def state(handles: Handles, emit: Emit) -> None:
    """Tell what is left after the drop."""
    rows = dict(line.split(":", 1) for line in Path("/proc/self/status").read_text().splitlines())
    limits = {
        name: resource.getrlimit(getattr(resource, f"RLIMIT_{name}"))
        for name in ("AS", "CPU", "NPROC", "NOFILE", "FSIZE", "CORE")
    }
    pdeath = ctypes.c_int()
    ctypes.CDLL(None).prctl(2, ctypes.byref(pdeath), 0, 0, 0)
    _say(
        handles,
        emit,
        acquired=handles.found,
        status={
            key: rows[key].strip()
            for key in (
                "CapEff",
                "CapPrm",
                "CapInh",
                "CapBnd",
                "CapAmb",
                "Uid",
                "Gid",
                "Groups",
                "NoNewPrivs",
            )
        },
        limits={name: list(value) for name, value in limits.items()},
        dumpable=ctypes.CDLL(None).prctl(3, 0, 0, 0, 0),
        parent_death=pdeath.value,
        group=os.getpgid(0) == os.getpid(),
        stdio=[os.readlink(f"/proc/self/fd/{fd}") for fd in range(3)],
        signals=[
            signal.getsignal(number) == signal.SIG_DFL
            for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGCHLD)
        ],
        once=handles.task.once,
        deadline=handles.task.deadline,
    )


def windows(handles: Handles, emit: Emit) -> None:
    """A capture: a few windows, then what the settings say."""
    for number in range(handles.task.settings["windows"]):
        for target in handles.task.targets:
            emit.begin(target)
        emit.canary(None)
        for target in handles.task.targets:
            emit.facts(target, [Fact("thing", {"name": f"window {number}"})])
            emit.end(target, OK, Completeness.OK)
        time.sleep(handles.task.settings["window"])
    if handles.task.settings["then"] == "return":
        return
    _open_and_tell(handles, emit)
    if handles.task.settings["then"] == "hang":
        _sleep_for_ever()
    if handles.task.settings["then"] == "crash":
        os.abort()


def _unavailable(task: Task) -> None:
    raise Unavailable(Reason.NOT_CONFIGURED, "There is no such place; name one.")


def _denied(task: Task) -> None:
    raise PermissionError(13, "Permission denied", "/etc/shadow")


def _disk_error(task: Task) -> None:
    raise OSError(5, "Input/output error")


def _acquire_hang(task: Task) -> None:
    time.sleep(3600)


ACQUIRE = {
    "unavailable": _unavailable,
    "denied": _denied,
    "disk_error": _disk_error,
    "acquire_hang": _acquire_hang,
    "raw_socket": lambda task: _errno(lambda: socket.socket(socket.AF_PACKET, socket.SOCK_RAW, 0).close()),
}
OBSERVE = {
    act.__name__: act
    for act in (
        abort,
        allocate,
        attack,
        bomb,
        close_and_hang,
        daemonize,
        family,
        fine,
        flood,
        half,
        hang,
        hop,
        late_permission,
        late_unavailable,
        long_line,
        no_processes,
        noise,
        orphan_then_hang,
        recursion,
        segfault,
        spin,
        state,
        system_exit,
        type_error,
        weird_exit,
        windows,
        write_file,
    )
} | {"raw_socket": fine}
