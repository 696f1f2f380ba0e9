"""Make the check's metrics from its observations.

A number that a partial look could make too small is not exported: absent says more than wrong.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from secmon.checks.ports.kinds import LISTENER, PORT, SCOPES
from secmon.core.contract import Sample

if TYPE_CHECKING:
    from collections.abc import Sequence

    from secmon.core.model import Fact, Observation


def samples(asset: str, observations: Sequence[Observation], now: float) -> list[Sample]:  # noqa: ARG001  # contract
    """Count listeners by scope and open ports.

    Args:
        asset: id of the asset.
        observations: the asset's observations of the last run.
        now: Unix seconds; not needed here.

    Returns:
        `secmon_listeners` for each scope, where this host was looked at completely; `secmon_ports_open` where
        each target from outside was.
    """
    found: list[Sample] = []
    facts = _complete(observations, LISTENER.name)
    if facts is not None:
        there = (fact for fact in facts if fact.values.get("present") is not False)
        exposures = {tuple(fact.values.get(name) for name in LISTENER.key): fact for fact in there}
        scopes = [fact.values.get("scope") for fact in exposures.values()]
        found += [Sample("secmon_listeners", (asset, scope), scopes.count(scope)) for scope in SCOPES]
    facts = _complete(observations, PORT.name)
    if facts is not None:
        ports = {
            tuple(fact.values.get(name) for name in PORT.key)
            for fact in facts
            if fact.values.get("state") == "open"
        }
        found.append(Sample("secmon_ports_open", (asset,), len(ports)))
    return found


def _complete(observations: Sequence[Observation], kind: str) -> list[Fact] | None:
    """Return the facts of a kind; None where no target yields it, or one was not looked at completely."""
    of_kind = [observation for observation in observations if kind in observation.looked]
    if not of_kind or any(observation.looked[kind] for observation in of_kind):
        return None
    return [fact for observation in of_kind for fact in observation.facts if fact.kind == kind]
