"""Join what a host says that it listens on with what others reached of it: `reachability` facts.

A listener that nobody reaches is filtered on the way. A port that is reached though nothing listens is
answered by something in between: address translation, a proxy, or another host on the address.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

from secmon.checks.ports.exposure import read_address
from secmon.core.model import Fact, Reason

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from secmon.core.model import Json

_SCOPE: Final = "exposed"
_HOST: Final = "host"
_REACHED: Final = {"open": True, "closed": False, "filtered": False}
_UNKNOWN: Final = {
    "unreliable": Reason.TARPIT,
    "not_measured": Reason.NOT_CONFIGURED,
    "no_reply": Reason.NO_DATA,
}


@dataclass(frozen=True, slots=True)
class Outside:
    """What one look from outside met.

    Attributes:
        host: the host as its target named it.
        asset: id of the asset that it was taken for, "" where the report says none.
        addresses: that were looked at.
        states: (protocol, port) -> state, of the ports that were told.
        covered: protocol -> ports that were all measured; one that has no state there did not answer.
    """

    host: str
    asset: str
    addresses: frozenset[str]
    states: Mapping[tuple[str, int], str]
    covered: Mapping[str, frozenset[int]] = field(default_factory=dict)

    def reached(self, proto: str, port: int) -> bool | Reason:
        """Return whether a port was reached, or why that is not known."""
        state = self.states.get((proto, port))
        if state is None:
            return False if port in self.covered.get(proto, ()) else Reason.NOT_CONFIGURED
        if (
            state == "no_reply" and proto == "tcp"
        ):  # no answer to TCP is an answer; UDP services may keep silent
            return False
        return _REACHED.get(state, _UNKNOWN.get(state, Reason.NO_DATA))


def join(listeners: Iterable[Json], unseen: Reason | None, looks: Sequence[Outside]) -> list[Fact]:
    """Return one fact for each port that listens to the network or was reached, of each look from outside.

    Args:
        listeners: values of the host's own `listener` facts.
        unseen: why these may not be all, None where they are.
        looks: from outside, at this host.

    Returns:
        Facts of kind `reachability`, by host, protocol and port.
    """
    exposed = [row for row in listeners if row.get("netns") == _HOST and row.get("scope") == _SCOPE]
    return [fact for look in looks for fact in _of(look, exposed, unseen)]


def _of(look: Outside, exposed: Sequence[Json], unseen: Reason | None) -> Iterable[Fact]:
    mine: dict[tuple[str, int], Json] = {}
    for row in exposed:
        if _listens_at(row, look.addresses):
            mine.setdefault((str(row["proto"]), int(row["port"])), row)
    reached = {place for place, state in look.states.items() if state == "open"}
    for proto, port in sorted(mine.keys() | reached):
        listener = mine.get((proto, port))
        told: dict[str, Any] = {
            "listening": True if listener else unseen or False,
            "reachable": look.reached(proto, port),
            "systemd_unit": listener.get("systemd_unit", Reason.NO_DATA) if listener else None,
        }
        missing = {name: value for name, value in told.items() if isinstance(value, Reason)}
        values = {name: value for name, value in told.items() if name not in missing}
        yield Fact("reachability", {"host": look.host, "proto": proto, "port": port, **values}, missing)


def _listens_at(row: Json, addresses: frozenset[str]) -> bool:
    """Tell whether a listener takes what comes for one of some addresses."""
    bound = read_address(str(row["address"]))
    if not bound.is_unspecified:
        return str(bound) in addresses
    versions = {read_address(address).version for address in addresses}
    # The address of a listener of both families is 0.0.0.0; where its family is not known it may take both.
    return row.get("family") in {None, "dual"} or bound.version in versions
