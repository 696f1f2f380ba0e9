"""Conclude what a connect scan of one target saw: facts, and whether the look was complete.

A host that is down, and a port that was not measured, never become "closed". A look at fewer ports than `top`
is told, but is no complete look at the host: else naming one harmless port would satisfy every rule about the
others.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Final

from secmon.core.model import Completeness, Fact, Reason

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence


class State(StrEnum):
    """What a connection to a port met, the most exposed first."""

    OPEN = "open"
    UNRELIABLE = "unreliable"
    CLOSED = "closed"
    FILTERED = "filtered"
    NO_REPLY = "no_reply"


_EXPOSURE: Final = {state: rank for rank, state in enumerate(State)}
_WORDS: Final = {
    State.OPEN: "open",
    State.UNRELIABLE: "reset after they opened",
    State.CLOSED: "closed",
    State.FILTERED: "filtered",
    State.NO_REPLY: "without reply",
}
_ANSWERS: Final = frozenset({State.OPEN, State.UNRELIABLE})
OF_THE_HOST: Final = _ANSWERS | {State.CLOSED}
"""What only the host itself sends; an ICMP error may come from a router, or from this host."""

_FEW: Final = 16
"""Ports, each of which is told whatever its state; of more, the unremarkable ones are counted."""
_NARROW: Final = (
    "Only the ports named were looked at, which says nothing of the others; name the host alone and `top` to "
    "judge it."
)

_TARPIT_PORTS: Final = 64
_TARPIT_RATIO: Final = 0.9


@dataclass(frozen=True, slots=True)
class Seen:
    """What one address of a target showed.

    Attributes:
        address: resolved address.
        states: port -> what was met; a port that was not measured is absent.
        failure: why nothing (more) could be measured, None where nothing hindered.
        detail: one sentence on the failure.
        alive: a port of another target on this address answered.
    """

    address: str
    states: Mapping[int, State]
    failure: Reason | None = None
    detail: str = ""
    alive: bool = False


@dataclass(frozen=True, slots=True)
class Conclusion:
    """What is told of one target.

    Attributes:
        facts: of kind `port`.
        reason: why the look was not complete, None where it was.
        detail: one sentence for a person.
    """

    facts: tuple[Fact, ...]
    reason: Reason | None
    detail: str

    @property
    def completeness(self) -> Completeness:
        """Return how the observation ends."""
        if self.reason is None:
            return Completeness.OK
        seen = self.facts or self.reason is Reason.NOT_CONFIGURED
        return Completeness.PARTIAL if seen else Completeness.FAILED


def conclude(host: str, ports: Sequence[int], seen: Sequence[Seen], *, narrow: bool) -> Conclusion:
    """Conclude what was seen of a target.

    Args:
        host: the host as the target names it.
        ports: ports that were to be measured.
        seen: what each of its addresses showed, at least one.
        narrow: nothing looks at the rest of the host.

    Returns:
        One fact for each port that answers, of a few ports one for each, and why the look was not complete.
    """
    each = len(ports) <= _FEW
    judged = [(entry, *_hindrance(entry, ports)) for entry in seen]
    told = [entry for entry, reason, _ in judged if reason is not Reason.TARPIT]
    facts = tuple(fact for port in sorted(ports) for fact in _port(host, port, told, each=each))
    rest = [(Reason.NOT_CONFIGURED, _NARROW)] if narrow else []
    hindrances = [(reason, detail) for _, reason, detail in judged if reason] + rest
    reason, detail = hindrances[0] if hindrances else (None, "")
    counts = "" if each else _counts(ports, seen)
    return Conclusion(facts, reason, " ".join(filter(None, (detail, counts))))


def _port(host: str, port: int, seen: Sequence[Seen], *, each: bool) -> list[Fact]:
    """Return the fact of a port, from the address where it is most exposed; none where it is unremarkable."""
    states = [(entry.states[port], entry.address) for entry in seen if port in entry.states]
    if not states:
        return []
    state, address = min(states, key=lambda pair: _EXPOSURE[pair[0]])
    if not each and state not in _ANSWERS:
        return []
    values = {"host": host, "proto": "tcp", "port": port, "state": state.value, "address": address}
    return [Fact("port", values)]


def _hindrance(seen: Seen, ports: Sequence[int]) -> tuple[Reason | None, str]:
    """Say why the look at an address was not complete, or None."""
    counts = Counter(seen.states.values())
    measured = len(seen.states)
    if seen.failure and measured < len(ports):
        return seen.failure, seen.detail
    answering = sum(counts[state] for state in _ANSWERS)
    if measured >= _TARPIT_PORTS and answering > _TARPIT_RATIO * measured:
        return Reason.TARPIT, (
            f"{answering} of {measured} ports of {seen.address} accept connections, as a SYN proxy or "
            "a tarpit does; look at the host from inside."
        )
    if measured < len(ports):
        return Reason.TIMEOUT, (
            f"{len(ports) - measured} of {len(ports)} ports of {seen.address} were not measured before the "
            "deadline; name fewer ports, raise the rate or the deadline."
        )
    if not seen.alive and not any(counts[state] for state in OF_THE_HOST):
        if counts[State.FILTERED]:
            return (
                Reason.UNREACHABLE,
                f"{seen.address} cannot be reached; check its address, routes and firewalls.",
            )
        return (
            Reason.TIMEOUT,
            f"{seen.address} answers on no port that was tried; it is down or filters everything.",
        )
    return None, ""


def _counts(ports: Sequence[int], seen: Sequence[Seen]) -> str:
    """Return how many ports were met in each state; unremarkable ones are no facts."""
    best = [
        min(
            (entry.states[port] for entry in seen if port in entry.states),
            key=_EXPOSURE.__getitem__,
            default=None,
        )
        for port in ports
    ]
    counts = Counter(state for state in best if state)
    words = [f"{counts[state]} {_WORDS[state]}" for state in State if counts[state]]
    return f"Of {len(ports)} ports: {', '.join(words)}." if words else ""
