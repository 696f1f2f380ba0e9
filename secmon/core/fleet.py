"""Add up the scores of assets for units, kinds of unit and the province (docs/architecture.md, "Score")."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from secmon.core.score import grade

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from secmon.core.score import Score

RANKING_COVERAGE: Final = 60.0
"""A unit that is seen less than this has not enough data to be ranked."""


@dataclass(frozen=True, slots=True)
class Member:
    """One asset of the inventory, and what is known of it.

    Attributes:
        asset: id of the asset.
        level: 1-5.
        score: None where the asset is silent.
    """

    asset: str
    level: int
    score: Score | None


@dataclass(frozen=True, slots=True)
class Total:
    """Weighted sums over assets; sums of disjoint sets of assets add up, however they are cut.

    Attributes:
        weight: sum of the weights.
        raw: sum of weight x raw score.
        accepted: sum of weight x accepted score.
        coverage: sum of weight x coverage.
        assets: number of assets.
        silent: those of which nothing is known.
        capped: those whose grade a critical rule holds down.
    """

    weight: float = 0.0
    raw: float = 0.0
    accepted: float = 0.0
    coverage: float = 0.0
    assets: int = 0
    silent: int = 0
    capped: int = 0

    @property
    def raw_score(self) -> float:
        """Return the mean raw score, 0-100; 0 where there is no asset."""
        return self._mean(self.raw)

    @property
    def accepted_score(self) -> float:
        """Return the mean accepted score, 0-100; 0 where there is no asset."""
        return self._mean(self.accepted)

    @property
    def coverage_score(self) -> float:
        """Return the mean coverage, 0-100; 0 where there is no asset."""
        return self._mean(self.coverage)

    @property
    def letter(self) -> str:
        """Return the grade A-E; a unit has no cap, its capped assets are told beside it."""
        return grade(self.accepted_score, critical_in_order=True)

    def _mean(self, total: float) -> float:
        return min(100.0, total / self.weight) if self.weight else 0.0


def weight_of(level: int) -> float:
    """Return what an asset weighs.

    Args:
        level: 1-5.

    Returns:
        1, 2, 4, 8 or 16.
    """
    return 2.0 ** (level - 1)


def aggregate(members: Iterable[Member]) -> Total:
    """Add up the assets of a unit, of a kind of unit, or of the province.

    Args:
        members: assets of the inventory, also those that are silent or have nothing possible: both count 0.

    Returns:
        The sums; an asset that is given twice counts once.

    Raises:
        ValueError: one asset is given with two levels or two scores.
    """
    once: dict[str, Member] = {}
    for member in members:
        if once.setdefault(member.asset, member) != member:
            raise ValueError(f"{member.asset} is given twice, and not alike")
    return Total(
        weight=math.fsum(weight_of(member.level) for member in once.values()),
        raw=_sum(once.values(), "raw"),
        accepted=_sum(once.values(), "accepted"),
        coverage=_sum(once.values(), "coverage"),
        assets=len(once),
        silent=sum(member.score is None for member in once.values()),
        capped=sum(_is_capped(member.score) for member in once.values()),
    )


def merge(totals: Iterable[Total]) -> Total:
    """Add up sums over disjoint sets of assets, such as the units of a province.

    Args:
        totals: the sums.

    Returns:
        What `aggregate` gives for all of these assets, but for rounding.
    """
    parts: Sequence[Total] = tuple(totals)
    return Total(
        weight=math.fsum(part.weight for part in parts),
        raw=math.fsum(part.raw for part in parts),
        accepted=math.fsum(part.accepted for part in parts),
        coverage=math.fsum(part.coverage for part in parts),
        assets=sum(part.assets for part in parts),
        silent=sum(part.silent for part in parts),
        capped=sum(part.capped for part in parts),
    )


def _sum(members: Iterable[Member], name: str) -> float:
    return math.fsum(
        weight_of(member.level) * (getattr(member.score, name) or 0.0)
        for member in members
        if member.score is not None
    )


def _is_capped(score: Score | None) -> bool:
    if score is None or score.accepted is None:
        return False
    return score.grade != grade(score.accepted, critical_in_order=True)


@dataclass(frozen=True, slots=True)
class Standing:
    """A unit's place among the units of its kind.

    Attributes:
        unit: id of the unit.
        kind: its kind; only units of one kind are compared.
        place: from 1, equal raw scores share one; None where there is not enough data.
        total: its sums.
    """

    unit: str
    kind: str
    place: int | None
    total: Total


def rank(units: Mapping[str, tuple[str, Total]]) -> dict[str, tuple[Standing, ...]]:
    """Rank units by raw score within each kind.

    Args:
        units: unit -> its kind and its sums.

    Returns:
        Kind -> standings, best first; units without enough data below all ranked ones, by id.
    """
    kinds: dict[str, list[tuple[str, Total]]] = {}
    for unit, (kind, total) in sorted(units.items()):
        kinds.setdefault(kind, []).append((unit, total))
    return {kind: tuple(_rank_kind(kind, members)) for kind, members in sorted(kinds.items())}


def _rank_kind(kind: str, members: Sequence[tuple[str, Total]]) -> Iterable[Standing]:
    ranked = [member for member in members if member[1].coverage_score >= RANKING_COVERAGE]
    ranked.sort(key=lambda member: -member[1].raw_score)
    scores = [total.raw_score for _, total in ranked]
    for unit, total in ranked:
        yield Standing(unit, kind, scores.index(total.raw_score) + 1, total)
    for unit, total in members:
        if total.coverage_score < RANKING_COVERAGE:
            yield Standing(unit, kind, None, total)
