"""Put made-up facts into the form in which probes hand theirs to the judge."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from secmon.core.intake import Part
from secmon.core.model import Completeness, Fact, Observation, Reason

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from secmon.core.contract import CheckSpec, ProbeSpec
    from secmon.core.model import Target
    from tools.demo.world import Machine


@dataclass(frozen=True, slots=True)
class Span:
    """When a run was, on the agent's clock.

    Attributes:
        began: Unix seconds.
        ended: Unix seconds.
    """

    began: float
    ended: float

    @property
    def seconds(self) -> float:
        """Return how long it was."""
        return self.ended - self.began


@dataclass(frozen=True, slots=True)
class Sight:
    """What there is to see on one asset in one run.

    Attributes:
        machine: the asset.
        wrong: names of what is wrong with it at that time.
        span: when the run was.
        start: Unix seconds of the demo's beginning.
    """

    machine: Machine
    wrong: frozenset[str]
    span: Span
    start: float


@dataclass(frozen=True, slots=True)
class View:
    """What was seen of one target.

    Attributes:
        facts: what was there.
        unseen: kind, or `anomaly/DETECTOR` -> why it was not looked at completely; all others were.
        blind: why nothing could be looked at, None where something could.
        detail: one sentence for a person.
    """

    facts: tuple[Fact, ...] = ()
    unseen: Mapping[str, Reason] = field(default_factory=dict)
    blind: Reason | None = None
    detail: str = ""


def tell(
    spec: CheckSpec, span: Span, views: Sequence[tuple[Target, View]], blind: tuple[Reason, str] | None = None
) -> tuple[Part, ...]:
    """Return what the probes of a run sent.

    Args:
        spec: the declaration of the check; it says which probe sees what.
        span: when the run was.
        views: targets with what was seen of each.
        blind: what the canary said, None where it passed.

    Returns:
        One part for each probe that serves a target.
    """
    reason, detail = blind or (None, "")
    found = []
    for probe in spec.probes:
        seen = tuple(
            _observe(spec, probe, span, target, view) for target, view in views if target.form in probe.forms
        )
        if seen:
            found.append(Part(probe.name, None, span.began, span.ended, True, reason, detail, seen))
    return tuple(found)


def lose(spec: CheckSpec, span: Span, targets: Sequence[Target], reason: Reason) -> tuple[Part, ...]:
    """Return what stands for probes whose children were killed before they said anything.

    Args:
        spec: the declaration of the check.
        span: when the run was.
        targets: what they should have looked at.
        reason: why they were killed.
    """
    forms = {target.form for target in targets}
    serving = [probe for probe in spec.probes if forms.intersection(probe.forms)]
    return tuple(Part(probe.name, reason, span.began, span.ended, False, reason, "", ()) for probe in serving)


def _observe(spec: CheckSpec, probe: ProbeSpec, span: Span, target: Target, view: View) -> Observation:
    looked = {name: _unseen(view, name) for name in _looks(spec, probe, target)}
    reason = next((why for why in looked.values() if why is not None), None)
    facts = tuple(fact for fact in view.facts if fact.kind in probe.kinds)
    completeness = Completeness.OK
    if reason is not None:
        completeness = Completeness.PARTIAL if facts else Completeness.FAILED
    return Observation(
        asset=target.asset,
        check=spec.name,
        target=target.text,
        started=span.began,
        finished=span.ended,
        completeness=completeness,
        looked=looked,
        facts=facts,
        reason=reason,
        detail=view.detail if reason is not None else "",
    )


def _looks(spec: CheckSpec, probe: ProbeSpec, target: Target) -> Iterator[str]:
    """Yield every name that the probe's `looked` has for a target."""
    for kind in spec.kinds:
        if kind.name in probe.kinds and target.vantage in kind.sources.get(target.form, ()):
            yield from (f"{kind.name}/{part}" for part in kind.parts) if kind.parts else (kind.name,)


def _unseen(view: View, name: str) -> Reason | None:
    return view.blind or view.unseen.get(name) or view.unseen.get(name.partition("/")[0])
