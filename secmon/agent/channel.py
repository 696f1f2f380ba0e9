"""Carry requests from the core to the spawner and events back, over one inherited socket pair."""

from __future__ import annotations

import contextlib
import json
import math
import os
import select
import socket
from array import array
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any, Final, Literal, get_args

if TYPE_CHECKING:
    from secmon.core.contract import Registry

Do = Literal["plan", "probe", "capture", "judge", "extend", "kill"]
"""plan, probe, capture and judge start a child; extend gives one more time, kill ends it."""

EventKind = Literal["started", "ended", "plan", "refused"]

REQUEST_LIMIT: Final = 1024
"""Bytes of a request."""

DEADLINE_LIMIT_SECONDS: Final = 86_400.0
"""The longest that a child may be given at once."""

_EVENT_LIMIT: Final = 1024
_RUN_LIMIT: Final = 1 << 53  # what a JSON number holds exactly
_CLOSE_SECONDS: Final = 3.0
_KEYS: Final = ("do", "check", "probe", "run", "deadline", "hours")


class SpawnerGone(Exception):  # noqa: N818  # an event that ends the core
    """The spawner has ended or no longer takes requests; nothing can be looked at any more."""


@dataclass(frozen=True, slots=True)
class Request:
    """What the core asks for.

    Attributes:
        do: what to do.
        check: name of the check, "" for plan, extend and kill.
        probe: name of the probe, "" but for probe and capture.
        run: number of the child, chosen by the core, unique among those that live.
        deadline: seconds from now until the child is killed; 0 for kill.
        hours: of the targets that a probe looks at, "" for those of any time.
    """

    do: Do
    check: str = ""
    probe: str = ""
    run: int = 0
    deadline: float = 0.0
    hours: str = ""


@dataclass(frozen=True, slots=True)
class Event:
    """What the spawner says.

    Attributes:
        kind: started, ended, plan (the configuration child has ended) or refused.
        run: number of the child.
        fd: started: the read end of its pipe; plan: a sealed memfd with what it wrote.
        status: ended: `ok` or a Reason; plan: `ok`, `faults` or a Reason; refused: why.
    """

    kind: EventKind
    run: int
    fd: int | None = None
    status: str = ""


def encode_request(request: Request) -> bytes:
    """Return a request as it is sent."""
    return json.dumps(asdict(request)).encode()


def decode_request(data: bytes) -> Request:
    """Read a request strictly; the sender is the core, and may have been taken over.

    Args:
        data: one message.

    Returns:
        The request, its deadline capped.

    Raises:
        ValueError: it is not a request. The text never repeats what was sent.
    """
    if len(data) > REQUEST_LIMIT:
        raise ValueError("a request is too long")
    try:
        value: Any = json.loads(data)
    except (ValueError, RecursionError) as error:
        raise ValueError("a request is not JSON") from error
    if not isinstance(value, dict) or value.keys() != set(_KEYS):
        raise ValueError("a request has other keys than it should")
    do, check, probe, run, deadline, hours = (value[key] for key in _KEYS)
    if do not in get_args(Do):
        raise ValueError("unknown do")
    if type(check) is not str or type(probe) is not str or type(hours) is not str:
        raise ValueError("check, probe and hours are text")
    if type(run) is not int or not 0 < run < _RUN_LIMIT:
        raise ValueError("run is a positive integer")
    if type(deadline) not in (int, float) or math.isnan(deadline) or deadline < 0:
        raise ValueError("deadline is a number of seconds")
    if (deadline == 0) != (do == "kill"):
        raise ValueError("only kill has no deadline")
    return Request(do, check, probe, run, float(min(deadline, DEADLINE_LIMIT_SECONDS)), hours)


def check_request(request: Request, registry: Registry, *, fds: int, has_plan: bool) -> None:
    """Refuse what is not registered, comes before there is a plan, or has other descriptors than it should.

    Args:
        request: what is asked for.
        registry: every check.
        fds: descriptors that came with it.
        has_plan: a configuration was read.

    Raises:
        ValueError: refused; the text never repeats what was sent.
    """
    if fds != (request.do == "judge"):
        raise ValueError("a judge request has one descriptor, others have none")
    if request.do in ("plan", "extend", "kill"):
        return
    if not has_plan:
        raise ValueError("there is no plan yet")
    check = registry.checks.get(request.check)
    if check is None:
        raise ValueError("unregistered check")
    if request.do != "judge":
        probe = check.probe(request.probe)
        if probe is None or (request.do == "capture" and not probe.long_lived):
            raise ValueError("unregistered probe")


def encode_event(event: Event) -> bytes:
    """Return an event as it is sent; its descriptor travels beside it."""
    return json.dumps({"kind": event.kind, "run": event.run, "status": event.status}).encode()


class Channel:
    """The core's end: the only way to talk to the spawner, and closing it ends the spawner.

    Args:
        end: our end of the socket pair.
        pid: pid of the spawner.
    """

    def __init__(self, end: socket.socket, pid: int) -> None:
        self._socket = end
        self.pid = pid

    def fileno(self) -> int:
        """Return the descriptor, readable when there are events."""
        return self._socket.fileno()

    def send(self, request: Request, fd: int | None = None) -> None:
        """Send a request without waiting.

        Args:
            request: what to do.
            fd: the spool of a judge request; stays open here.

        Raises:
            SpawnerGone: it has ended, or takes nothing any more.
        """
        try:
            _send(self._socket, encode_request(request), fd)
        except OSError as error:
            raise SpawnerGone(f"the spawner takes no requests: {error.strerror}") from error

    def receive(self) -> list[Event]:
        """Return the events that have come; their descriptors are the caller's.

        Raises:
            SpawnerGone: it has ended, and no event is left.
        """
        events: list[Event] = []
        while True:
            try:
                data, fds = receive(self._socket, _EVENT_LIMIT, 1)
            except BlockingIOError:
                return events
            except OSError:
                data, fds = b"", []
            if not data:
                if events:
                    return events
                raise SpawnerGone("the spawner has ended")
            value = json.loads(data)
            events.append(Event(value["kind"], value["run"], fds[0] if fds else None, value["status"]))

    def close(self) -> None:
        """Close our end and wait, at most three seconds, until the spawner has ended all its children."""
        self._socket.close()
        with contextlib.suppress(ChildProcessError, ProcessLookupError):
            watch = os.pidfd_open(self.pid)
            try:
                poll = select.poll()
                poll.register(watch, select.POLLIN)
                poll.poll(_CLOSE_SECONDS * 1000)
            finally:
                os.close(watch)
            os.waitpid(self.pid, os.WNOHANG)


# socket.send_fds and socket.recv_fds of Python 3.11 ignore their flags.


def _send(end: socket.socket, data: bytes, fd: int | None) -> None:
    rights = [] if fd is None else [(socket.SOL_SOCKET, socket.SCM_RIGHTS, array("i", [fd]))]
    end.sendmsg([data], rights, socket.MSG_DONTWAIT)


def receive(end: socket.socket, limit: int, descriptors: int) -> tuple[bytes, list[int]]:
    """Receive one message without waiting.

    Args:
        end: either end.
        limit: bytes that are kept of it.
        descriptors: how many are taken up; the kernel closes further ones.

    Returns:
        The message, empty at the end, and its descriptors.

    Raises:
        BlockingIOError: there is none.
        OSError: the other end is gone.
    """
    fds = array("i")
    room = socket.CMSG_LEN(descriptors * fds.itemsize)
    data, control, _, _ = end.recvmsg(limit, room, socket.MSG_DONTWAIT | socket.MSG_CMSG_CLOEXEC)
    for level, kind, payload in control:
        if (level, kind) == (socket.SOL_SOCKET, socket.SCM_RIGHTS):
            fds.frombytes(payload[: len(payload) - len(payload) % fds.itemsize])
    return data, list(fds)


def send_event(end: socket.socket, event: Event) -> None:
    """Send one event from the spawner's end without waiting.

    Raises:
        BlockingIOError: the core has not read what was sent before.
        OSError: the core is gone.
    """
    _send(end, encode_event(event), event.fd)
