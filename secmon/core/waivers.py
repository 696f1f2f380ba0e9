"""Lay waivers over failing results; the failure stays what it is."""

from __future__ import annotations

from typing import TYPE_CHECKING

from secmon.core.judgement import WaivedUntil
from secmon.core.model import Outcome

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from secmon.core.model import Asset, Result
    from secmon.core.rule import Waiver


def cover(
    results: Iterable[Result],
    waivers: Iterable[Waiver],
    assets: Mapping[str, Asset],
    now: float,
) -> list[WaivedUntil]:
    """Find the waiver that covers each failing result longest.

    Args:
        results: what was judged.
        waivers: every waiver, also expired ones.
        assets: asset id -> asset.
        now: Unix seconds.

    Returns:
        One entry for each failing result that a waiver in force covers.
    """
    by_rule: dict[str, list[Waiver]] = {}
    for waiver in waivers:
        if waiver.created <= now < waiver.expires:
            by_rule.setdefault(waiver.rule, []).append(waiver)
    covered: dict[str, WaivedUntil] = {}
    for result in results:
        if result.outcome is not Outcome.FAIL:
            continue
        matching = [
            waiver
            for waiver in by_rule.get(result.rule, ())
            if _matches(waiver, result, assets.get(result.asset))
        ]
        if matching:
            longest = max(matching, key=lambda waiver: (waiver.expires, waiver.id))
            covered[result.fingerprint] = WaivedUntil(result.fingerprint, longest.id, longest.expires)
    return list(covered.values())


def _matches(waiver: Waiver, result: Result, asset: Asset | None) -> bool:
    if waiver.asset and waiver.asset != result.asset:
        return False
    if waiver.unit and (asset is None or waiver.unit != asset.unit):
        return False
    return all(
        name in result.subject and result.subject[name] == value for name, value in waiver.subject.items()
    )
