"""Derive the metrics of the tls check; dates and reasons survive certificates that are not valid."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Final

from secmon.core.contract import Sample

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from secmon.core.model import Observation

_TRUSTED: Final = "trusted"


def samples(asset: str, observations: Sequence[Observation], now: float) -> list[Sample]:  # noqa: ARG001  # the contract's
    """Return the samples of one asset.

    Args:
        asset: id of the asset.
        observations: its observations of this check; one target may have several.
        now: Unix seconds.
    """
    ends: dict[str, float] = {}
    for observation in observations:
        for end in _ends(observation):
            ends[observation.target] = min(end, ends.get(observation.target, end))
    reasons = Counter(
        (observation.target, reason) for observation in observations for reason in _reasons(observation)
    )
    return [
        Sample("secmon_tls_certificate_not_after_timestamp_seconds", (asset, target), end)
        for target, end in sorted(ends.items())
    ] + [
        Sample("secmon_tls_endpoint_reason", (asset, target, reason), float(count))
        for (target, reason), count in sorted(reasons.items())
    ]


def _ends(observation: Observation) -> Iterator[float]:
    """Yield the ends of validity that matter: of servers, and of files that hold no CA's certificate."""
    for fact in observation.facts:
        in_use = fact.kind == "endpoint" or (
            fact.values.get("source") == "file" and not fact.values.get("ca")
        )
        end = fact.values.get("not_after")
        if in_use and end is not None:
            yield end


def _reasons(observation: Observation) -> Iterator[str]:
    """Yield one reason per endpoint, or the one why an endpoint could not be spoken to."""
    endpoints = [fact for fact in observation.facts if fact.kind == "endpoint"]
    for fact in endpoints:
        if "trust_reason" in fact.values:
            yield fact.values["trust_reason"] or _TRUSTED
        elif "trust_reason" in fact.missing:
            yield fact.missing["trust_reason"].value
    unseen = observation.looked.get("endpoint")
    if unseen is not None:
        yield unseen.value
