"""Run one probe, configuration or judge child, from the fork to its exit.

Every child goes the same way: close what is not its own, reach for what it needs with few privileges, give up
all privileges, and only then read a byte that somebody else wrote.
"""

from __future__ import annotations

import codecs
import json
import os
import signal
import time
from dataclasses import dataclass
from functools import partial
from importlib import import_module
from typing import TYPE_CHECKING, Final, NoReturn

from secmon.agent import confine
from secmon.agent.drain import write_all
from secmon.agent.exits import EXIT_CRASHED, EXIT_OK, EXIT_PERMISSION, EXIT_RESOURCE_LIMIT
from secmon.agent.frames import FrameWriter
from secmon.agent.processes import keep_descriptors
from secmon.core.codec import decode
from secmon.core.contract import Task, Unavailable
from secmon.core.model import Reason, Target

if TYPE_CHECKING:
    from secmon.agent.channel import Request
    from secmon.core.contract import CheckSpec, ProbeSpec, Registry
    from secmon.core.model import Form
    from secmon.core.plan import Invocation

PLAN_LIMIT: Final = 8 * 1024 * 1024
"""Bytes of a plan."""

# What json.loads picks for hostile bytes; after the drop the codecs' modules may be out of reach.
_JSON_CODECS: Final = ("utf-8-sig", "utf-16", "utf-16-be", "utf-16-le", "utf-32", "utf-32-be", "utf-32-le")

_CONFIG_LIMITS: Final = confine.Limits()
_JUDGE_LIMITS: Final = confine.Limits(memory_mib=1024)


@dataclass(frozen=True, slots=True)
class Entries:
    """The modules that configuration and judge children run; tests bring their own.

    Attributes:
        config: has `acquire(registry, invocation)` and `observe(handles, out)`.
        judge: has `prepare(check)` and `run(registry, invocation, plan, check, spool_fd, out)`.
    """

    config: str = "secmon.agent.config"
    judge: str = "secmon.agent.judge"


@dataclass(frozen=True, slots=True)
class Setup:
    """What all children of a spawner share.

    Attributes:
        registry: every check.
        invocation: what the command line fixed.
        entries: the modules of configuration and judge.
    """

    registry: Registry
    invocation: Invocation
    entries: Entries


@dataclass(frozen=True, slots=True)
class Job:
    """What the spawner hands to one child.

    Attributes:
        request: what to do.
        parent: pid of the spawner.
        out: write end of the result pipe.
        plan: memfd of the current plan, -1 where there is none.
        spool: memfd to judge, -1 where there is none.
    """

    request: Request
    parent: int
    out: int
    plan: int
    spool: int


def run(setup: Setup, job: Job) -> NoReturn:
    """Run a child to its end; called right after the fork, and never returns.

    Args:
        setup: what all children share.
        job: what this one does.
    """
    status = EXIT_CRASHED
    try:
        status = _run(setup, job)
    except MemoryError:
        status = EXIT_RESOURCE_LIMIT
    except BaseException as error:  # noqa: BLE001  # the one place where whatever a probe raises becomes a reason
        if isinstance(error, PermissionError):
            status = EXIT_PERMISSION
        FrameWriter(partial(write_all, job.out), time.time).crash(_describe(error))
    finally:
        os._exit(status)


def _run(setup: Setup, job: Job) -> int:
    _settle(job)
    match job.request.do:
        case "plan":
            return _run_config(setup, job)
        case "judge":
            return _run_judge(setup, job)
        case _:
            return _run_probe(setup.registry.checks[job.request.check], job)


def _settle(job: Job) -> None:
    """Leave the spawner behind: its signals, its group, its descriptors (its socket above all)."""
    os.setpgid(0, 0)
    confine.die_with_parent(job.parent)
    signal.set_wakeup_fd(-1)
    for number in (signal.SIGCHLD, signal.SIGTERM, signal.SIGHUP, signal.SIGINT):
        signal.signal(number, signal.SIG_DFL)
    keep_descriptors((job.out, job.plan, job.spool), null=(0, 1, 2))
    for codec in _JSON_CODECS:
        codecs.lookup(codec)
    confine.set_name(f"secmon:{job.request.check or job.request.do}")


def _drop(job: Job, limits: confine.Limits) -> None:
    """Give up all privileges but what the limits keep.

    Raises:
        PermissionError: not possible, so that nothing may be read.
    """
    try:
        confine.drop(limits)
    except OSError as error:
        detail = (
            f"the child could not give up its privileges ({error.strerror}); run secmon as a user of its own"
        )
        raise PermissionError(error.errno, detail) from error
    confine.die_with_parent(job.parent)
    confine.set_not_dumpable()


def _run_config(setup: Setup, job: Job) -> int:
    entry = import_module(setup.entries.config)
    confine.narrow((), ())
    handles = entry.acquire(setup.registry, setup.invocation)
    _drop(job, _CONFIG_LIMITS)
    with os.fdopen(job.out, "wb", closefd=False) as out:
        return int(entry.observe(handles, out))


def _run_judge(setup: Setup, job: Job) -> int:
    entry = import_module(setup.entries.judge)
    entry.prepare(job.request.check)
    _drop(job, _JUDGE_LIMITS)
    plan = os.pread(job.plan, PLAN_LIMIT, 0)
    with os.fdopen(job.out, "wb", closefd=False) as out:
        return int(entry.run(setup.registry, setup.invocation, plan, job.request.check, job.spool, out))


def _run_probe(check: CheckSpec, job: Job) -> int:
    probe = next(spec for spec in check.probes if spec.name == job.request.probe)
    task = make_task(check, probe, job.request, os.pread(job.plan, PLAN_LIMIT, 0), time.time())
    os.close(job.plan)
    if not task.targets:
        return EXIT_OK
    frames = FrameWriter(partial(write_all, job.out), time.time)
    limits = confine.Limits(probe.observe_with, probe.memory_mib, probe.cpu_seconds, probe.processes)
    try:
        module = import_module(probe.module)
        confine.narrow(probe.acquire_with, probe.observe_with)
        handles = module.acquire(task)
        _drop(job, limits)
        module.observe(handles, frames)
    except Unavailable as error:
        _give_up(frames, task, check, probe, error)
    except PermissionError as error:
        refused = Unavailable(Reason.PERMISSION, f"{error.filename or probe.name}: {error.strerror or error}")
        _give_up(frames, task, check, probe, refused)
    return EXIT_OK


def _give_up(frames: FrameWriter, task: Task, check: CheckSpec, probe: ProbeSpec, why: Unavailable) -> None:
    for target in task.targets:
        frames.give_up(target, unseen(check, probe, target.form, why.reason), why.reason, why.detail)


def unseen(check: CheckSpec, probe: ProbeSpec, form: Form, reason: Reason) -> dict[str, Reason]:
    """Return `looked` of an observation in which a probe saw nothing.

    Args:
        check: the declaration of the check.
        probe: one of its probes.
        form: form of the target.
        reason: why nothing was seen.

    Returns:
        Every kind (or `kind/PART`) that the probe yields for targets of that form, with the reason.
    """
    kinds = [kind for kind in check.kinds if kind.name in probe.kinds and form in kind.sources]
    names = [f"{kind.name}/{part}" if part else kind.name for kind in kinds for part in kind.parts or ("",)]
    return dict.fromkeys(names, reason)


def make_task(check: CheckSpec, probe: ProbeSpec, request: Request, plan: bytes, now: float) -> Task:
    """Take from the plan what one probe needs.

    A target goes to every probe of its check that serves its form: each yields kinds of its own.

    Args:
        check: the declaration of the check.
        probe: one of its probes.
        request: gives the deadline, and whether the probe goes on for ever.
        plan: the two lines of the configuration child, of which the second is for children.
        now: Unix seconds.

    Returns:
        The task; without targets where the plan has none for the probe.
    """
    # Only the parts that a probe needs are decoded: a plan may hold hundreds of rules.
    children = json.loads(plan.split(b"\n", 2)[1])
    mine = (decode(Target, item) for item in children["targets"] if item["check"] == check.name)
    return Task(
        check=check.name,
        probe=probe.name,
        targets=tuple(
            target for target in mine if target.hours == request.hours and probe in check.serving(target)
        ),
        settings=children["settings"].get(check.name, {}),
        allowed_networks=tuple(children["allowed_networks"]),
        known_sources=tuple(children["known_sources"]),
        deadline=request.deadline,
        now=now,
        once=request.do != "capture",
    )


def _describe(error: BaseException) -> str:
    """Return `Type: text (module:line)`; the source lines of a traceback could not be read here."""
    place = error.__traceback__
    while place is not None and place.tb_next is not None:
        place = place.tb_next
    where = f" ({place.tb_frame.f_globals.get('__name__')}:{place.tb_lineno})" if place else ""
    return f"{type(error).__name__}: {error}"[:900] + where
