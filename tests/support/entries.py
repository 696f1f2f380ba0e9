"""Configuration and judge children of a registry that a test made: the plan comes from the invocation."""

from __future__ import annotations

import json
import os
import time
from typing import TYPE_CHECKING, BinaryIO

from secmon.core.codec import encode
from secmon.core.intake import read_spool
from secmon.core.judgement import Judgement, ReasonCount, encode_lines
from secmon.core.model import Form, Run, Target
from secmon.core.plan import CheckPlan, ChildPlan, CorePlan, Listen

if TYPE_CHECKING:
    from secmon.core.contract import Registry
    from secmon.core.plan import Invocation

ACTS = "ACTS"
"""Key of the environment: JSON, check -> its settings; `act` is one of tests.support.probe."""


def acquire(registry: Registry, invocation: Invocation) -> dict[str, dict]:
    return json.loads(invocation.environment[ACTS])


def observe(acts: dict[str, dict], out: BinaryIO) -> int:
    special = acts.pop("config", {}).get("act")
    if special == "faults":
        out.write(b'{"fault": "a file is missing"}\n')
        return 2
    if special == "hang":
        time.sleep(3600)
    if special == "flood":
        while True:
            out.write(b"x" * 65536)
    if special == "abort":
        os.abort()
    checks = {
        name: CheckPlan(
            enabled=act.get("enabled", True),
            interval=act.get("interval", 60.0),
            deadline=act.get("deadline", 50.0),
            probes=tuple(act.get("probes", ["probe"])),
            assets=("here",),
            long_lived=act.get("long_lived", ""),
        )
        for name, act in acts.items()
    }
    core = CorePlan("agent", "en", "", Listen(), (), checks, {}, {}, {}, {}, (), "0" * 64)
    targets = tuple(
        Target("here", name, Form.LOCAL, text)
        for name, act in acts.items()
        for text in act.get("targets", ["local"])
    )
    child = ChildPlan(targets, acts, (), (), (), (), ())
    out.writelines(json.dumps(encode(plan)).encode() + b"\n" for plan in (core, child))
    return 0


def prepare(check: str) -> None:
    pass


def run(
    registry: Registry, invocation: Invocation, plan: bytes, check: str, spool_fd: int, out: BinaryIO
) -> int:
    """Give back the observations; statuses of parts stand in `reasons`, details of crashes in `outcomes`."""
    parts = read_spool(registry.checks[check], os.pread(spool_fd, os.fstat(spool_fd).st_size, 0))
    judgement = Judgement(
        check=check,
        runs=tuple(Run("here", check, part.started, part.finished, True, part.canary) for part in parts),
        reasons=tuple(ReasonCount(part.probe, part.status, 1) for part in parts if part.status),
        outcomes={part.probe: {part.detail: 1} for part in parts if part.detail},
        observations=tuple(observation for part in parts for observation in part.observations),
    )
    out.writelines(encode_lines(judgement))
    out.flush()
    return 0
