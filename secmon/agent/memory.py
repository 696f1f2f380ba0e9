"""Remember what the core knows between judgements: verdicts, counts and open findings, no results."""

from __future__ import annotations

import json
import zlib
from dataclasses import fields, replace
from typing import TYPE_CHECKING

from secmon.core.contract import Sample
from secmon.core.judged import Judged, fail, group, keep
from secmon.core.lifecycle import Changes, Finding, advance
from secmon.core.model import Severity
from secmon.core.snapshot import Inputs

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping

    from secmon.core.judgement import Judgement
    from secmon.core.model import Reason
    from secmon.core.plan import CorePlan
    from secmon.core.snapshot import CheckStats


class Memory:
    """What the core knows.

    Args:
        counters: names of the checks' metrics that are added up over runs.

    Attributes:
        judged: check -> what is kept of its latest judgement.
    """

    def __init__(self, counters: Collection[str]) -> None:
        self._names = frozenset(counters)
        self._counters: dict[tuple[str, tuple[str, ...]], float] = {}
        self._findings: dict[str, bytes] = {}  # packed: thousands of objects would pin the heap
        self.judged: dict[str, Judged] = {}

    def restore(self, judged: Mapping[str, Judged], findings: Iterable[Finding]) -> None:
        """Begin with what was kept over a restart.

        Args:
            judged: check -> what was kept of its latest judgement.
            findings: open ones.
        """
        self.judged = dict(judged)
        by_check: dict[str, list[Finding]] = {}
        for finding in findings:
            by_check.setdefault(finding.check, []).append(finding)
        for check, found in by_check.items():
            self._findings[check] = _pack(found)
            self.judged.setdefault(check, Judged(check, "", findings=group(found, {})))

    def take(self, judgement: Judgement, plan: CorePlan, now: float) -> tuple[Judged, Changes]:
        """Take in a judgement; its results are counted and let go.

        Args:
            judgement: of one check.
            plan: that it was judged by.
            now: Unix seconds.

        Returns:
            What is kept of it, and what it did to the findings.
        """
        judgement = _sound(judgement, plan)
        before = self.judged.get(judgement.check)
        changes = advance(self._open(judgement.check), judgement, now)
        self._findings[judgement.check] = _pack(changes.remaining)
        digest = plan.digest if _fits(judgement, plan) else ""
        judged = keep(judgement, digest, before, changes.remaining)
        if before is None or before.runs != judged.runs:  # else the same run was judged again
            self._add_up(judged.samples)
        gauges = tuple(sample for sample in judged.samples if sample.name not in self._names)
        judged = replace(judged, samples=gauges)
        self.judged[judgement.check] = judged
        return judged, changes

    def fail(self, check: str, plan: CorePlan, reason: Reason) -> tuple[Judged, Changes]:
        """Take in that a check could not be judged: nothing of it is decided, its findings stay open.

        Args:
            check: name of the check.
            plan: in force.
            reason: why.

        Returns:
            What is kept, and the findings as they are.
        """
        judged = fail(check, plan.digest, reason, self.judged.get(check))
        self.judged[check] = judged
        return judged, Changes(open=self._open(check))

    def inputs(self, plan: CorePlan, stats: Mapping[str, CheckStats]) -> Inputs:
        """Return what a snapshot is built from.

        Args:
            plan: in force.
            stats: check -> what the supervisor counted.
        """
        counters = tuple(Sample(name, labels, value) for (name, labels), value in self._counters.items())
        return Inputs(plan, self.judged, stats, counters)

    def _open(self, check: str) -> tuple[Finding, ...]:
        packed = self._findings.get(check)
        return _unpack(packed) if packed is not None else ()

    def _add_up(self, samples: Iterable[Sample]) -> None:
        for sample in samples:
            if sample.name in self._names:
                key = (sample.name, sample.labels)
                self._counters[key] = self._counters.get(key, 0.0) + sample.value


def _sound(judgement: Judgement, plan: CorePlan) -> Judgement:
    """Leave out what only a judge child that was taken over would send, and what the store would choke on."""
    assets = {asset.id for asset in plan.assets}
    return replace(
        judgement,
        runs=tuple(run for run in judgement.runs if run.asset in assets),
        results=tuple(result for result in judgement.results if result.fingerprint.isascii()),
    )


def _fits(judgement: Judgement, plan: CorePlan) -> bool:
    """Say whether a judgement has the points of a plan; one that was under way at a reload may not."""
    points = {asset.id: 0 for asset in plan.assets}
    for verdict in judgement.verdicts:
        points[verdict.asset] = points.get(verdict.asset, 0) + verdict.points
    wanted = {asset.id: plan.possible.get(asset.id, {}).get(judgement.check, 0) for asset in plan.assets}
    return points == wanted


_FIELDS = tuple(spec.name for spec in fields(Finding))


def _pack(findings: Iterable[Finding]) -> bytes:
    rows = [[getattr(finding, name) for name in _FIELDS] for finding in findings]
    return zlib.compress(json.dumps(rows, separators=(",", ":")).encode(), level=1)


def _unpack(packed: bytes) -> tuple[Finding, ...]:
    rows = (dict(zip(_FIELDS, row, strict=True)) for row in json.loads(zlib.decompress(packed)))
    return tuple(Finding(**{**row, "severity": Severity(row["severity"])}) for row in rows)
