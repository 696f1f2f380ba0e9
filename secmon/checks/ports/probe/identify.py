"""Find out what answers on open ports: a few connections to each, within the budgets of hosts, run and time.

One thread, and a task for each port, which waits for its host's budget before each connection and message. A
port gets at most six connections and three seconds of them. No redirect is followed, nothing is logged in to,
and of each connection the first 4,096 bytes are read.
"""

from __future__ import annotations

import asyncio
import contextlib
import encodings.idna  # noqa: F401  # ssl looks it up for a server name, when it could not be imported any more
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from secmon.checks.ports.probe import library
from secmon.checks.ports.probe.line import lenient_context
from secmon.checks.ports.probe.matcher import Matcher
from secmon.checks.ports.probe.visit import Budget, Tools, visit
from secmon.checks.ports.services import Service, conclude
from secmon.checks.ports.udpanswers import read_answer
from secmon.core.contract import Unavailable
from secmon.core.model import Reason

if TYPE_CHECKING:
    import ssl
    from collections.abc import Callable, Sequence

    from secmon.checks.ports.pace import Pace
    from secmon.core.contract import Task

_TICK_SECONDS: Final = 0.2
_SHOWN: Final = 3


@dataclass(frozen=True, slots=True)
class Open:
    """An open port.

    Attributes:
        address: resolved address.
        proto: `tcp` or `udp`.
        port: its number.
        host: as the target names it, for the header Host and the server name of TLS.
        reply: what a UDP port answered, nothing of a TCP port.
    """

    address: str
    proto: str
    port: int
    host: str
    reply: bytes = b""


@dataclass(frozen=True, slots=True)
class FingerprintHandles:
    """What identification works with.

    Attributes:
        shelf: files of fingerprints that are open.
        context: for TLS.
        refusal: why nothing is identified, None where it is.
    """

    shelf: library.Shelf
    context: ssl.SSLContext | None
    refusal: Unavailable | None = None


def acquire(task: Task) -> FingerprintHandles:
    """Open the fingerprints, unless the configuration wants no identification.

    What cannot be opened is a refusal in the handles: the ports themselves are still worth knowing.
    """
    if not task.settings["identify"]:
        refusal = Unavailable(Reason.NOT_CONFIGURED)  # it is wanted so: nothing needs to be said
        return FingerprintHandles(library.Shelf(), None, refusal)
    try:
        shelf = library.open_shelf(task.settings["fingerprints"], task.settings["recog"])
    except Unavailable as refusal:
        return FingerprintHandles(library.Shelf(), None, refusal)
    asyncio.run(asyncio.sleep(0))  # imports what a loop imports when it first runs
    return FingerprintHandles(shelf, lenient_context())


class Identifier:
    """Identifies the services of a run.

    Args:
        handles: from `acquire`.
        total: budget of the whole run.
        limit: connections at one time.
    """

    def __init__(self, handles: FingerprintHandles, total: Pace, limit: int) -> None:
        self._handles = handles
        self._total = total
        self._limit = limit
        self.detail = handles.refusal.detail if handles.refusal else ""

    def run(
        self,
        work: Sequence[tuple[Open, Pace, Callable[[], None]]],
        deadline: float,
        tick: Callable[[], None],
    ) -> dict[Open, Service | Reason]:
        """Identify what answers on ports.

        Args:
            work: an open port, its host's budget, and the gate, which raises Unavailable.
            deadline: seconds of time.monotonic(); ports that are not done then are `timeout`.
            tick: called often.

        Returns:
            For each port what answers there, or why nobody could look; `detail` says more.
        """
        if not work or self._handles.refusal or self._handles.context is None:
            reason = self._handles.refusal.reason if self._handles.refusal else Reason.NOT_CONFIGURED
            return {item: reason for item, _, _ in work}
        try:
            shelf = library.read_shelf(self._handles.shelf)
        except Unavailable as refusal:
            self.detail = refusal.detail
            return {item: refusal.reason for item, _, _ in work}
        matcher = Matcher(shelf.known)
        tools = Tools(matcher, self._handles.context, asyncio.Semaphore(self._limit))
        try:
            found = asyncio.run(self._all(work, tools, deadline, tick))
        except OSError as error:  # of the loop itself: each task tells its own
            self.detail = f"No service was identified: {error.strerror}."
            return {item: Reason.RESOURCE_LIMIT for item, _, _ in work}
        self.detail = " ".join([*shelf.notes, *_left_out(matcher.left_out)])
        return found

    async def _all(
        self,
        work: Sequence[tuple[Open, Pace, Callable[[], None]]],
        tools: Tools,
        deadline: float,
        tick: Callable[[], None],
    ) -> dict[Open, Service | Reason]:
        budgets: dict[int, Budget] = {}
        tasks: dict[asyncio.Task[Service | Reason], Open] = {}
        for item, pace, permit in work:
            budget = budgets.setdefault(id(pace), Budget(pace, self._total, permit))
            tasks[asyncio.create_task(_identify(item, tools, budget))] = item
        pending = set(tasks)
        while pending and (left := deadline - time.monotonic()) > 0:
            _, pending = await asyncio.wait(pending, timeout=min(left, _TICK_SECONDS))
            tick()
        for late in pending:
            late.cancel()
        for late in pending:
            with contextlib.suppress(asyncio.CancelledError):
                await late
        return {item: Reason.TIMEOUT if task in pending else task.result() for task, item in tasks.items()}


async def _identify(item: Open, tools: Tools, budget: Budget) -> Service | Reason:
    if item.proto == "udp":
        return conclude(read_answer(item.port, item.reply), tools.match)
    async with budget.slots, tools.slots:
        return await visit(item.address, item.port, item.host, tools, budget)


def _left_out(names: Sequence[str]) -> list[str]:
    """Say which patterns took too long."""
    if not names:
        return []
    shown = ", ".join(names[:_SHOWN]) + (f" and {len(names) - _SHOWN} more" if len(names) > _SHOWN else "")
    return [f"These fingerprints took too long on a text and were left out: {shown}."]
