"""Join this host's listeners with what a report says that others reached of it (`--join`)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from secmon.checks.ports.probe.canary import open_canary
from secmon.checks.ports.probe.eyes import Eyes
from secmon.checks.ports.probe.reports import LIMIT, read_report
from secmon.checks.ports.reachability import Outside, join
from secmon.core.contract import Unavailable
from secmon.core.model import Completeness, Reason
from secmon.sources import files, net

if TYPE_CHECKING:
    from secmon.core.contract import Emit, Task
    from secmon.core.model import Fact, Target

_KIND: Final = "reachability"


@dataclass(frozen=True, slots=True)
class Handles:
    """What `observe` reads.

    Attributes:
        task: what was asked for.
        eyes: look at this host; without the right to look into other processes.
        reports: of each target, an open file, or why it could not be opened.
    """

    task: Task
    eyes: Eyes
    reports: tuple[int | Unavailable, ...]


def acquire(task: Task) -> Handles:
    """Open the reports, and what the look at this host reads."""
    return Handles(task, Eyes(), tuple(_open(str(target.options["join"])) for target in task.targets))


def observe(handles: Handles, emit: Emit) -> None:
    """Look, read, join, and tell."""
    with open_canary() as canary:
        listing = handles.eyes.listing()
        canary.tell(listing, emit)
        facts = handles.eyes.describe(listing, canary.inodes, processes_too=False)
    rows = [dict(fact.values) for fact in facts]
    unseen, _ = handles.eyes.hindrance(listing)
    for target, report in zip(handles.task.targets, handles.reports, strict=True):
        emit.begin(target)
        try:
            joined = _join(target, report, rows, unseen)
        except Unavailable as why:
            emit.end(target, {_KIND: why.reason}, Completeness.FAILED, why.reason, why.detail)
            continue
        emit.facts(target, joined)
        emit.end(target, {_KIND: None}, Completeness.OK)


def _open(path: str) -> int | Unavailable:
    try:
        return files.open_regular(path)
    except Unavailable as why:
        return why


def _join(
    target: Target, report: int | Unavailable, rows: list[dict[str, object]], unseen: Reason | None
) -> list[Fact]:
    if isinstance(report, Unavailable):
        raise report
    name = str(target.options["join"])
    looks = _mine(read_report(files.read_all(report, LIMIT, name)), target.asset)
    if not looks:
        raise Unavailable(
            Reason.NO_DATA,
            f"{name} tells of no look from outside at {target.asset}, by its id or an address of this host; "
            "scan this host from elsewhere, with the same asset id or by one of its addresses.",
        )
    return join(rows, unseen, looks)


def _mine(looks: list[Outside], asset: str) -> list[Outside]:
    """Return the looks at this host: by the id of the asset, or by an address of its own."""
    own = net.own_addresses()
    return [look for look in looks if look.asset == asset or not own.isdisjoint(look.addresses)]
