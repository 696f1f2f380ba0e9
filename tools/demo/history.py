"""Compute the scores of the hours before the demo began, as the shipped rules would have recorded them.

It is the same province at earlier instants, judged by the same rules, and added up by core/fleet.py. Troubles
come and go and come back, so an agent is judged once for each set of them that its latest runs met.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from secmon.core.fleet import Member, Total, aggregate, merge
from secmon.core.handover import BEHIND_SECONDS
from secmon.core.inventorypages import asset_rows
from secmon.core.score import Points, Score, freshness, score

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from secmon.core.inventory import Inventory, InventoryAsset
    from secmon.core.snapshot import AssetState
    from tools.demo.agent import SimulatedAgent
    from tools.demo.fleet import Fleet

STEP_SECONDS: Final = 240
"""Between samples; Prometheus takes a series for ended after five minutes."""
GAP_SECONDS: Final = 300
"""From the last of them to the demo: rules find what they recorded in the last five minutes, not this."""
_METRICS: Final = {"score": "raw", "accepted": "accepted", "coverage": "coverage"}
"""Part of the recorded name -> attribute of Score, and of Total."""

_Row = dict[str, float]
"""Name and labels of a series -> its value."""


@dataclass(frozen=True, slots=True)
class _Past:
    """What is known of earlier instants.

    Attributes:
        fleet: whose past it is.
        speakers: asset -> the agent that scores it.
        judged: agent and what its latest runs met -> asset -> score.
    """

    fleet: Fleet
    speakers: Mapping[str, str]
    judged: dict[tuple[str, object], dict[str, Score]] = field(default_factory=dict)

    def score(self, asset: str, at: float) -> Score | None:
        """Return the score of an asset at an instant, None where it had no page."""
        agent = self.fleet.agents.get(self.speakers[asset])
        if agent is None:
            return None
        key = (agent.name, agent.judged_on(at))
        if key not in self.judged:
            states = agent.twin().snapshot(at).assets
            self.judged[key] = {state.asset.id: _believe(self.fleet, agent, state, at) for state in states}
        return self.judged[key].get(asset)


def _believe(fleet: Fleet, agent: SimulatedAgent, state: AssetState, at: float) -> Score:
    """Return the score that the province gives an asset: nothing where its agent is not believed."""
    inventory = fleet.inventory
    entry = inventory.assets.get(state.asset.id)
    packs = {pack.sha256 for pack in inventory.packs}
    believed = entry is not None and _same(inventory, entry, state)
    believed = believed and all(pack.sha256 in packs for pack in agent.plan.packs)
    believed = believed and agent.shift >= -BEHIND_SECONDS
    points: dict[str, Points] = {}
    fresh: dict[str, float] = {}
    seen = {check.check: check for check in state.checks}
    for name, possible in fleet.possible.get(state.asset.id, {}).items():
        check = seen.get(name)
        parts = check.points if check else Points()
        points[name] = Points(
            min(parts.earned, possible),
            min(parts.accepted, possible),
            min(parts.covered, possible),
            possible,
        )
        max_age = entry.availability.max_age_seconds if entry else 1.0
        last = check.last_complete if check else None
        fresh[name] = freshness(last, at, max_age) if believed else 0.0
    return score(points, fresh, critical_in_order=True)


def _same(inventory: Inventory, entry: InventoryAsset, state: AssetState) -> bool:
    """Return whether the agent takes the asset for what the inventory says it is."""
    expected, said = inventory.as_judged(entry), state.asset
    return (expected.platform, expected.level, set(expected.roles)) == (
        said.platform,
        said.level,
        set(said.roles),
    )


def openmetrics(fleet: Fleet, seconds: float) -> Iterator[str]:
    """Yield the recorded series of some time before the demo began.

    Args:
        fleet: whose past it is.
        seconds: how long that time is.

    Yields:
        Lines in OpenMetrics text format 1.0.0, which promtool makes blocks of.
    """
    past = _Past(fleet, fleet.inventory.speakers(fleet.world.start))
    count = int((seconds - GAP_SECONDS) // STEP_SECONDS)
    last = fleet.world.start - GAP_SECONDS
    instants = [last - STEP_SECONDS * number for number in range(count, -1, -1)]
    rows = [(at, _recorded(past, at)) for at in instants]
    for name in rows[0][1] if rows else ():
        yield from (f"{name} {row[name]!r} {at:.3f}\n" for at, row in rows)
    yield "# EOF\n"


def _recorded(past: _Past, at: float) -> _Row:
    """Return everything that is recorded at one instant."""
    inventory = past.fleet.inventory
    units: dict[str, list[Member]] = {}
    row: _Row = {}
    for asset in asset_rows(inventory, past.fleet.possible, at):
        labels = asset["info"]
        found = past.score(labels["asset"], at)
        units.setdefault(labels["unit"], []).append(Member(labels["asset"], int(labels["level"]), found))
        for metric, part in _METRICS.items():
            percent = getattr(found, part) if found else 0.0
            row[_series(f"asset:secmon_{metric}:ratio", labels)] = (percent or 0.0) / 100
    totals = {unit: aggregate(members) for unit, members in units.items()}
    kinds: dict[str, list[Total]] = {}
    for unit, total in totals.items():
        labels = _labels(inventory, unit)
        row |= _of_total("unit", labels, total)
        kinds.setdefault(labels["unit_kind"], []).append(total)
    province = {"province": inventory.province}
    for kind, parts in kinds.items():
        row |= _of_total("unit_kind", {"unit_kind": kind} | province, merge(parts))
    return row | _of_total("province", province, merge(totals.values()))


def _labels(inventory: Inventory, unit: str) -> dict[str, str]:
    return {"unit": unit, "unit_kind": inventory.units[unit].kind, "province": inventory.province}


def _of_total(level: str, labels: Mapping[str, str], total: Total) -> _Row:
    row: _Row = {}
    for metric, part in _METRICS.items():
        numerator = getattr(total, part) / 100
        row[_series(f"{level}:secmon_{metric}:numerator", labels)] = numerator
        row[_series(f"{level}:secmon_{metric}:denominator", labels)] = total.weight
        row[_series(f"{level}:secmon_{metric}:ratio", labels)] = numerator / total.weight
    return row


def _series(name: str, labels: Mapping[str, str]) -> str:
    """Return a series as OpenMetrics writes it; no label has a quote or a backslash."""
    inside = ",".join(f'{label}="{value}"' for label, value in labels.items())
    return f"{name}{{{inside}}}"
