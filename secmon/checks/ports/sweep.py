"""Conclude what was seen of the ports of one target: facts, and whether the look was complete.

A host that is down, and a port that was not measured, never become "closed". A look at fewer ports than `top`
is told, but is no complete look at the host: else naming one harmless port would satisfy every rule about the
others.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Any, Final

from secmon.checks.ports.services import FIELDS
from secmon.core.model import Completeness, Fact, Reason

if TYPE_CHECKING:
    from collections.abc import Sequence


class State(StrEnum):
    """What was met at a port, the most exposed first."""

    OPEN = "open"
    UNRELIABLE = "unreliable"
    CLOSED = "closed"
    FILTERED = "filtered"
    NO_REPLY = "no_reply"
    NOT_MEASURED = "not_measured"


_EXPOSURE: Final = {state: rank for rank, state in enumerate(State)}
_WORDS: Final = {
    State.OPEN: "open",
    State.UNRELIABLE: "unreliable",
    State.CLOSED: "closed",
    State.FILTERED: "filtered",
    State.NO_REPLY: "without reply",
    State.NOT_MEASURED: "not measured",
}
ANSWERS: Final = frozenset({State.OPEN, State.UNRELIABLE})
OF_THE_HOST: Final = ANSWERS | {State.CLOSED}
"""What only the host itself sends; an ICMP error may come from a router, or from this host."""

FEW: Final = 16
"""Ports, each of which is told whatever its state; of more, the unremarkable ones are counted."""
_NARROW: Final = (
    "Only the ports named were looked at, which says nothing of the others; name the host alone and `top` to "
    "judge it."
)

LEAST_WINDOW: Final = 16
"""Bytes that a peer must be ready to take. SYN proxies announce 0 until they know who listens, and tarpits
for good, or next to nothing (5 by xt_TARPIT, 10 by LaBrea); the smallest stacks announce more."""

_MANY: Final = 64
_NEARLY_ALL: Final = 0.9

IDENTITY: Final = FIELDS
"""Fields that identification fills."""


@dataclass(frozen=True, slots=True)
class Seen:
    """What one address of a target showed over one protocol.

    Attributes:
        address: resolved address.
        asked: ports that were to be measured.
        states: port of `asked` -> what was met; a port that was not measured is absent.
        failure: why nothing (more) could be measured, None where nothing hindered.
        detail: one sentence on the failure.
        alive: the host answered somewhere, be it for another target.
        proto: `tcp` or `udp`.
        excluded: ports of `asked` that the configuration forbids to touch.
    """

    address: str
    asked: Sequence[int]
    states: Mapping[int, State]
    failure: Reason | None = None
    detail: str = ""
    alive: bool = False
    proto: str = "tcp"
    excluded: frozenset[int] = frozenset()

    @property
    def lives(self) -> bool:
        """Tell whether the host gave a sign of life."""
        return self.alive or not OF_THE_HOST.isdisjoint(self.states.values())

    def told(self) -> dict[int, State]:
        """Return what is told of each port.

        The silence of a host that gave no sign of life says nothing of a port, nor does the answer of one
        that opens nearly all.
        """
        replaced = {State.OPEN: State.UNRELIABLE} if nearly_all_open(self.states) else {}
        if not self.lives:
            replaced[State.NO_REPLY] = State.NOT_MEASURED
        met = dict(self.states)
        if len(met) < len(self.asked):
            met = {**dict.fromkeys(self.asked, State.NOT_MEASURED), **met}
        return {port: replaced.get(state, state) for port, state in met.items()} if replaced else met


@dataclass(frozen=True, slots=True)
class Place:
    """A port of an address.

    Attributes:
        address: resolved address.
        proto: `tcp` or `udp`.
        port: number.
    """

    address: str
    proto: str
    port: int


Identified = Mapping[Place, Mapping[str, Any] | Reason]
"""What identification says of ports: the fields of IDENTITY, or why there are none."""


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
        measured = any(fact.values["state"] != State.NOT_MEASURED for fact in self.facts)
        return (
            Completeness.PARTIAL if measured or self.reason is Reason.NOT_CONFIGURED else Completeness.FAILED
        )


def nearly_all_open(states: Mapping[int, State]) -> bool:
    """Tell whether so many ports are open as no host serves, but a SYN proxy or a tarpit shows.

    Args:
        states: port -> what was met.
    """
    opened = list(states.values()).count(State.OPEN)
    return len(states) >= _MANY and opened > _NEARLY_ALL * len(states)


def conclude(
    host: str, seen: Sequence[Seen], identified: Identified, *, narrow: bool, note: str = ""
) -> Conclusion:
    """Conclude what was seen of a target.

    Args:
        host: the host as the target names it.
        seen: what each of its addresses showed, at least one.
        identified: what identification says of open ports; nothing where it is off.
        narrow: nothing looks at the rest of the host.
        note: a sentence on how it was looked at, "" for nothing.

    Returns:
        One fact for each port that answers, of a few ports one for each, and why the look was not complete.
    """
    told = [(entry, entry.told()) for entry in seen]
    met = _most_exposed(told)
    counts = {proto: Counter(states.values()) for proto, states in sorted(met.items())}
    each = sum(map(len, met.values())) <= FEW
    unreliable = sum(count[State.UNRELIABLE] for count in counts.values())
    shown = {State.OPEN} | ({State.UNRELIABLE} if unreliable <= FEW else set())
    if each:
        shown = set(State)
    facts = tuple(
        _fact(host, _place(proto, port, met[proto][port], told), met[proto][port], identified)
        for proto in counts
        for port in sorted([port for port, state in met[proto].items() if state in shown])
    )
    hindrances = [found for entry, states in told for found in _hindrances(entry, states)]
    if narrow:
        hindrances.append((Reason.NOT_CONFIGURED, _NARROW))
    reason, detail = hindrances[0] if hindrances else (None, "")
    summary = "" if each else _summary(counts)
    return Conclusion(facts, reason, " ".join(filter(None, (detail, summary, note))))


def _most_exposed(told: Sequence[tuple[Seen, Mapping[int, State]]]) -> dict[str, dict[int, State]]:
    """Return protocol -> port -> its state at the address where it is most exposed."""
    best: dict[str, dict[int, State]] = {}
    for entry, states in told:
        known = best.get(entry.proto)
        if known is None:
            best[entry.proto] = dict(states)
            continue
        for port, state in states.items():
            if port not in known or _EXPOSURE[state] < _EXPOSURE[known[port]]:
                known[port] = state
    return best


def _place(proto: str, port: int, state: State, told: Sequence[tuple[Seen, Mapping[int, State]]]) -> Place:
    """Return where a port was first seen in a state."""
    address = next(
        entry.address for entry, states in told if entry.proto == proto and states.get(port) is state
    )
    return Place(address, proto, port)


def _fact(host: str, place: Place, state: State, identified: Identified) -> Fact:
    """Return the fact of a port."""
    values = {"host": host, "proto": place.proto, "port": place.port, "state": state.value}
    values["address"] = place.address
    identity = identified.get(place, Reason.NOT_CONFIGURED if state is State.OPEN else Reason.NO_DATA)
    if isinstance(identity, Reason):
        return Fact("port", values, dict.fromkeys(IDENTITY, identity))
    return Fact("port", {**values, **identity})


def _hindrances(seen: Seen, told: Mapping[int, State]) -> list[tuple[Reason, str]]:
    """Say why the look at an address was not complete, the weightiest first; nothing where it was."""
    return [found for found in (_shortfall(seen), _forbidden(seen), _proxied(seen, told)) if found]


def _shortfall(seen: Seen) -> tuple[Reason, str] | None:
    """Say why ports were not measured, or say nothing."""
    asked, missing = len(seen.asked), len(seen.asked) - len(seen.states) - len(seen.excluded)
    if seen.failure and missing:
        return seen.failure, seen.detail
    if missing:
        detail = (
            f"{missing} of {asked} {seen.proto.upper()} ports of {seen.address} were not measured before the "
            "deadline; name fewer ports, raise the rate or the deadline."
        )
        return Reason.TIMEOUT, detail
    if seen.lives or not seen.states:
        return None
    if State.FILTERED in seen.states.values():
        detail = f"{seen.address} cannot be reached; check its address, routes and firewalls."
        return Reason.UNREACHABLE, detail
    detail = f"{seen.address} answers on no port that was tried; it is down or filters everything."
    return Reason.TIMEOUT, detail


def _forbidden(seen: Seen) -> tuple[Reason, str] | None:
    """Say which ports the configuration forbids to touch, or say nothing."""
    ports = sorted(seen.excluded)
    if not ports:
        return None
    shown = ", ".join(map(str, ports[:FEW])) + (", ..." if len(ports) > FEW else "")
    return Reason.NOT_ALLOWED, f"checks.ports.exclude forbids to touch ports of {seen.address}: {shown}."


def _proxied(seen: Seen, told: Mapping[int, State]) -> tuple[Reason, str] | None:
    """Say that something else answers for a host, or say nothing."""
    unreliable = list(told.values()).count(State.UNRELIABLE)
    if not unreliable:
        return None
    return Reason.TARPIT, (
        f"{unreliable} of {len(seen.asked)} ports of {seen.address} take connections and serve nothing, as "
        "a SYN proxy or a tarpit does; look at the host from inside."
    )


def _summary(counts: Mapping[str, Counter[State]]) -> str:
    """Return how many ports were met in each state; unremarkable ones are no facts."""
    sentences = []
    for proto, count in counts.items():
        words = [f"{count[state]} {_WORDS[state]}" for state in State if count[state]]
        if words:
            sentences.append(f"Of {count.total()} {proto.upper()} ports: {', '.join(words)}.")
    return " ".join(sentences)
