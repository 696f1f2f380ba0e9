"""Look at what listens on this host: once, or, in the daemon, all the time."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Final

from secmon.checks.ports.probe.canary import open_canary
from secmon.checks.ports.probe.eyes import Eyes
from secmon.checks.ports.probe.watch import watch
from secmon.core.model import Completeness

if TYPE_CHECKING:
    from collections.abc import Sequence

    from secmon.core.contract import Emit, Task
    from secmon.core.model import Fact
    from secmon.sources import diag

_KIND: Final = "listener"


@dataclass(frozen=True, slots=True)
class Handles:
    """What `observe` reads.

    Attributes:
        task: what was asked for.
        eyes: look at this host.
    """

    task: Task
    eyes: Eyes


def acquire(task: Task) -> Handles:
    """Open what the look reads."""
    return Handles(task, Eyes())


def observe(handles: Handles, emit: Emit) -> None:
    """List the listeners, say who holds them, and tell; in the daemon again and again."""
    eyes, tell = handles.eyes, partial(_tell, handles, emit)
    if not handles.task.once:
        watch(eyes, emit, tell, handles.task.deadline)
    with open_canary() as canary:
        listing = eyes.listing()
        canary.tell(listing, emit)
        facts = eyes.describe(listing, canary.inodes, processes_too=True)
    tell(listing, facts)


def _tell(handles: Handles, emit: Emit, listing: diag.Listing, facts: Sequence[Fact]) -> None:
    """Tell one observation of every target: what was seen, and how well."""
    reason, detail = handles.eyes.hindrance(listing)
    failed = Completeness.PARTIAL if facts else Completeness.FAILED
    for target in handles.task.targets:
        emit.begin(target)
        emit.facts(target, facts)
    for target in handles.task.targets:
        emit.end(target, {_KIND: reason}, failed if reason else Completeness.OK, reason, detail)
