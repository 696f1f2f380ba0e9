"""Run an agent whose probes see what is made up; judge, memory, snapshot and page are the program's own."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Final

from secmon import __version__
from secmon.agent.memory import Memory
from secmon.core.judge import judge_check
from secmon.core.model import Reason
from secmon.core.snapshot import Agent, CheckStats, Reload, Snapshot, Usage, build
from secmon.export.connections import REASONS
from tools.demo import patches, ports, tls, traffic
from tools.demo.chance import dice
from tools.demo.sight import Sight, Span, lose, tell
from tools.demo.troubles import DAY, HOUR
from tools.demo.world import STRANGER

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from secmon.core.contract import Registry
    from secmon.core.intake import Part
    from secmon.core.model import Target
    from secmon.core.plan import CheckPlan, ChildPlan, CorePlan
    from tools.demo.sight import View
    from tools.demo.world import Machine

_VIEWS: Final[Mapping[str, Callable[[Target, Sight], View]]] = {
    "ports": ports.view,
    "tls": tls.view,
    "patches": patches.view,
    "traffic": traffic.view,
}
_KILLED: Final = {("patches", "crashing"): Reason.TIMEOUT}
_BLIND: Final = {
    ("traffic", "blind"): (Reason.PACKET_LOSS, "eth0 counted far more frames than the capture saw")
}
"""Check and planted fault -> what its canary says."""
_CLOCKS: Final = {"clock-ahead": 20 * 60.0, "clock-behind": -1.5 * DAY}
"""Planted fault -> seconds by which the agent's clock is wrong."""
_STALLED_SECONDS: Final = 18 * HOUR
"""For how long the checks of a machine with the fault `stalled` did not run before the demo began."""


class SimulatedAgent:
    """One agent.

    Args:
        registry: the checks.
        plans: both halves of its plan.
        machine: what it runs on.
        watched: what it looks at from outside.
        start: Unix seconds of the demo's beginning.

    Attributes:
        machine: what it runs on.
        plan: what its core would keep.
        shift: seconds by which its clock is ahead.
    """

    def __init__(
        self,
        registry: Registry,
        plans: tuple[CorePlan, ChildPlan],
        machine: Machine,
        watched: Sequence[Machine],
        start: float,
    ) -> None:
        self.machine = machine
        self.plan, self._child = plans
        self._registry = registry
        self._watched = tuple(watched)
        self._looked_at = {each.id: each for each in (machine, *watched, STRANGER)}
        self._start = start
        self.shift = sum(_CLOCKS.get(plant, 0.0) for plant in machine.plants)
        metrics = (metric for check in registry.checks.values() for metric in check.metrics)
        self._memory = Memory([metric.name for metric in metrics if metric.type == "counter"])
        self._spans: dict[str, Span] = {}
        self._rhythm = {check: _rhythm(self.name, check, each) for check, each in self.plan.checks.items()}

    @property
    def name(self) -> str:
        """Return the name of the agent."""
        return self.plan.agent

    def twin(self) -> SimulatedAgent:
        """Return the same agent with nothing seen yet."""
        return SimulatedAgent(
            self._registry, (self.plan, self._child), self.machine, self._watched, self._start
        )

    def judged_on(self, now: float) -> tuple[frozenset[str], ...]:
        """Return what the latest runs before an instant found wrong: all that its verdicts depend on.

        Args:
            now: Unix seconds.
        """
        ends = [self._span(check, now + self.shift).ended - self.shift for check in self.plan.checks]
        return tuple(machine.wrong(end) for end in ends for machine in self._looked_at.values())

    def snapshot(self, now: float) -> Snapshot:
        """Run what is due, and return what the agent knows.

        Args:
            now: Unix seconds, never earlier than at the call before.

        Returns:
            The picture of that instant as the agent's own clock has it.
        """
        clock = now + self.shift
        for check in self.plan.checks:
            span = self._span(check, clock)
            if self._spans.get(check) != span:
                self._spans[check] = span
                self._run(check, span)
        stats = {check: self._stats(check) for check in self.plan.checks}
        return build(self._memory.inputs(self.plan, stats), self._agent(clock), clock)

    def _span(self, check: str, clock: float) -> Span:
        """Return the latest run of a check; each agent has its own rhythm."""
        planned = self.plan.checks[check]
        phase, took = self._rhythm[check]
        ended = clock - (clock - phase) % planned.interval
        began = self._start + self.shift - _STALLED_SECONDS
        if "stalled" in self.machine.plants and began < ended <= began + _STALLED_SECONDS:
            ended = began - (began - phase) % planned.interval
        return Span(ended - (planned.interval if planned.watching else took), ended)

    def _run(self, check: str, span: Span) -> None:
        spec = self._registry.checks[check]
        samples = import_module(f"secmon.checks.{check}.metrics").samples
        judgement = judge_check(spec, self._child, self._parts(check, span), span.ended, samples)
        self._memory.take(judgement, self.plan, span.ended)

    def _parts(self, check: str, span: Span) -> tuple[Part, ...]:
        """Return what the probes of a run sent."""
        spec = self._registry.checks[check]
        targets = [target for target in self._child.targets if target.check == check]
        planted = [(check, plant) for plant in self.machine.plants]
        killed = next((_KILLED[key] for key in planted if key in _KILLED), None)
        if killed is not None:
            return lose(spec, span, targets, killed)
        views = [(target, _VIEWS[check](target, self._sight(target.asset, span))) for target in targets]
        return tell(spec, span, views, next((_BLIND[key] for key in planted if key in _BLIND), None))

    def _sight(self, asset: str, span: Span) -> Sight:
        machine = self._looked_at[asset]
        return Sight(machine, machine.wrong(span.ended - self.shift), span, self._start)

    def _stats(self, check: str) -> CheckStats:
        span = self._spans[check]
        chance = dice("stats", self.name, check)
        crashing = check == "patches" and "crashing" in self.machine.plants
        return CheckStats(
            last_run=span.ended,
            duration=span.seconds,
            next_run=span.ended + self.plan.checks[check].interval,
            missed=chance.choice((0, 0, 0, 2)),
            kills=4 if crashing else 0,
            quarantined=crashing,
            failures={Reason.TIMEOUT: 4} if crashing else {},
        )

    def _agent(self, clock: float) -> Agent:
        chance = dice("usage", self.name)
        began = self._start + self.shift - chance.uniform(HOUR, 20 * DAY)
        resident = chance.randint(24, 36) << 20
        return Agent(
            version=__version__,
            reload=Reload(began, rules="bad-rules" not in self.machine.plants),
            usage=Usage(
                cpu_seconds=(clock - began) * chance.uniform(0.0005, 0.003),
                resident_bytes=resident,
                virtual_bytes=3 * resident,
                start_time=began,
                open_fds=chance.randint(14, 30),
                max_fds=1024,
            ),
            state_write_errors=chance.choice((0, 0, 0, 0, 0, 0, 0, 0, 0, 3)),
            rejected=dict.fromkeys(REASONS, 0) | {"not_found": chance.choice((0, 0, 0, 0, 5))},
        )


def _rhythm(agent: str, check: str, planned: CheckPlan) -> tuple[float, float]:
    """Return when in each interval a run ends, and how long it takes, in seconds."""
    chance = dice("rhythm", agent, check)
    return chance.uniform(0, planned.interval), chance.uniform(0.2, 9)
