"""Look at this host's own listeners on ports where TLS is likely."""

from __future__ import annotations

import asyncio
import datetime as dt
from contextlib import ExitStack
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from secmon.checks.tls.facts import Findings, Place, build_facts
from secmon.checks.tls.probe import canary, roots
from secmon.checks.tls.probe.endpoint import open_canary, prove, quiet
from secmon.checks.tls.probe.examine import examine
from secmon.core.contract import Emit, Task, Unavailable
from secmon.core.model import Completeness, Reason
from secmon.core.texts import cut, escape
from secmon.sources import diag
from secmon.sources.net import Gate, own_addresses

if TYPE_CHECKING:
    from collections.abc import Iterable

    from secmon.checks.tls.facts import Trust
    from secmon.core.model import Target

LIKELY_PORTS: Final = frozenset(
    {
        443, 4443, 8443, 9443, 10443,  # https, consoles
        465, 563, 636, 853, 989, 990, 992, 993, 994, 995,  # smtp nntp ldap dns ftp telnet imap irc pop3
        2376, 2379, 2380, 3269, 5061, 5671, 5986,  # docker etcd ldap sip amqp winrm
        6443, 6514, 6697, 8006, 8089, 8883, 9093, 10250,  # kubernetes syslog irc proxmox splunk mqtt kafka
    }
)  # fmt: skip
"""Ports whose protocol begins with a TLS hello, by IANA's registry or by custom."""

_AT_ONCE: Final = 4
_LISTENERS_LIMIT: Final = 64

_WILDCARD: Final = {"0.0.0.0": "127.0.0.1", "::": "::1"}  # noqa: S104  # what others bound to, not we


@dataclass(frozen=True, slots=True)
class Handles:
    """What `observe` works with.

    Attributes:
        task: targets and settings.
        gate: lets addresses through.
        stores: every source of roots.
        sockets: where the kernel's listeners are read.
        canary: the sensor's own server, or why there is none.
    """

    task: Task
    gate: Gate
    stores: tuple[roots.OpenStore, ...]
    sockets: diag.Handles
    canary: canary.Canary | Unavailable


def acquire(task: Task) -> Handles:
    """Open the roots, the kernel's tables and the canary's listener.

    Args:
        task: LOCAL targets.

    Raises:
        Unavailable: this host's own addresses are not known, so that the gate cannot judge.
    """
    wanted = [*task.settings["trust"]]
    for target in task.targets:
        wanted += target.options.get("trust") or ()
    folders = (roots.open_folder(path) for path in dict.fromkeys(wanted))
    gate = Gate(task.allowed_networks, own_addresses())
    return Handles(task, gate, (roots.open_system_store(), *folders), diag.acquire(), open_canary(task))


def observe(handles: Handles, emit: Emit) -> None:
    """Look at every likely listener of this host.

    Args:
        handles: from `acquire`.
        emit: where to tell.
    """
    with ExitStack() as stack:
        quiet(stack)
        listing = diag.listening(handles.sockets)  # before the canary listens
        asyncio.run(_observe(handles, listing, emit))


def choose_listeners(sockets: Iterable[diag.Socket]) -> list[tuple[str, int]]:
    """Return where likely TLS listeners can be spoken to.

    A service that listens on every address of both families is one service: it is asked over IPv4 only.

    Args:
        sockets: listeners of this host.

    Returns:
        Address and port, sorted.
    """
    likely = {
        (each.address, each.port)
        for each in sockets
        if each.proto == "tcp" and each.port in LIKELY_PORTS and not each.address.startswith("fe80:")
    }
    both = {port for address, port in likely if address == "0.0.0.0"}  # noqa: S104  # bound by others
    return sorted(
        {
            (_WILDCARD.get(address, address), port)
            for address, port in likely
            if not (address == "::" and port in both)
        }
    )


async def _observe(handles: Handles, listing: diag.Listing, emit: Emit) -> None:
    await prove(handles.canary, emit)
    trust = roots.combine([roots.read(store) for store in handles.stores])
    chosen = choose_listeners(listing.sockets)
    for target in handles.task.targets:
        emit.begin(target)
        slots = asyncio.Semaphore(_AT_ONCE)
        outcomes = await asyncio.gather(
            *(_look(handles, trust, slots, *place) for place in chosen[:_LISTENERS_LIMIT])
        )
        failures = [each for each in outcomes if isinstance(each, Unavailable)]
        failures += _shortcomings(listing, len(chosen))
        _tell(target, [each for each in outcomes if isinstance(each, Findings)], failures, emit)


async def _look(
    handles: Handles, trust: Trust, slots: asyncio.Semaphore, address: str, port: int
) -> Findings | Unavailable | None:
    """Look at one listener; None where it does not speak TLS: its port only made that likely."""
    now = dt.datetime.fromtimestamp(handles.task.now, dt.UTC)
    place = Place(address, port)
    async with slots:
        try:
            handles.gate.check(address)
            sight = await examine(place, [address], float(handles.task.settings["timeout"]))
        except Unavailable as error:
            return None if error.reason is Reason.NOT_TLS else error
    return build_facts(place, sight, trust, now)


def _shortcomings(listing: diag.Listing, chosen: int) -> list[Unavailable]:
    """Say why the list of listeners may lack some."""
    if listing.failure:
        return [Unavailable(Reason.NO_DATA, f"This host's listeners cannot be listed: {listing.failure}.")]
    if not listing.complete:
        return [Unavailable(Reason.BAD_DATA, "This host's listeners changed while they were listed.")]
    if chosen > _LISTENERS_LIMIT:
        detail = f"Only {_LISTENERS_LIMIT} of {chosen} likely TLS listeners were looked at."
        return [Unavailable(Reason.RESOURCE_LIMIT, detail)]
    return []


def _tell(target: Target, found: list[Findings], failures: list[Unavailable], emit: Emit) -> None:
    emit.facts(target, [each.endpoint for each in found])
    reason = failures[0].reason if failures else None
    details = [failure.detail for failure in failures] or [each.detail for each in found if each.detail]
    more = f" And {len(details) - 1} more." if len(details) > 1 else ""
    completeness = Completeness.OK if reason is None else Completeness.PARTIAL
    if reason and not found:
        completeness = Completeness.FAILED
    detail = escape(cut(details[0] + more)) if details else ""
    emit.end(target, {"endpoint": reason}, completeness, reason, detail)
