"""Put the parts together: the one module that knows everybody."""

from __future__ import annotations

import os
import platform
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from secmon import __version__
from secmon.agent import spawner
from secmon.agent.child import Entries
from secmon.checks import load

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from secmon.agent.audit import Audit
    from secmon.agent.question import Answer
    from secmon.core.contract import Registry
    from secmon.core.model import Json
    from secmon.core.plan import Invocation
    from secmon.core.rule import Fault, Rule


@dataclass(frozen=True, slots=True)
class ScanResult:
    """What an audit on demand came to.

    Attributes:
        report: `secmon.report/1`, None where the input files have faults.
        faults: what is wrong with them.
        notes: what a person should know about them all the same.
    """

    report: Json | None
    faults: tuple[Fault, ...] = ()
    notes: tuple[str, ...] = ()


def _no_progress(_check: str, _done: int, _total: int) -> None:
    """Drop what a probe tells of its progress."""


def _audit(
    registry: Registry,
    invocation: Invocation,
    on_progress: Callable[[str, int, int], None],
    *,
    checks: bool,
) -> Audit:
    channel = spawner.start(registry, invocation)  # before anything else is imported or opened
    from secmon.agent.audit import Audit

    audit = Audit(channel, on_progress, time.time)
    try:
        audit.run(checks=checks)
    finally:
        channel.close()
    return audit


def scan(
    invocation: Invocation,
    on_progress: Callable[[str, int, int], None] = _no_progress,
    registry: Registry | None = None,
) -> ScanResult:
    """Audit once.

    Args:
        invocation: what the command line fixed.
        on_progress: called with check, done, total.
        registry: every check, the shipped ones by default.

    Returns:
        The report, or the faults of the input files.

    Raises:
        PlanFailed: the configuration could not even be read to the end.
        SpawnerGone: the process that runs the checks has ended.
    """
    started = time.time()
    registry = registry or load()
    audit = _audit(registry, invocation, on_progress, checks=True)
    if audit.plan is None:
        return ScanResult(None, audit.faults)
    from secmon.core.report import build_report, stamp

    header = {
        "generator": {"name": "secmon", "version": __version__},
        "agent": {"name": audit.plan.agent, "os": _os_name(), "kernel": os.uname().release},
        "started": stamp(started),
    }
    judgements = [audit.judgements[check] for check in audit.plan.checks if check in audit.judgements]
    rules = (rule for judgement in judgements for rule in judgement.rules)
    settled = _settled(registry, invocation, rules)
    report = build_report(audit.plan, judgements, header=header, finished=time.time(), settled=settled)
    return ScanResult(report, notes=audit.plan.notes)


def _settled(registry: Registry, invocation: Invocation, rules: Iterable[Rule]) -> frozenset[str]:
    """Return the rules that were judged on all that is configured, and on what is, not on what passed by."""
    if invocation.targets or invocation.root or invocation.pcap or invocation.interface:
        return frozenset()
    kinds = ((rule.id, registry.kind(rule.check, rule.kind)) for rule in rules)
    return frozenset(rule_id for rule_id, kind in kinds if kind is not None and not kind.passing)


def check_config(invocation: Invocation) -> tuple[Fault, ...]:
    """Read the configuration with everything that it names, and run nothing.

    Args:
        invocation: what the command line fixed.

    Returns:
        Every fault of every file; where there is none, warnings of what somebody should look at all the same.

    Raises:
        PlanFailed: it could not be read to the end.
        SpawnerGone: the process that reads it has ended.
    """
    audit = _audit(load(), invocation, _no_progress, checks=False)
    if audit.plan is None:
        return audit.faults
    from secmon.core.waivers import find_doubtful

    return (*audit.plan.warnings, *find_doubtful(audit.plan.waivers, time.time()))


def ask_rules(invocation: Invocation, registry: Registry | None = None) -> Answer:
    """Check, test, list or explain rules.

    Args:
        invocation: what the command line fixed; its command says what is asked.
        registry: every check, the shipped ones by default.

    Returns:
        The answer, or the faults of the input files.

    Raises:
        PlanFailed: they could not be read to the end.
        SpawnerGone: the process that reads them has ended.
    """
    return _ask(registry or load(), invocation, "secmon.agent.rulework")


def _ask(registry: Registry, invocation: Invocation, module: str) -> Answer:
    """Have a child do what a module is for, and return its answer."""
    channel = spawner.start(registry, invocation, Entries(module))
    from secmon.agent.question import ask

    try:
        return ask(channel)
    finally:
        channel.close()


def verify_packs(invocation: Invocation) -> Answer:
    """Verify the signatures of packs.

    Args:
        invocation: names the packs and who may sign.

    Returns:
        `packs` with what each is or why it is refused, and `notes`; or the faults of what cannot be read.

    Raises:
        PlanFailed: they could not be read to the end.
        SpawnerGone: the process that reads them has ended.
    """
    return _ask(load(), invocation, "secmon.agent.packcheck")


def ask_inventory(invocation: Invocation) -> Answer:
    """Check an inventory, or make of it what Prometheus reads.

    Args:
        invocation: names the inventory and the packs; its command says what is asked.

    Returns:
        The answer, or the faults of the input files.

    Raises:
        PlanFailed: they could not be read to the end.
        SpawnerGone: the process that reads them has ended.
    """
    return _ask(load(), invocation, "secmon.agent.inventorywork")


def _os_name() -> str:
    try:
        return platform.freedesktop_os_release()["PRETTY_NAME"]
    except (OSError, KeyError):
        return platform.system()


def run_daemon(invocation: Invocation) -> int:
    """Run the agent until it is told to end.

    Args:
        invocation: what the command line fixed.

    Returns:
        0 after an orderly end, 1 where it cannot go on, 2 where the configuration is bad at the start.
    """
    registry = load()
    channel = spawner.start(registry, invocation)  # before anything else is imported or opened
    from secmon.agent import daemon
    from secmon.export.http import Front
    from secmon.export.metrics import Renderer

    renderer = Renderer(registry)
    setup = daemon.Setup(
        registry=registry,
        version=__version__,
        front=lambda selector: Front(selector, renderer.render),
        environment=os.environ,
    )
    return daemon.run(channel, setup)


def status(invocation: Invocation) -> Json:
    """Read how the agent with this configuration is.

    Args:
        invocation: what the command line fixed.

    Returns:
        `secmon.status/1`.

    Raises:
        StatusUnavailable: its state cannot be found or read.
        PlanFailed: the configuration could not be read to the end.
        SpawnerGone: the process that reads it has ended.
    """
    audit = _audit(load(), invocation, _no_progress, checks=False)
    from secmon.agent.status import StatusUnavailable, read_status

    if audit.plan is None:
        raise StatusUnavailable("; ".join(map(str, audit.faults)))
    return read_status(Path(audit.plan.state_dir))
