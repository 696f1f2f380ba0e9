"""Hold the clients' connections: who may come in, how far each has got, and which has to go for another.

Each state has a limit of its own, and in a state that is full the oldest gives way. So clients that connect
and say nothing, or begin a handshake and do not end it, only push each other out, never one that has come
further.
"""

from __future__ import annotations

from enum import Enum
from typing import TYPE_CHECKING, Final

from secmon.export.streams import Plain

if TYPE_CHECKING:
    import selectors
    import socket
    from collections.abc import Callable, Iterator

    from secmon.export.guard import Guard
    from secmon.export.request import Request
    from secmon.export.streams import Stream


class State(Enum):
    """How far a client has got."""

    SILENT = "silent"
    """Nothing has come from it yet."""
    HANDSHAKE = "handshake"
    """It has begun to speak TLS."""
    OPEN = "open"
    """It may send requests."""


CAPS: Final = {State.SILENT: 128, State.HANDSHAKE: 64, State.OPEN: 64}
"""Connections in each state."""


class Connection:
    """One client.

    Attributes:
        sock: non-blocking; only for the first look, afterwards `stream`.
        number: its descriptor.
        address: of the client.
        guard: that it was let in by.
        stream: its bytes.
        state: how far it has got.
        deadline: monotonic seconds at which it is closed.
        events: what the selector waits for, 0 for nothing.
        inbox: bytes of requests not yet answered, never more than a head.
        outbox: what is still to send.
        asking: the request whose password is being verified.
        served: responses sent.
        last: no request is read after the response in `outbox`.
        lingering: the response is out; what still comes is thrown away, lest a reset eats the response.
    """

    __slots__ = (
        "address",
        "asking",
        "deadline",
        "events",
        "guard",
        "inbox",
        "last",
        "lingering",
        "number",
        "outbox",
        "served",
        "sock",
        "state",
        "stream",
    )

    def __init__(self, sock: socket.socket, address: str, guard: Guard, deadline: float) -> None:
        self.sock = sock
        self.number = sock.fileno()
        self.address = address
        self.guard = guard
        self.stream: Stream = Plain(sock)
        self.state = State.SILENT
        self.deadline = deadline
        self.events = 0
        self.inbox = bytearray()
        self.outbox: list[memoryview] = []
        self.asking: Request | None = None
        self.served = 0
        self.last = False
        self.lingering = False

    @property
    def is_idle(self) -> bool:
        """Say whether it was answered and has begun nothing since."""
        return self.served > 0 and not self.inbox and not self.outbox and self.asking is None

    @property
    def waits(self) -> bool:
        """Say whether the client's turn it is, so that it may be dropped for another."""
        return not self.outbox and self.asking is None


class Pool:
    """Every connection, in its state and in the selector.

    Args:
        selector: of the core's loop; a connection is registered with what the loop calls.
        serve: goes on with a connection that is ready.
        refuse: counts a client that was dropped for another.
    """

    def __init__(
        self,
        selector: selectors.BaseSelector,
        serve: Callable[[Connection], None],
        refuse: Callable[[], None],
    ) -> None:
        self._selector = selector
        self._serve = serve
        self._refuse = refuse
        self._members: dict[State, set[Connection]] = {state: set() for state in State}

    def __iter__(self) -> Iterator[Connection]:
        for members in self._members.values():
            yield from members

    def __contains__(self, connection: Connection) -> bool:
        return connection in self._members[connection.state]

    def add(self, connection: Connection) -> bool:
        """Take in a new connection; False where there was no room, and it was closed."""
        if not self._make_room(connection.state):
            connection.stream.close()
            return False
        self._members[connection.state].add(connection)
        return True

    def advance(self, connection: Connection, state: State) -> bool:
        """Move a connection to its next state; False where there was no room, and it was dropped."""
        if not self._make_room(state):
            self.drop(connection)
            return False
        self._members[connection.state].discard(connection)
        self._members[state].add(connection)
        connection.state = state
        return True

    def drop(self, connection: Connection) -> None:
        """Close a connection."""
        self.watch(connection, 0)
        self._members[connection.state].discard(connection)
        connection.stream.close()

    def watch(self, connection: Connection, events: int) -> None:
        """Wait for these events of the selector, 0 for none."""
        if events == connection.events:
            return
        if not connection.events:
            self._selector.register(connection.number, events, lambda: self._serve(connection))
        elif events:
            self._selector.modify(connection.number, events, lambda: self._serve(connection))
        else:
            self._selector.unregister(connection.number)
        connection.events = events

    def _make_room(self, state: State) -> bool:
        """Drop the client that has kept its turn longest where a state is full; False where none can be."""
        members = self._members[state]
        if len(members) < CAPS[state]:
            return True
        waiting = (item for item in members if item.waits)
        victim = min(waiting, key=lambda item: item.deadline, default=None)
        if victim is None or not (victim.is_idle or victim.lingering):
            self._refuse()
        if victim is not None:
            self.drop(victim)
        return victim is not None
