"""Run every check of the plan once and wait for its judgement: what `secmon scan` does."""

from __future__ import annotations

import json
import selectors
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from secmon.agent.hooks import Hooks
from secmon.agent.supervisor import Supervisor
from secmon.core.codec import decode
from secmon.core.judgement import Judgement
from secmon.core.model import Completeness, Observation, Reason, Run
from secmon.core.plan import CorePlan
from secmon.core.rule import Fault, Place
from secmon.core.texts import cut

if TYPE_CHECKING:
    from collections.abc import Callable

    from secmon.agent.channel import Channel

_TICK_SECONDS = 1.0


class PlanFailed(Exception):  # noqa: N818  # what happened, told to the person as it is
    """The configuration child ended without a plan and without faults."""


@dataclass(slots=True)
class Audit:
    """One run of every check.

    Attributes:
        channel: the spawner.
        progress: called with check, done, total.
        now: returns Unix seconds.
        plan: what the configuration child made, None until it has ended.
        faults: what is wrong with the input files.
        judgements: check -> what was judged.
    """

    channel: Channel
    progress: Callable[[str, int, int], None]
    now: Callable[[], float]
    plan: CorePlan | None = None
    faults: tuple[Fault, ...] = ()
    judgements: dict[str, Judgement] = field(default_factory=dict)
    _failure: str = ""
    _crash: str = ""

    def run(self, *, checks: bool = True) -> None:
        """Read the configuration, then run and judge every check.

        Args:
            checks: False stops after the configuration was read.

        Raises:
            PlanFailed: there is no plan, and no fault to show for it.
            SpawnerGone: the spawner has ended.
        """
        with selectors.DefaultSelector() as selector:
            hooks = Hooks(self._take_plan, self._take_judgement, self.progress, self._take_crash)
            supervisor = Supervisor(self.channel, selector, hooks)
            try:
                supervisor.reload()
                _serve(selector, supervisor)
                if self._failure:
                    raise PlanFailed(self._failure)
                if self.plan and checks:
                    supervisor.use(self.plan)
                    for check in self.plan.checks:
                        supervisor.enqueue(check)
                    _serve(selector, supervisor)
            finally:
                supervisor.close()

    def _take_plan(self, status: str, output: bytes) -> None:
        if status == "ok":
            self.plan = decode(CorePlan, json.loads(output))
        elif status == "faults":
            self.faults = read_faults(output)
        else:
            self._failure = (
                f"reading the configuration ended with {status}: {output[:400].decode(errors='replace')}"
            )

    def _take_crash(self, _check: str, text: str) -> None:
        self._crash = text

    def _take_judgement(self, check: str, judgement: Judgement | None, reason: Reason | None) -> None:
        self.judgements[check] = judgement or self._unjudged(check, reason or Reason.CRASHED)

    def _unjudged(self, check: str, reason: Reason) -> Judgement:
        """Return what stands for a check whose facts could not be judged: nothing earned, and said so."""
        assets = self.plan.checks[check].assets if self.plan else ()
        now = self.now()
        detail = cut(
            f"The facts could not be judged; please report this with secmon's version: {self._crash}"
        )
        failed = Completeness.FAILED
        return Judgement(
            check,
            runs=tuple(Run(asset, check, now, now, attempted_all=False, canary=reason) for asset in assets),
            observations=tuple(
                Observation(asset, check, check, now, now, failed, {}, reason=reason, detail=detail)
                for asset in assets
            ),
        )


def _serve(selector: selectors.BaseSelector, supervisor: Supervisor) -> None:
    while not supervisor.idle:
        for key, _ in selector.select(_TICK_SECONDS):
            key.data()


def read_faults(output: bytes) -> tuple[Fault, ...]:
    """Read what a configuration child wrote instead of a plan.

    Args:
        output: one JSON object a line: file, line, column, key, message, advice, and whether it is a warning.

    Returns:
        The faults in order.
    """
    rows = (json.loads(line) for line in output.splitlines())
    return tuple(
        Fault(
            Place(row["file"], row["line"], row["column"]),
            row["key"],
            row["message"],
            row["advice"],
            warning=row.get("warning", False),
        )
        for row in rows
    )
