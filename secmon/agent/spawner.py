"""Fork, time, kill and reap every child: the one process that keeps privileges, so it does little else.

It runs registered probes on configured targets, and nobody can make it do anything else. It parses requests
of at most 1 KiB from the core's inherited socket, and nothing that a child wrote.
"""

from __future__ import annotations

import contextlib
import heapq
import os
import select
import signal
import socket
import sys
import time
from collections import deque
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from secmon.agent import channel, child, confine
from secmon.agent.channel import Channel, Event, Request
from secmon.agent.drain import Drain
from secmon.agent.exits import EXIT_CRASHED, EXIT_OK, status_of
from secmon.agent.processes import OwnChildren, ended, keep_descriptors, kill_group, open_standard_streams
from secmon.core.model import Reason

if TYPE_CHECKING:
    from secmon.core.contract import Registry
    from secmon.core.plan import Invocation

CHILDREN_LIMIT: Final = 32
"""Children that live at once, those that cannot be killed (state D) included."""

_SWEEP_SECONDS: Final = 1.0  # the orphan of a living child's child is adopted without a signal
_ABANDON_SECONDS: Final = 5.0  # after SIGKILL: the child hangs in the kernel
_ZOMBIES_LIMIT: Final = 1024  # kept while an orphan lives, which may be for ever (state D)
_OUTBOX_LIMIT: Final = 64  # events that wait for a slow core; then no more requests are read
_GONE: Final = select.POLLHUP | select.POLLERR


def start(registry: Registry, invocation: Invocation, entries: child.Entries | None = None) -> Channel:
    """Fork the spawner; call it first, while the process is small and has one thread.

    Args:
        registry: every check; what is not in it cannot be run.
        invocation: what the command line fixed.
        entries: the modules of configuration and judge children, ours by default.

    Returns:
        The core's end.
    """
    open_standard_streams()
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    pid = os.fork()
    if pid == 0:
        status = EXIT_CRASHED
        try:
            _Spawner(theirs, child.Setup(registry, invocation, entries or child.Entries())).run()
            status = EXIT_OK
        finally:
            if (fault := sys.exception()) is not None:  # a bug of ours belongs into the journal
                sys.excepthook(type(fault), fault, fault.__traceback__)
            os._exit(status)
    theirs.close()
    return Channel(ours, pid)


@dataclass(slots=True)
class _Child:
    """One child that is not reaped yet."""

    pid: int
    request: Request
    drain: Drain | None  # of the configuration child, whose output stays here
    deadline: float = 0.0  # CLOCK_MONOTONIC: counts the time in which it could run
    killed: str = ""  # why we killed it
    reported: bool = False


class _Spawner:
    """The state of the spawner's process."""

    def __init__(self, core: socket.socket, setup: child.Setup) -> None:
        self._core = core
        self._setup = setup
        self._children: dict[int, _Child] = {}  # by pid
        self._deadlines: list[tuple[float, int]] = []  # heap of (when, pid); entries may be stale
        self._outbox: deque[Event] = deque()
        self._plan = -1  # sealed memfd

    def run(self) -> None:
        """Serve until the core is gone; then end every descendant."""
        self._settle()
        try:
            while self._turn():
                pass
        finally:
            self._end_all()

    def _settle(self) -> None:
        os.setpgid(0, 0)  # what kills the core's group must not kill what cleans up after it
        keep_descriptors((self._core.fileno(),), null=(0, 1))
        self._kin = OwnChildren()
        self._wakeup, write_end = os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC)  # readable after SIGCHLD
        signal.set_wakeup_fd(write_end, warn_on_full_buffer=False)
        signal.signal(signal.SIGCHLD, lambda *_: None)
        for number in (signal.SIGTERM, signal.SIGHUP, signal.SIGINT):
            signal.signal(number, signal.SIG_IGN)
        confine.become_subreaper()
        confine.set_name("secmon-spawner")
        confine.set_not_dumpable()

    def _turn(self) -> bool:
        """Wait until something happens and deal with it; False when the core is gone."""
        ready = dict(self._wait())
        with contextlib.suppress(BlockingIOError):
            os.read(self._wakeup, 4096)
        for member in self._children.values():
            if member.drain is not None and not member.drain.read():
                self._kill(member, Reason.RESOURCE_LIMIT)
        self._enforce()
        self._reap()
        self._sweep()
        core = ready.get(self._core.fileno(), 0)
        wanted = core & (select.POLLIN | _GONE)
        return self._flush() and (not wanted or self._serve(core)) and self._flush()

    def _wait(self) -> list[tuple[int, int]]:
        poll = select.poll()
        wanted = select.POLLIN if len(self._outbox) < _OUTBOX_LIMIT else 0
        poll.register(self._core, wanted | (select.POLLOUT if self._outbox else 0))
        poll.register(self._wakeup, select.POLLIN)
        for member in self._children.values():
            if member.drain is not None and member.drain.pipe >= 0:
                poll.register(member.drain.pipe, select.POLLIN)
        if not self._children and not self._kin.pids():
            return poll.poll()
        left = self._deadlines[0][0] - time.monotonic() if self._deadlines else _SWEEP_SECONDS
        return poll.poll(max(0.0, min(left, _SWEEP_SECONDS)) * 1000)

    # Requests.

    def _serve(self, ready: int) -> bool:
        """Read one request and do it, or refuse it; False when the core has closed its end."""
        run = 0
        fds: list[int] = []
        try:
            # Two descriptors at most are taken up; the kernel closes further ones.
            data, fds = channel.receive(self._core, channel.REQUEST_LIMIT + 1, 2)
            if not data and ready & _GONE:
                return False
            request = channel.decode_request(data)
            run = request.run
            self._obey(request, fds)
        except ValueError as error:
            self._outbox.append(Event("refused", run, status=str(error)))
        except BlockingIOError:
            return True
        except OSError:
            return False
        finally:
            for fd in fds:
                os.close(fd)
        return True

    def _obey(self, request: Request, fds: list[int]) -> None:
        """Do what a request says.

        Raises:
            ValueError: it may not.
        """
        channel.check_request(request, self._setup.registry, fds=len(fds), has_plan=self._plan >= 0)
        living = next((one for one in self._children.values() if one.request.run == request.run), None)
        if request.do in ("extend", "kill"):
            if living is None:
                return  # it has just ended
            if request.do == "kill":
                self._kill(living, Reason.RESOURCE_LIMIT)
            elif not living.killed:
                self._set_deadline(living, request.deadline)
            return
        if living is not None:
            raise ValueError("a child of that number lives")
        if request.do == "plan" and any(one.drain is not None for one in self._children.values()):
            raise ValueError("a plan is being made")
        self._fork(request, fds[0] if fds else -1)

    def _fork(self, request: Request, spool: int) -> None:
        """Start a child; where the system cannot, it has ended of a resource limit."""
        reader = writer = -1
        drain = None
        spawner = os.getpid()
        try:
            if len(self._children) >= CHILDREN_LIMIT:
                raise BlockingIOError
            reader, writer = os.pipe2(os.O_CLOEXEC)
            if request.do == "plan":
                drain = Drain(reader, child.PLAN_LIMIT)
            pid = os.fork()
        except OSError:
            for fd in (reader, writer, drain.memfd if drain else -1):
                if fd >= 0:
                    os.close(fd)
            kind: Final = "plan" if request.do == "plan" else "ended"
            self._outbox.append(Event(kind, request.run, status=Reason.RESOURCE_LIMIT.value))
            return
        if pid == 0:
            child.run(self._setup, child.Job(request, spawner, writer, self._plan, spool))
        os.close(writer)
        with contextlib.suppress(OSError):  # it has done so itself, or has ended
            os.setpgid(pid, pid)
        member = self._children[pid] = _Child(pid, request, drain)
        self._set_deadline(member, request.deadline)
        if drain is None:
            self._outbox.append(Event("started", request.run, reader))

    # Ends.

    def _set_deadline(self, member: _Child, seconds: float) -> None:
        member.deadline = time.monotonic() + seconds
        heapq.heappush(self._deadlines, (member.deadline, member.pid))

    def _enforce(self) -> None:
        now = time.monotonic()
        while self._deadlines and self._deadlines[0][0] <= now:
            _, pid = heapq.heappop(self._deadlines)
            member = self._children.get(pid)
            if member is None or member.deadline > now:
                continue  # it has ended, or was given more time
            if member.killed:
                self._report(member, member.killed)  # abandoned, but it counts as long as it lives
            else:
                self._kill(member, Reason.TIMEOUT)

    def _kill(self, member: _Child, reason: Reason) -> None:
        """Kill a child and its group; the next deadline is the one at which it is abandoned."""
        if not member.killed:
            member.killed = reason.value
            kill_group(member.pid)
            self._set_deadline(member, _ABANDON_SECONDS)

    def _reap(self) -> None:
        """Report the children that have ended."""
        for pid, member in list(self._children.items()):
            if (end := ended(pid)) is not None:
                kill_group(pid)
                config = member.drain is not None
                self._report(member, member.killed or status_of(end.si_code, end.si_status, config=config))
                del self._children[pid]
                os.waitpid(pid, 0)

    def _sweep(self) -> None:
        """Kill every orphan that this process has adopted; the end of each wakes us for those it leaves.

        The dead are not buried before the last has died: a zombie counts for RLIMIT_NPROC, so that with every
        kill a fork bomb has one process less to be.
        """
        orphans = [pid for pid in self._kin.pids() if pid not in self._children]
        for pid in orphans:
            kill_group(pid)
        dead = [pid for pid in orphans if ended(pid) is not None]
        if len(dead) == len(orphans) or len(dead) > _ZOMBIES_LIMIT:
            for pid in dead:
                os.waitpid(pid, 0)

    def _report(self, member: _Child, status: str) -> None:
        """Tell the core of an end; what a configuration child wrote and ended well with is the plan now."""
        if member.reported:
            return
        member.reported = True
        if member.drain is None:
            self._outbox.append(Event("ended", member.request.run, status=status))
            return
        if not member.drain.read():
            status = Reason.RESOURCE_LIMIT.value
        sealed = member.drain.seal()
        if status == "ok":
            if self._plan >= 0:
                os.close(self._plan)
            self._plan = os.dup(sealed)
        self._outbox.append(Event("plan", member.request.run, sealed, status))

    def _flush(self) -> bool:
        """Send what the core takes; False when it is gone."""
        while self._outbox:
            event = self._outbox[0]
            try:
                channel.send_event(self._core, event)
            except BlockingIOError:
                return True
            except OSError:
                return False
            self._outbox.popleft()
            if event.fd is not None:
                os.close(event.fd)
        return True

    def _end_all(self) -> None:
        for pid in self._children:
            kill_group(pid)
        end = time.monotonic() + _ABANDON_SECONDS
        while (self._children or self._kin.pids()) and time.monotonic() < end:
            self._reap()
            self._sweep()
            time.sleep(0.002)
