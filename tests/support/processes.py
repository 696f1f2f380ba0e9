"""Drive a real spawner with a registry of misbehaving probes, and look for survivors."""

from __future__ import annotations

import json
import secrets
import selectors
import time
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

from secmon.agent import spawner
from secmon.agent.child import Entries
from secmon.agent.hooks import Hooks
from secmon.agent.supervisor import Supervisor
from secmon.core.codec import decode
from secmon.core.contract import CheckSpec, FieldSpec, FieldType, KindSpec, ProbeSpec, Registry
from secmon.core.model import Form, Reason, Vantage
from secmon.core.plan import CorePlan, Invocation
from tests.support.entries import ACTS

if TYPE_CHECKING:
    from collections.abc import Callable

    from secmon.core.judgement import Judgement

THING = KindSpec(
    name="thing",
    key=("name",),
    fields=(
        FieldSpec("name", FieldType.TEXT, "name", "tên"),
        FieldSpec("records", FieldType.RECORDS, "records", "bản ghi"),
    ),
    sources={Form.LOCAL: (Vantage.INSIDE,)},
    en="thing",
    vi="vật",
)
PROBE = ProbeSpec("probe", "tests.support.probe", (Form.LOCAL,), ("thing",))
ENTRIES = Entries(config="tests.support.entries", judge="tests.support.entries")


def make_registry(names: list[str], **probe: Any) -> Registry:
    """A registry in which every check has one probe of tests.support.probe."""
    spec = replace(PROBE, **probe)
    return Registry({name: CheckSpec(name, (THING,), (spec,), 60, 20, name, name) for name in names})


class Lab:
    """A spawner, a supervisor and a loop; what was judged, in order."""

    def __init__(
        self,
        acts: dict[str, dict[str, Any]],
        registry: Registry | None = None,
        marker: str = "",
        **probe: Any,
    ) -> None:
        self.marker = marker or new_marker()
        acts = {name: {"marker": self.marker, **act} for name, act in acts.items()}
        registry = registry or make_registry(list(acts), **probe)
        self.channel = spawner.start(
            registry, Invocation("scan", environment={ACTS: json.dumps(acts)}), ENTRIES
        )
        self.selector = selectors.DefaultSelector()
        self.judged: list[tuple[str, Judgement | None, Reason | None]] = []
        self.progress: list[tuple[str, int, int]] = []
        self.plans: list[tuple[str, bytes]] = []
        self.supervisor = Supervisor(
            self.channel,
            self.selector,
            Hooks(
                self._plan, lambda *args: self.judged.append(args), lambda *args: self.progress.append(args)
            ),
        )

    def _plan(self, status: str, text: bytes) -> None:
        self.plans.append((status, text))
        if status == "ok":
            self.supervisor.use(decode(CorePlan, json.loads(text)))

    def loop(self, until: Callable[[], bool], seconds: float = 60.0) -> None:
        """Serve events until a condition holds."""
        end = time.monotonic() + seconds
        while not until():
            assert time.monotonic() < end, f"nothing within {seconds} s: {self.judged} {self.plans}"
            for key, _ in self.selector.select(0.05):
                key.data()
            self.supervisor.tick()

    def load(self) -> str:
        """Have the plan made; its status."""
        count = len(self.plans)
        self.supervisor.reload()
        self.loop(lambda: len(self.plans) > count)
        return self.plans[-1][0]

    def run(self, *checks: str) -> dict[str, tuple[Judgement | None, Reason | None]]:
        """Run checks to their judgement."""
        assert self.load() == "ok"
        for check in checks:
            assert self.supervisor.enqueue(check)
        self.loop(lambda: self.supervisor.idle)
        return {check: (judgement, reason) for check, judgement, reason in self.judged}

    def close(self) -> None:
        """End everything."""
        self.supervisor.close()
        self.selector.close()
        self.channel.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    @property
    def survivors(self) -> list[int]:
        """Pids of processes that a probe of this lab has named."""
        return named(self.marker)


def new_marker() -> str:
    """Return a process name that nobody else has."""
    return f"sm{secrets.token_hex(5)}"


def named(marker: str) -> list[int]:
    """Return the pids of living processes of that name."""
    found = []
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            if (folder / "comm").read_text().strip() == marker:
                state = (folder / "stat").read_bytes().rpartition(b")")[2].split()[0]
                if state != b"Z":
                    found.append(int(folder.name))
        except OSError:
            continue
    return found


def wait_for(condition: Callable[[], bool], seconds: float = 30.0) -> bool:
    """Wait until a condition holds; whether it did."""
    end = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > end:
            return False
        time.sleep(0.01)
    return True


def said(judgement: Judgement | None) -> dict[str, Any]:
    """Return what a probe said in its first fact's record."""
    assert judgement is not None
    return judgement.observations[0].facts[0].values["records"][0]
