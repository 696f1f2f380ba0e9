"""Say what rules are worth on assets by what the assets are, whatever any agent is configured to look at."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Protocol

from secmon.core.binding import bind

if TYPE_CHECKING:
    from collections.abc import Sequence

    from secmon.core.contract import Registry
    from secmon.core.model import Asset
    from secmon.core.rule import Fault, Override, Profile, Rule


class Rulebook(Protocol):
    """Rules, and what says where they bind."""

    @property
    def rules(self) -> Sequence[Rule]:
        """Return the rules."""

    @property
    def profiles(self) -> Sequence[Profile]:
        """Return the profiles."""

    @property
    def overrides(self) -> Sequence[Override]:
        """Return the overrides, in order."""


def expected_points(
    assets: Sequence[Asset], book: Rulebook, registry: Registry
) -> tuple[dict[str, dict[str, int]], list[Fault]]:
    """Return what the rules that bind each asset are worth, without any target being named.

    The province asks this of the assets of its inventory, an agent of its own: with the same rules and the
    same idea of the asset both get the same points.

    Args:
        assets: as judged.
        book: rules, profiles and overrides.
        registry: the checks.

    Returns:
        Asset -> check -> points, 0 where no rule of the check binds it; and what is wrong with the overrides.
    """
    alike: dict[Asset, Asset] = {}  # what decides about binding -> the first such asset, bound for all
    first = {asset.id: alike.setdefault(_deciding(asset, book), asset).id for asset in assets}
    distinct = list(alike.values())
    bindings, faults = bind(book.rules, book.profiles, book.overrides, distinct, (), registry)
    points = {asset.id: dict.fromkeys(registry.checks, 0) for asset in distinct}
    rules = {rule.id: rule for rule in book.rules}
    for binding in bindings:
        rule = rules[binding.rule]
        points[binding.asset][rule.check] += rule.severity.points
    return {asset: points[same] for asset, same in first.items()}, faults


def expected_by_agent(
    assets: Sequence[Asset], book: Rulebook, registry: Registry
) -> dict[str, dict[str, int]]:
    """Return what an agent expects the province to count.

    Args:
        assets: of the agent's plan. Targets that look at them from elsewhere too have added vantages; the
            inventory knows only the first.
        book: rules, profiles and overrides, without a fault.
        registry: the checks.

    Returns:
        Asset -> check -> points.
    """
    return expected_points([replace(asset, vantages=asset.vantages[:1]) for asset in assets], book, registry)[
        0
    ]


def _deciding(asset: Asset, book: Rulebook) -> Asset:
    """Return an asset without what rules do not look at; of a province that leaves a few dozen."""
    return asset if book.overrides else replace(asset, id="", unit="")
