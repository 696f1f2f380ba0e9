"""Run checks through the spawner: one run of a check at a time, its frames spooled, then judged.

The supervisor lives in the core and never parses what a probe wrote; it counts bytes.
"""

from __future__ import annotations

import os
import selectors
import time
from collections import defaultdict, deque
from dataclasses import dataclass, field, replace
from functools import partial
from itertools import count
from typing import TYPE_CHECKING, Final

from secmon.agent.channel import Request
from secmon.agent.counters import Counters
from secmon.agent.drain import CHUNK, read_and_close
from secmon.agent.judging import Judging
from secmon.agent.spool import Frames, Kept, Part
from secmon.core.model import Reason

if TYPE_CHECKING:
    from collections.abc import Callable

    from secmon.agent.channel import Channel, Do, Event
    from secmon.agent.hooks import Hooks
    from secmon.core.judgement import Judgement
    from secmon.core.plan import CheckPlan, CorePlan

PROBES_LIMIT: Final = 16
"""Probe children that run at once; further ones wait."""

RUN_LIMIT: Final = 16 * 1024 * 1024
"""Bytes of frames that one run, or one window of a long-lived probe, may send."""

CONFIG_SECONDS: Final = 60.0
"""Deadline of the configuration child."""

HEARTBEATS: Final = 3
"""Windows that a long-lived probe may stay silent."""


@dataclass(slots=True)
class _State:
    """One check."""

    runs: Counters = field(default_factory=Counters)
    windows: Counters = field(default_factory=Counters)
    parts: list[Part] = field(default_factory=list)  # of the run under way; empty: none
    window: Part | None = None  # under way
    kept: Kept = field(default_factory=Kept)


class Supervisor:
    """Keeps the runs of all checks.

    Its descriptors stand in the selector with a callable as data: the main loop calls it when they are ready,
    and `tick` every few seconds. Every method may raise SpawnerGone.

    Args:
        channel: the spawner.
        selector: of the main loop.
        hooks: what to call.
        clock: seconds that never step.
        now: Unix seconds.
    """

    def __init__(
        self,
        channel: Channel,
        selector: selectors.BaseSelector,
        hooks: Hooks,
        clock: Callable[[], float] = time.monotonic,
        now: Callable[[], float] = time.time,
    ) -> None:
        self._channel = channel
        self._selector = selector
        self._hooks = hooks
        self._clock = clock
        self._now = now
        self._checks: dict[str, CheckPlan] = {}
        self._numbers = count(1)
        self._making_plan = 0
        self._states: defaultdict[str, _State] = defaultdict(_State)
        self._queue: deque[Part] = deque()
        self._running: dict[int, Part] = {}
        self._judging = Judging(channel, selector, self._numbers, self._judged, hooks.crashed)
        selector.register(channel, selectors.EVENT_READ, self._receive)

    # What the core asks for.

    def reload(self) -> bool:
        """Have the configuration read; `hooks.plan` tells the outcome. False while that is under way."""
        if self._making_plan:
            return False
        self._making_plan = next(self._numbers)
        self._channel.send(Request("plan", run=self._making_plan, deadline=CONFIG_SECONDS))
        return True

    def use(self, plan: CorePlan) -> None:
        """Work from a plan from now on; long-lived probes give way, and start anew with the next tick.

        Args:
            plan: has every check that an earlier one had, be it switched off.
        """
        self._checks = plan.checks
        for part in self._running.values():
            if part.window:
                self._states[part.check].window = None  # nobody waits for what it had begun
                self._channel.send(Request("kill", run=part.run))

    def enqueue(self, check: str) -> bool:
        """Start a run of a check; one that is disabled or has no target is judged at once.

        Args:
            check: name of a check in the plan.

        Returns:
            False where a run is queued or under way, or the check is in quarantine: counted as missed.
        """
        state, plan = self._states[check], self._checks[check]
        if state.parts or self._clock() < state.runs.paused_until:
            state.runs.missed += 1
            return False
        due = plan.due(self._now())
        state.parts = [Part(check, probe, plan.deadline, hours=hours) for probe, hours in due]
        self._queue.extend(state.parts)
        self._fill()
        if not plan.at_work:
            self._judge(check, state)
        return True

    def rejudge(self, check: str) -> bool:
        """Judge what the last run saw once more; False where there was none."""
        return self._judging.rejudge(check)

    def tick(self) -> None:
        """Start every long-lived probe that does not run, once its pause is over."""
        for check, plan in self._checks.items():
            state = self._states[check]
            if plan.watching and not state.window and self._clock() >= state.windows.paused_until:
                state.window = Part(check, plan.watching, HEARTBEATS * plan.interval, plan.interval)
                self._queue.append(state.window)
        self._fill()

    def counters(self, check: str) -> Counters:
        """Return the counters of a check, over its runs and windows."""
        state = self._states[check]
        return state.runs.with_windows(state.windows)

    @property
    def idle(self) -> bool:
        """Nothing is queued, runs, or is being judged."""
        return self._judging.idle and not (self._queue or self._running or self._making_plan)

    def close(self) -> None:
        """Close every descriptor of its own; closing the channel is what ends the children."""
        self._selector.unregister(self._channel)
        begun = (part for state in self._states.values() for part in (*state.parts, state.window) if part)
        for part in {*self._running.values(), *begun}:
            self._close_pipe(part)
            part.frames.close()
        for state in self._states.values():
            state.kept.close()
        self._judging.close()

    # Events.

    def _receive(self) -> None:
        for event in self._channel.receive():
            status = Reason.CRASHED.value if event.kind == "refused" else event.status
            if event.kind == "started":
                self._started(event)
            elif event.run == self._making_plan:
                self._making_plan = 0
                self._hooks.plan(status, read_and_close(event.fd, first_line=status == "ok"))
            else:
                self._ended(event.run, status)
        self._fill()

    def _started(self, event: Event) -> None:
        if event.fd is None:  # this process had no descriptor left to take the pipe
            self._channel.send(Request("kill", run=event.run))
        elif (part := self._running.get(event.run)) is not None:
            os.set_blocking(event.fd, False)
            part.pipe = event.fd
            self._selector.register(part.pipe, selectors.EVENT_READ, partial(self._read, part))
        elif not self._judging.started(event.run, event.fd):
            os.close(event.fd)

    def _ended(self, run: int, status: str) -> None:
        part = self._running.pop(run, None)
        if part is None:
            self._judging.ended(run, status)
            return
        while self._read(part):
            pass
        self._close_pipe(part)
        state = self._states[part.check]
        if part.window:
            self._end_watch(part, state, status)
            return
        if status == "ok" and part.frames.cut_short:
            status = Reason.CRASHED.value
        part.status, part.finished = part.status or status, self._now()
        if all(other.finished for other in state.parts):
            ended, state.parts = state.parts, []
            state.runs.note(ended, self._checks[part.check].interval, self._clock())
            self._judge(part.check, state, *ended)

    def _end_watch(self, part: Part, state: _State, status: str) -> None:
        """Take the end of a long-lived probe, which only a new plan should bring about."""
        current = part is state.window
        if current:
            state.window = None
        if current and not (status == "ok" and part.frames.empty):
            status = Reason.CRASHED.value if status == "ok" else status
            part.status, part.finished = part.status or status, self._now()
            state.windows.note([part], part.window, self._clock())
            self._judge(part.check, state, part)
        else:
            part.frames.close()
            if current:  # its last window has been judged
                state.windows.note_end(part.window, self._clock())

    # Runs.

    def _fill(self) -> None:
        while self._queue and len(self._running) < PROBES_LIMIT:
            part = self._queue.popleft()
            part.run, part.started = next(self._numbers), self._now()
            self._running[part.run] = part
            do: Do = "capture" if part.window else "probe"
            self._channel.send(Request(do, part.check, part.probe, part.run, part.deadline, part.hours))

    def _read(self, part: Part) -> bool:
        """Move a chunk from a pipe to the spool; False when there is nothing now, or nothing any more."""
        try:
            data = os.read(part.pipe, CHUNK) if part.pipe >= 0 else b""
        except BlockingIOError:
            return False
        if not data:
            self._close_pipe(part)
            return False
        rest = part.frames.feed(data, window=bool(part.window))
        while rest is not None:
            self._close_window(part)
            rest = part.frames.feed(rest, window=True)
        if part.frames.progress is not None:
            self._hooks.progress(part.check, *part.frames.progress)
        together = (part,) if part.window else self._states[part.check].parts
        if part.frames.broken or sum(other.frames.size for other in together) > RUN_LIMIT:
            part.status = Reason.RESOURCE_LIMIT.value
            self._close_pipe(part)
            self._channel.send(Request("kill", run=part.run))
        return True

    def _close_window(self, part: Part) -> None:
        """Have one window of a long-lived probe judged, and give it time for the next."""
        state = self._states[part.check]
        if part is state.window:
            ended = replace(part, finished=self._now(), status="ok", pipe=-1)
            state.windows.note([ended], part.window, self._clock())
            self._judge(part.check, state, ended)
            self._channel.send(Request("extend", run=part.run, deadline=part.deadline))
        else:
            part.frames.close()
        part.started, part.frames = self._now(), Frames()

    def _judge(self, check: str, state: _State, *ended: Part) -> None:
        """Have a check judged by what each of its probes saw last, as soon as each has looked."""
        state.kept.put(ended)
        spool = state.kept.compose(self._checks[check].turns)
        if spool is not None:
            self._judging.judge(check, spool)

    def _judged(self, check: str, judgement: Judgement | None, reason: Reason | None) -> None:
        if reason is not None:
            self._states[check].runs.failures[reason] += 1
        self._hooks.judged(check, judgement, reason)

    def _close_pipe(self, part: Part) -> None:
        if part.pipe >= 0:
            self._selector.unregister(part.pipe)
            os.close(part.pipe)
            part.pipe = -1
