"""Tell what a window saw, or why nothing could be seen, to whoever started the probe."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from secmon.checks.traffic.detectors import DETECTORS
from secmon.core.model import Completeness

if TYPE_CHECKING:
    from secmon.checks.traffic.window import Seen
    from secmon.core.contract import Emit, Unavailable
    from secmon.core.model import Target

LOOKS: Final = ("interface", *(f"anomaly/{name}" for name in DETECTORS))
"""What `looked` names for every target."""


def tell_seen(emit: Emit, target: Target, seen: Seen, detail: str = "") -> None:
    """End an observation with what a window saw.

    Args:
        emit: where to tell it; the observation has begun.
        target: what was looked at.
        seen: what the window saw.
        detail: a sentence of the probe's own, told before those of the window.
    """
    emit.facts(target, seen.facts)
    reason = next((why for why in seen.looked.values() if why), None)
    sentences = "; ".join(filter(None, (detail, seen.detail)))
    emit.end(target, seen.looked, Completeness.PARTIAL if reason else Completeness.OK, reason, sentences)


def tell_blind(emit: Emit, target: Target, why: Unavailable) -> None:
    """End an observation in which nothing could be seen; it has begun."""
    emit.end(target, dict.fromkeys(LOOKS, why.reason), Completeness.FAILED, why.reason, why.detail)
