"""Build `published` facts from rules of destination NAT."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from secmon.checks.ports.exposure import read_address, scope_of
from secmon.core.model import Fact, Reason

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable

LIMIT: Final = 1024
"""Rules; an orchestrator of containers writes thousands, a person does not."""

_ANY: Final = {4: "0.0.0.0", 6: "::"}  # noqa: S104  # compared with, not bound

Rule = tuple[str, str, int | None, str, int | None]
"""Protocol, destination, port, and where it goes: address, port; "" and None as in secmon.sources.nat."""


def facts_of(rules: Iterable[Rule], families: Collection[int]) -> list[Fact]:
    """Return one fact for each thing that is handed on.

    Args:
        rules: of destination NAT.
        families: 4, 6: those that this host forwards.

    Returns:
        The facts in order, without doubles, at most `LIMIT`.
    """
    found: dict[tuple[Any, ...], Fact] = {}
    for rule in rules:
        address = rule[1] or rule[3]
        version = read_address(address).version if address else 4
        if version in families and len(found) < LIMIT:
            found.setdefault(rule, _fact(rule, version))
    return list(found.values())


def _fact(rule: Rule, version: int) -> Fact:
    proto, address, port, to_address, to_port = rule
    at = read_address(address or _ANY[version])
    told = {
        "proto": proto or None,
        "address": str(at),
        "port": port,
        "to_address": to_address or None,
        "to_port": to_port if to_port is not None else port,
        "scope": scope_of(at, "", ""),
    }
    # What no rule of the usual form says is not "none": a set or a map may stand there.
    missing = {name: Reason.UNSUPPORTED for name, value in told.items() if value is None}
    return Fact("published", {name: value for name, value in told.items() if value is not None}, missing)
