"""Look at the endpoints that the configuration or the command line names."""

from __future__ import annotations

import asyncio
import datetime as dt
import encodings.idna  # noqa: F401  # names in other scripts need it, and nothing is imported later
import time
import warnings
from contextlib import ExitStack
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from cryptography.utils import CryptographyDeprecationWarning

from secmon.checks.tls.facts import Findings, Place, Trust, build_facts
from secmon.checks.tls.names import to_address, to_ascii
from secmon.checks.tls.probe import canary, roots
from secmon.checks.tls.probe.examine import examine
from secmon.core.contract import Emit, Task, Unavailable
from secmon.core.model import Completeness, Reason, Target
from secmon.core.texts import cut, escape
from secmon.sources.net import Gate, own_addresses, resolve

if TYPE_CHECKING:
    from collections.abc import Mapping

ENDPOINTS_AT_ONCE: Final = 32
"""Endpoints that are looked at at the same time; each holds at most three connections."""

_RESOLVING_SHARE: Final = 0.4  # of the deadline: a resolver that hangs must not eat the rest


@dataclass(frozen=True, slots=True)
class Handles:
    """What `observe` works with.

    Attributes:
        task: targets and settings.
        gate: lets addresses through.
        system: the system's roots.
        folders: trust folder -> its roots.
        canary: the sensor's own server, or why there is none.
    """

    task: Task
    gate: Gate
    system: roots.OpenStore
    folders: Mapping[str, roots.OpenStore]
    canary: canary.Canary | Unavailable


def acquire(task: Task) -> Handles:
    """Open the roots and the canary's listener.

    Args:
        task: ENDPOINT targets.

    Raises:
        Unavailable: this host's own addresses are not known, so that the gate cannot judge.
    """
    wanted = dict.fromkeys(path for target in task.targets for path in _trust_folders(task, target))
    return Handles(
        task,
        Gate(task.allowed_networks, own_addresses()),
        roots.open_system_store(),
        {path: roots.open_folder(path) for path in wanted},
        open_canary(task),
    )


def open_canary(task: Task) -> canary.Canary | Unavailable:
    """Return the sensor's own server, or why there is none.

    Args:
        task: gives the time.
    """
    try:
        return canary.open_canary(task.now)
    except Unavailable as error:
        return error


def observe(handles: Handles, emit: Emit) -> None:
    """Look at every target, many at once.

    Args:
        handles: from `acquire`.
        emit: where to tell.
    """
    with ExitStack() as stack:
        quiet(stack)
        asyncio.run(_observe(handles, emit))


def quiet(stack: ExitStack) -> None:
    """Keep cryptography from warning of foreign certificates' oddities; facts tell them.

    Args:
        stack: ends it.
    """
    stack.enter_context(warnings.catch_warnings())
    warnings.simplefilter("ignore", CryptographyDeprecationWarning)


async def prove(ready: canary.Canary | Unavailable, emit: Emit) -> None:
    """Tell what became of the canary.

    Args:
        ready: from `open_canary`.
        emit: is told once.
    """
    if isinstance(ready, Unavailable):
        emit.canary(ready.reason, ready.detail)
    else:
        await canary.prove(ready, emit)


class _Sweep:
    """The state of one run over all targets."""

    def __init__(self, handles: Handles, emit: Emit) -> None:
        self._handles = handles
        self._emit = emit
        self._slots = asyncio.Semaphore(ENDPOINTS_AT_ONCE)
        self._trusts = _load_trusts(handles)
        self._done = 0

    async def look(self, target: Target, addresses: tuple[str, ...] | Unavailable) -> None:
        """Look at one target and tell what was seen."""
        async with self._slots:
            self._emit.begin(target)
            try:
                findings = await self._see(target, addresses)
            except Unavailable as error:
                looked = dict.fromkeys(("endpoint", "certificate"), error.reason)
                self._emit.end(target, looked, Completeness.FAILED, error.reason, escape(cut(error.detail)))
            else:
                self._tell(target, findings)
        self._done += 1
        self._emit.progress(self._done, len(self._handles.task.targets))

    async def _see(self, target: Target, addresses: tuple[str, ...] | Unavailable) -> Findings:
        if protocol := target.options.get("starttls"):
            detail = f"STARTTLS ({protocol}) cannot be looked at yet; name a port that begins with TLS."
            raise Unavailable(Reason.UNSUPPORTED, detail)
        if isinstance(addresses, Unavailable):
            raise addresses
        place = make_place(target)
        allowed = _allowed(self._handles.gate, addresses, named=bool(target.options.get("named")))
        sight = await examine(place, allowed, float(self._handles.task.settings["timeout"]))
        trust = self._trusts[_trust_folders(self._handles.task, target)]
        now = dt.datetime.fromtimestamp(self._handles.task.now, dt.UTC)
        return build_facts(place, sight, trust, now)

    def _tell(self, target: Target, findings: Findings) -> None:
        self._emit.facts(target, [findings.endpoint, *findings.certificates])
        unseen = findings.chain_unseen
        looked = {"endpoint": None, "certificate": unseen}
        completeness = Completeness.PARTIAL if unseen else Completeness.OK
        self._emit.end(target, looked, completeness, unseen, escape(cut(findings.detail)))


async def _observe(handles: Handles, emit: Emit) -> None:
    await prove(handles.canary, emit)
    sweep = _Sweep(handles, emit)
    numeric = [target for target in handles.task.targets if to_address(target.options["host"])]
    named = [target for target in handles.task.targets if not to_address(target.options["host"])]
    # Resolving blocks, so no connection may be open meanwhile; addresses first, since they need none.
    for targets in (numeric, named):
        resolved = _resolve_all(targets, handles.task)
        await asyncio.gather(*(sweep.look(target, resolved[target.options["host"]]) for target in targets))


def _resolve_all(targets: list[Target], task: Task) -> dict[str, tuple[str, ...] | Unavailable]:
    """Resolve every name once, for a bounded share of the deadline."""
    end = time.monotonic() + task.deadline * _RESOLVING_SHARE
    resolved: dict[str, tuple[str, ...] | Unavailable] = {}
    for host in dict.fromkeys(target.options["host"] for target in targets):
        if time.monotonic() > end:
            detail = f"{cut(host)} was not resolved: the names before it took too long."
            resolved[host] = Unavailable(Reason.DNS_FAILURE, detail)
            continue
        try:
            resolved[host] = resolve(host.removeprefix("[").removesuffix("]"))
        except Unavailable as error:
            resolved[host] = error
    return resolved


def _allowed(gate: Gate, addresses: tuple[str, ...], *, named: bool) -> list[str]:
    """Return the addresses that the gate lets through; the first refusal where it lets none."""
    allowed: list[str] = []
    refusal: Unavailable | None = None
    for address in addresses:
        try:
            gate.check(address, named=named)
        except Unavailable as error:
            refusal = refusal or error
        else:
            allowed.append(address)
    if not allowed and refusal:
        raise refusal
    return allowed


def make_place(target: Target) -> Place:
    """Return what an ENDPOINT target asks to look at.

    Args:
        target: with `host` and `port`, perhaps `sni` and `pin_sha256`.
    """
    options = target.options
    expected = options.get("sni") or options["host"]
    server_name = "" if to_address(expected) else to_ascii(expected)
    pin = (options.get("pin_sha256") or "").replace(":", "").lower()
    return Place(options["host"], options["port"], server_name, expected, pin)


def _trust_folders(task: Task, target: Target) -> tuple[str, ...]:
    return (*task.settings["trust"], *(target.options.get("trust") or ()))


def _load_trusts(handles: Handles) -> dict[tuple[str, ...], Trust]:
    """Load each store once, and make the roots of each combination that a target wants."""
    wanted = {_trust_folders(handles.task, target) for target in handles.task.targets}
    loaded = {path: roots.read(store) for path, store in handles.folders.items()}
    system = roots.read(handles.system)
    return {
        combination: roots.combine([system, *(loaded[path] for path in combination)])
        for combination in wanted
    }
