"""Judge the spool of one run, in a child that has given up every privilege."""

from __future__ import annotations

import json
import os
import time
from dataclasses import replace
from importlib import import_module
from typing import TYPE_CHECKING, BinaryIO

from secmon.core.codec import decode
from secmon.core.intake import read_spool
from secmon.core.judge import judge_check
from secmon.core.judgement import encode_lines
from secmon.core.model import Outcome
from secmon.core.plan import ChildPlan

if TYPE_CHECKING:
    from secmon.core.contract import Registry
    from secmon.core.judgement import Judgement
    from secmon.core.plan import Invocation


def prepare(check: str) -> None:
    """Import what judging a check needs, before the child can no longer read the program's own folder.

    Args:
        check: name of the check.
    """
    import_module(f"secmon.checks.{check}.metrics")


def run(
    registry: Registry,
    invocation: Invocation,
    plan: bytes,
    check: str,
    spool_fd: int,
    out: BinaryIO,
) -> int:
    """Judge one check and write the judgement.

    Args:
        registry: every check.
        invocation: `scan` wants the whole report, the daemon only what is not a pass.
        plan: the two lines of the configuration child.
        check: name of the check.
        spool_fd: what the probes sent (core.intake); read from its start.
        out: takes `core.judgement.encode_lines`.

    Returns:
        Exit status 0.

    Raises:
        ValueError: the plan or a header of the spool is not what our own processes write.
    """
    spec = registry.checks[check]
    metrics = import_module(f"secmon.checks.{check}.metrics")
    children = decode(ChildPlan, json.loads(plan.split(b"\n", 1)[1]))
    parts = read_spool(spec, os.pread(spool_fd, os.fstat(spool_fd).st_size, 0))
    judgement = judge_check(spec, children, parts, time.time(), metrics.samples)
    out.writelines(encode_lines(judgement if invocation.command == "scan" else _for_daemon(judgement)))
    out.flush()
    return 0


def _for_daemon(judgement: Judgement) -> Judgement:
    """Leave out what the daemon does not keep: passes, what does not apply, facts and texts."""
    kept = (Outcome.FAIL, Outcome.UNKNOWN, Outcome.ERROR)
    return replace(
        judgement,
        results=tuple(result for result in judgement.results if result.outcome in kept),
        observations=(),
        rules=(),
    )
