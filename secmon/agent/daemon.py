"""Run the core: a clock, a pipe and a page in one loop, with no privilege and nothing that blocks."""

from __future__ import annotations

import os
import selectors
import signal
import time
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Final, Protocol

from secmon.agent import confine
from secmon.agent.channel import SpawnerGone
from secmon.agent.hooks import Hooks
from secmon.agent.log import Level, make_log
from secmon.agent.memory import Memory
from secmon.agent.reload import Refused, read_plan
from secmon.agent.schedule import Schedule
from secmon.agent.signals import delivered
from secmon.agent.status import make_status
from secmon.agent.store import StateLocked, StateTooNew, Store
from secmon.agent.supervisor import Supervisor
from secmon.agent.systemd import Notifier
from secmon.agent.usage import read_usage, trim_heap
from secmon.core.model import Reason
from secmon.core.snapshot import Agent, CheckStats, Reload, build
from secmon.core.waivers import find_doubtful

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from secmon.agent.channel import Channel
    from secmon.core.contract import Registry
    from secmon.core.judgement import Judgement
    from secmon.core.plan import CheckPlan, CorePlan, Listen
    from secmon.core.rule import Fault
    from secmon.core.snapshot import Snapshot

SNAPSHOT_SECONDS: Final = 15.0
"""The page shows an instant at most this old."""

_REJUDGE_SECONDS: Final = 30.0  # after a reload the page waits so long for its judgements, not longer
_STATUS_SECONDS: Final = 60.0
_TURN_SECONDS: Final = 2.0  # the supervisor wants to be called so often

EXIT_OK: Final = 0
EXIT_FAILED: Final = 1
EXIT_BAD_CONFIGURATION: Final = 2


class Front(Protocol):
    """Where snapshots go: the page and its server (secmon.export.http)."""

    ready: bool

    @property
    def rejected(self) -> dict[str, int]:
        """Return how many requests and connections were refused, by reason."""
        ...

    def listen(self, listen: Listen) -> tuple[str, int]:
        """Serve as configured; raises an OSError whose text is for a person."""
        ...

    def publish(self, snapshot: Snapshot) -> None:
        """Serve a snapshot from now on."""
        ...

    def sweep(self) -> float | None:
        """Close what is overdue; seconds until this wants to be called again."""
        ...

    def close(self) -> None:
        """Close every socket."""
        ...


@dataclass(frozen=True, slots=True)
class Setup:
    """What the composition root plugs into the core.

    Attributes:
        registry: every check.
        version: of secmon.
        front: makes the server of the page, in the loop's selector.
        environment: variables of the process, for systemd.
    """

    registry: Registry
    version: str
    front: Callable[[selectors.BaseSelector], Front]
    environment: Mapping[str, str]


def run(channel: Channel, setup: Setup) -> int:
    """Run the agent until it is told to end.

    Call it in a process that has one thread and has imported everything: it gives up every capability first.

    Args:
        channel: the spawner, which keeps them.
        setup: what is plugged in.

    Returns:
        0 after an orderly end, 1 where it cannot go on, 2 where the configuration is bad at the start.
    """
    os.umask(0o077)
    confine.drop_all_capabilities()
    confine.set_not_dumpable()
    with selectors.DefaultSelector() as selector:
        return _Core(channel, setup, selector).run()


class _Core:
    """The state of the core's process."""

    def __init__(self, channel: Channel, setup: Setup, selector: selectors.BaseSelector) -> None:
        self._channel = channel
        self._setup = setup
        self._selector = selector
        self._log = make_log(setup.environment.get("JOURNAL_STREAM", ""))
        self._notifier = Notifier(setup.environment)
        self._supervisor = Supervisor(channel, selector, Hooks(self._take_plan, self._take_judgement))
        self._schedule = Schedule()
        selector.register(self._schedule, selectors.EVENT_READ, self._run_due)
        self._front = setup.front(selector)
        counters = (metric for check in setup.registry.checks.values() for metric in check.metrics)
        self._memory = Memory([metric.name for metric in counters if metric.type == "counter"])
        self._store: Store | None = None
        self._plan: CorePlan | None = None
        self._reload = Reload()
        self._reload_again = False
        self._exit: int | None = None
        self._awaited: dict[str, float] = {}  # check -> until when a page waits for it to be judged again
        self._due_at = 0.0
        self._sign_of_life_at = 0.0
        self._status_at = 0.0
        self._status: object = None
        self._serials: Mapping[str, int] = {}  # what is not written yet
        self._doubtful: tuple[Fault, ...] = ()  # waivers that were told of

    def run(self) -> int:
        """Serve until something ends it."""
        self._log(Level.INFO, "starting", {"version": self._setup.version, "pid": os.getpid()})
        if os.geteuid() == 0:
            advice = "root keeps power over its own files; use secmon.service"
            self._log(Level.WARNING, "running as root", {"advice": advice})
        with delivered(self._selector, self._obey):
            try:
                self._supervisor.reload()
                while self._exit is None:
                    self._turn()
            except SpawnerGone as error:
                self._log(Level.ERROR, "the spawner has ended", {"error": error})
                self._exit = EXIT_FAILED
            self._end()
        return self._exit

    def _turn(self) -> None:
        """Wait for something to happen and deal with it."""
        waits = [_TURN_SECONDS, self._front.sweep()]
        if self._notifier.watchdog_seconds is not None:
            waits.append(self._notifier.watchdog_seconds / 2)
        for key, _ in self._selector.select(min(wait for wait in waits if wait is not None)):
            key.data()
        self._supervisor.tick()
        step = self._schedule.check_clock()
        if step:
            self._log(Level.WARNING, "the clock was set", {"seconds": round(step, 1)})
        now = time.monotonic()
        if self._plan is not None and now >= self._due_at:
            self._tell_of_waivers(self._plan)
            self._judge_what_changes()
            self._draw()
            trim_heap()
        if self._notifier.watchdog_seconds is not None and now >= self._sign_of_life_at:
            self._sign_of_life_at = now + self._notifier.watchdog_seconds / 2
            self._notifier.tell("WATCHDOG=1")

    def _end(self) -> None:
        self._notifier.tell("STOPPING=1")
        self._log(Level.INFO, "ending", {})
        self._schedule.close()
        self._front.close()
        self._supervisor.close()
        if self._store is not None:
            self._store.close()
        self._channel.close()

    # What others tell.

    def _obey(self, number: signal.Signals) -> None:
        if number == signal.SIGHUP:
            self._notifier.tell("RELOADING=1", f"MONOTONIC_USEC={time.monotonic_ns() // 1000}")
            self._reload_again = not self._supervisor.reload()
        elif self._exit is None:
            self._exit = EXIT_OK

    def _run_due(self) -> None:
        for check in self._schedule.due():
            if not self._supervisor.enqueue(check):
                self._log(Level.WARNING, "run missed", {"check": check})

    def _take_plan(self, status: str, output: bytes) -> None:
        if self._reload_again:  # the files have changed since that reading began
            self._reload_again = not self._supervisor.reload()
        try:
            plan = read_plan(status, output, self._setup.version)
        except Refused as refused:
            self._refuse(refused)
            return
        if self._plan is None:
            self._begin(plan)
        else:
            self._change(self._plan, plan)

    def _refuse(self, refused: Refused) -> None:
        for fault in refused.faults:
            self._log(Level.ERROR, "configuration refused", {"fault": fault})
        if self._plan is None:
            self._exit = EXIT_FAILED if refused.unread else EXIT_BAD_CONFIGURATION
            return
        self._reload = Reload(time.time(), refused.config, refused.rules)
        self._draw()
        self._notifier.tell("READY=1", "STATUS=The configuration has faults; the one before is in use.")

    def _begin(self, plan: CorePlan) -> None:
        """Open state and page, and start every check."""
        try:
            self._store = Store(Path(plan.state_dir), self._report_state)
            address, port = self._front.listen(plan.listen)
        except (StateLocked, StateTooNew, OSError) as error:
            self._log(Level.ERROR, "cannot start", {"error": error})
            self._exit = EXIT_FAILED
            return
        restored = self._store.load()
        self._memory.restore(restored.judged, restored.findings)
        self._reload = Reload(time.time())
        self._use(plan)
        for check, settings in plan.checks.items():
            if not settings.at_work:
                self._supervisor.enqueue(check)
        self._draw()
        self._front.ready = True
        self._log(Level.INFO, "serving", {"address": address, "port": port, "tls": plan.listen.tls})
        self._notifier.tell("READY=1", f"STATUS=Serving on {address} port {port}.")

    def _change(self, before: CorePlan, plan: CorePlan) -> None:
        """Work from a new plan: what was seen is judged again, and where something changed also looked at."""
        moved = self._move(before.listen, plan.listen)
        self._reload = Reload(time.time(), config=moved)
        if plan.state_dir != before.state_dir:
            self._log(Level.WARNING, "state_dir changes with the next start", {"state_dir": before.state_dir})
        self._use(plan if moved else replace(plan, listen=before.listen))
        until = time.monotonic() + _REJUDGE_SECONDS
        self._awaited = {check: until for check in plan.checks if self._supervisor.rejudge(check)}
        if plan.digest != before.digest:
            self._run_changed(before.checks, plan.checks)
        self._draw()
        self._notifier.tell("READY=1", "STATUS=The configuration was read again.")

    def _run_changed(self, before: Mapping[str, CheckPlan], checks: Mapping[str, CheckPlan]) -> None:
        """Run what the schedule does not run at once by itself, since its interval has not changed."""
        for check, settings in checks.items():
            old = before.get(check)
            if _is_scheduled(settings):
                wanted = old is not None and _is_scheduled(old) and old.interval == settings.interval
            else:
                wanted = not settings.at_work
            if wanted:
                self._supervisor.enqueue(check)

    def _move(self, before: Listen, now: Listen) -> bool:
        """Serve as configured, certificates read again; False where that fails, and the page stays as was."""
        try:
            address, port = self._front.listen(now)
        except OSError as error:
            self._log(Level.ERROR, "listen refused", {"error": error})
            return False
        if before != now:
            self._log(Level.INFO, "serving", {"address": address, "port": port, "tls": now.tls})
        return True

    def _use(self, plan: CorePlan) -> None:
        self._plan = plan
        self._serials = plan.serials
        for note in plan.notes:
            self._log(Level.WARNING, "packs", {"note": note})
        for warning in plan.warnings:
            self._log(Level.WARNING, "configuration", {"warning": warning})
        self._supervisor.use(plan)
        scheduled = {check: item.interval for check, item in plan.checks.items() if _is_scheduled(item)}
        self._schedule.plan(scheduled)
        rules = len(plan.rules)
        self._log(
            Level.INFO, "plan in use", {"digest": plan.digest, "rules": rules, "assets": len(plan.assets)}
        )
        self._tell_of_waivers(plan)

    def _tell_of_waivers(self, plan: CorePlan) -> None:
        """Log waivers that have expired or are too broad: once each, also of those that end meanwhile."""
        found = tuple(find_doubtful(plan.waivers, time.time()))
        for warning in found:
            if warning not in self._doubtful:
                self._log(Level.WARNING, "waiver", {"warning": warning})
        self._doubtful = found

    def _take_judgement(self, check: str, judgement: Judgement | None, reason: Reason | None) -> None:
        plan, now = self._plan, time.time()
        if plan is None or self._store is None or check not in plan.checks:
            return
        if judgement is not None and judgement.check == check:
            judged, changes = self._memory.take(judgement, plan, now)
            self._store.save(judged, judgement.results, changes, now)
        else:
            judged, changes = self._memory.fail(check, plan, reason or Reason.CRASHED)
            self._store.save(judged, (), changes, now)
        self._log(
            Level.INFO if judged.failure is None else Level.WARNING,
            "judged",
            {
                "check": check,
                "reason": judged.failure,
                "new": len(changes.new),
                "open": len(changes.remaining),
                "resolved": len(changes.resolved),
            },
        )
        self._awaited.pop(check, None)
        self._due_at = 0.0

    def _report_state(self, error: str) -> None:
        self._log(Level.ERROR, "state not written", {"error": error})

    # The page.

    def _judge_what_changes(self) -> None:
        """Judge again what time alone has changed: a certificate has expired, a date has passed."""
        now = time.time()
        for check, judged in self._memory.judged.items():
            if 0 < judged.changes_at <= now:
                self._supervisor.rejudge(check)

    def _draw(self) -> None:
        """Render the page, unless judgements of a new plan are under way: half of them would mislead."""
        now = time.monotonic()
        if self._plan is None or any(until > now for until in self._awaited.values()):
            return
        self._awaited.clear()
        self._due_at = now + SNAPSHOT_SECONDS
        coming = self._schedule.next_times()
        stats = {check: self._stats(check, coming.get(check)) for check in self._plan.checks}
        snapshot = build(self._memory.inputs(self._plan, stats), self._agent(), time.time())
        self._front.publish(snapshot)
        self._keep_status(snapshot, now)

    def _agent(self) -> Agent:
        return Agent(
            version=self._setup.version,
            root=os.geteuid() == 0,
            reload=self._reload,
            usage=read_usage(),
            state_write_errors=self._store.write_errors if self._store else 0,
            rejected=dict(self._front.rejected),
        )

    def _stats(self, check: str, next_run: float | None) -> CheckStats:
        counters = self._supervisor.counters(check)
        judged = self._memory.judged.get(check)
        before = max((run.finished for run in judged.runs.values()), default=0.0) if judged else 0.0
        return CheckStats(
            last_run=counters.last_run or before or None,
            duration=counters.duration if counters.last_run else None,
            next_run=next_run,
            missed=counters.missed,
            kills=counters.kills,
            quarantined=counters.quarantined,
            failures=dict(counters.failures),
        )

    def _keep_status(self, snapshot: Snapshot, now: float) -> None:
        """Write the highest serials, and what `secmon status` shows when it has changed and once a minute."""
        if self._store is not None and self._serials and self._store.save_serials(self._serials):
            self._serials = {}
        status = make_status(snapshot, os.getpid())
        told = {key: value for key, value in status.items() if key != "at"}
        if self._store is None or (told == self._status and now < self._status_at):
            return
        if self._store.save_status(status):
            self._status, self._status_at = told, now + _STATUS_SECONDS


def _is_scheduled(check: CheckPlan) -> bool:
    """Say whether a check runs again and again: one that is off does not, and a long-lived probe goes on."""
    return bool(check.in_runs)
