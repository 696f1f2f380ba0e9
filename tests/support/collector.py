"""An Emit that remembers what a probe said, for tests that run a probe in their own process."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from secmon.core.contract import Emit
    from secmon.core.model import Completeness, Fact, Reason, Target


@dataclass
class Seen:
    """One observation as it was told."""

    target: Target
    facts: list[Fact] = field(default_factory=list)
    looked: dict[str, Reason | None] = field(default_factory=dict)
    completeness: Completeness | None = None
    reason: Reason | None = None
    detail: str = ""


@dataclass
class Collector:
    """Collects observations by target text."""

    seen: dict[str, Seen] = field(default_factory=dict)
    canaries: list[tuple[Reason | None, str]] = field(default_factory=list)

    def canary(self, failure: Reason | None, detail: str = "") -> None:
        self.canaries.append((failure, detail))

    def begin(self, target: Target) -> None:
        assert target.text not in self.seen, f"{target.text} was begun twice"
        self.seen[target.text] = Seen(target)

    def facts(self, target: Target, facts: Iterable[Fact]) -> None:
        assert self.seen[target.text].completeness is None, f"{target.text} has ended"
        self.seen[target.text].facts.extend(facts)

    def end(
        self,
        target: Target,
        looked: Mapping[str, Reason | None],
        completeness: Completeness,
        reason: Reason | None = None,
        detail: str = "",
    ) -> None:
        seen = self.seen[target.text]
        assert seen.completeness is None, f"{target.text} was ended twice"
        seen.looked, seen.completeness, seen.reason, seen.detail = dict(looked), completeness, reason, detail

    def progress(self, done: int, total: int) -> None:
        assert 0 <= done <= total


def _is_an_emit(collector: Collector) -> Emit:
    return collector
