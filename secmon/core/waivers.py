"""Lay waivers over failing results, which stay what they are, and say which waivers want looking after."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from typing import TYPE_CHECKING

from secmon.core.judgement import WaivedUntil
from secmon.core.model import VIETNAM_UTC_OFFSET_SECONDS, Outcome
from secmon.core.rule import Fault

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator, Mapping

    from secmon.core.model import Asset, Result, Verdict
    from secmon.core.rule import Waiver


class WaiverState(StrEnum):
    """How a waiver stands at one instant.

    It is *unused* only where that is certain: the rule was decided on every asset here that it is for, and
    nothing that it is for fails. A check that did not run, a look that was not complete, and assets that only
    others look at leave it *undecided*.
    """

    ACTIVE = "active"
    EXPIRED = "expired"
    UNUSED = "unused"
    UNDECIDED = "undecided"


@dataclass(frozen=True, slots=True)
class WaiverUse:
    """What one waiver was good for.

    Attributes:
        waiver: the waiver.
        state: how it stands.
        findings: failures that it is for; those of an expired one count again.
    """

    waiver: Waiver
    state: WaiverState
    findings: int


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


def account(
    waivers: Iterable[Waiver],
    results: Iterable[Result],
    verdicts: Iterable[Verdict],
    assets: Mapping[str, Asset],
    *,
    settled: Collection[str],
    now: float,
) -> list[WaiverUse]:
    """Say of each waiver how it stands, and what it was good for.

    Args:
        waivers: every waiver, also expired ones.
        results: every result of every check that was judged.
        verdicts: likewise.
        assets: asset id -> asset.
        settled: rules that were judged on all that is configured, and on what is, not on what passed by: of
            them alone a decided verdict says that there is nothing to waive.
        now: Unix seconds.

    Returns:
        One entry for each waiver, in order.
    """
    failing: dict[str, list[Result]] = {}
    for result in results:
        if result.outcome is Outcome.FAIL:
            failing.setdefault(result.rule, []).append(result)
    judged: dict[str, list[Verdict]] = {}
    for verdict in verdicts:
        judged.setdefault(verdict.rule, []).append(verdict)
    uses = []
    for waiver in waivers:
        found = {
            result.fingerprint
            for result in failing.get(waiver.rule, ())
            if _matches(waiver, result, assets.get(result.asset))
        }
        mine = [
            verdict
            for verdict in judged.get(waiver.rule, ())
            if _is_for(waiver, verdict.asset, assets.get(verdict.asset))
        ]
        certain = bool(mine) and all(verdict.decided and verdict.rule in settled for verdict in mine)
        uses.append(WaiverUse(waiver, _state(waiver, len(found), now, certain=certain), len(found)))
    return uses


def _state(waiver: Waiver, findings: int, now: float, *, certain: bool) -> WaiverState:
    if waiver.expires <= now:
        return WaiverState.EXPIRED
    if findings:
        return WaiverState.ACTIVE
    return WaiverState.UNUSED if certain else WaiverState.UNDECIDED


def find_doubtful(waivers: Iterable[Waiver], now: float) -> Iterator[Fault]:
    """Tell of the waivers that want looking after, whatever was seen: expired ones and over-broad ones.

    Args:
        waivers: every waiver.
        now: Unix seconds.

    Yields:
        A warning each; the same waiver has the same one until it expires.
    """
    for waiver in waivers:
        if waiver.expires <= now:
            message = f"the waiver ended on {last_day(waiver)}, and what it covered counts again"
            yield Fault(
                waiver.place, waiver.id, message, "remove it, or have the risk approved anew", warning=True
            )
        elif waiver.broad:
            message = "the waiver is too broad: it also accepts what nobody has looked at"
            advice = "name an asset, or a subject in one unit, under match"
            yield Fault(waiver.place, waiver.id, message, advice, warning=True)


def last_day(waiver: Waiver) -> str:
    """Return the last day on which a waiver holds, YYYY-MM-DD in Asia/Ho_Chi_Minh."""
    last = datetime.fromtimestamp(waiver.expires - 1 + VIETNAM_UTC_OFFSET_SECONDS, UTC)
    return last.date().isoformat()


def _is_for(waiver: Waiver, name: str, asset: Asset | None) -> bool:
    if waiver.asset and waiver.asset != name:
        return False
    return not waiver.unit or (asset is not None and waiver.unit == asset.unit)


def _matches(waiver: Waiver, result: Result, asset: Asset | None) -> bool:
    return _is_for(waiver, result.asset, asset) and all(
        name in result.subject and result.subject[name] == value for name, value in waiver.subject.items()
    )
