"""Prove that open ports of other hosts would be found: open one on loopback, and find it."""

from __future__ import annotations

import resource
import socket
import time
from functools import partial
from typing import TYPE_CHECKING, Final, TypeAlias

from secmon.checks.ports.pace import Pace
from secmon.checks.ports.probe.engine import ConnectEngine
from secmon.checks.ports.probe.lane import Lane
from secmon.checks.ports.sweep import State
from secmon.core.model import Reason

if TYPE_CHECKING:
    from secmon.core.contract import Emit
    from secmon.sources import net

Listener: TypeAlias = socket.socket | None
"""A listener on loopback; None where none could be opened."""

_RATE: Final = 100
_SECONDS: Final = 5.0
_SPARE_DESCRIPTORS: Final = 24
_IN_FLIGHT: Final = 4096


def open_listener() -> Listener:
    """Open a port on loopback."""
    try:
        return socket.create_server(("127.0.0.1", 0))
    except OSError:
        return None


def tell(listener: Listener, gate: net.Gate, deadline: float, emit: Emit) -> None:
    """Find the port with the engine that finds those of others, and close it: it is no fact.

    Args:
        listener: from `open_listener`.
        gate: of the run.
        deadline: seconds of time.monotonic().
        emit: takes the word.
    """
    if listener is None:
        emit.canary(Reason.UNREACHABLE, "No socket could be opened on 127.0.0.1; bring loopback up.")
        return
    with listener:
        address, port = listener.getsockname()
        lane = Lane(address, Pace(_RATE), partial(gate.check, address), (port,))
        until = min(deadline, time.monotonic() + _SECONDS)
        ConnectEngine(Pace(_RATE), descriptors()).run([lane], until, lambda _: None, lambda: None)
    if lane.states.get(port) is State.OPEN:
        emit.canary(None)
    else:
        emit.canary(Reason.NO_DATA, f"An open port of this host was not found open. {lane.detail}".strip())


def descriptors() -> int:
    """Return how many connects may be under way; a quarter of the descriptors is left to others."""
    soft, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    spare = max(_SPARE_DESCRIPTORS, soft // 4)
    return _IN_FLIGHT if soft == resource.RLIM_INFINITY else max(1, min(_IN_FLIGHT, soft - spare))
