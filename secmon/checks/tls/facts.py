"""Make facts of what was seen of an endpoint."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from secmon.checks.tls import certificate
from secmon.checks.tls.certificate import BadCertificateError, Certificate
from secmon.checks.tls.trust import Anchors, judge_chain
from secmon.core.hosts import join_port
from secmon.core.model import Fact, Json, Reason
from secmon.core.texts import cut

if TYPE_CHECKING:
    from datetime import datetime

    from secmon.checks.tls.flight import Flight

_NEEDS_EVERY_ROOT: Final = frozenset({"untrusted_root", "missing_intermediate", "other"})
"""Reasons that would be false where a root is only not known here."""

_OF_CHAIN: Final = (
    "trusted",
    "trust_reason",
    "trust_profile",
    "pinned",
    "name_ok",
    "chain",
    "not_after",
    "lifetime_days",
)


@dataclass(frozen=True, slots=True)
class Place:
    """An endpoint to look at.

    Attributes:
        host: as facts name it.
        port: TCP port.
        server_name: sent in the hello, "" for none.
        expected: host that the certificate must be for, None where none is known.
        pin: wanted SHA-256 of the certificate, lower-case hex, "" for none.
    """

    host: str
    port: int
    server_name: str = ""
    expected: str | None = None
    pin: str = ""


@dataclass(frozen=True, slots=True)
class Sight:
    """What was seen of an endpoint that speaks TLS.

    Attributes:
        address: that was spoken to.
        versions: names of the versions that it offers.
        versions_unseen: why not every version could be asked for, None where each was.
        flight: the answer that gave the chain, or the best there was.
    """

    address: str
    versions: tuple[str, ...]
    versions_unseen: Reason | None
    flight: Flight


@dataclass(frozen=True, slots=True)
class Trust:
    """Roots, and whether they are all.

    Attributes:
        anchors: the roots that could be loaded.
        incomplete: why some could not, None where all could.
        detail: the same in one sentence.
    """

    anchors: Anchors
    incomplete: Reason | None = None
    detail: str = ""


@dataclass(frozen=True, slots=True)
class Findings:
    """The facts of one endpoint.

    Attributes:
        endpoint: its own fact.
        certificates: one for each certificate of its chain that parses.
        chain_unseen: why the certificates are not all there, None where they are.
        detail: what was wrong, in one sentence; "" for nothing.
    """

    endpoint: Fact
    certificates: tuple[Fact, ...]
    chain_unseen: Reason | None
    detail: str


def build_facts(place: Place, sight: Sight, trust: Trust, now: datetime) -> Findings:
    """Return the facts of an endpoint.

    Args:
        place: what was looked at.
        sight: what was seen.
        trust: roots for its chain.
        now: instant of verification, aware UTC.
    """
    flight = sight.flight
    values: Json = {
        "host": cut(place.host),
        "port": place.port,
        "sni": place.server_name or None,
        "address": sight.address,
    }
    missing: dict[str, Reason] = {}
    if sight.versions_unseen is None:
        values["versions"] = list(sight.versions)
    else:
        missing["versions"] = sight.versions_unseen
    if flight.client_auth is None:
        missing["client_auth"] = flight.unread or Reason.NO_DATA
    else:
        values["client_auth"] = flight.client_auth
    chain, unseen, detail = _load_chain(flight)
    if chain:
        of_chain, unknown = _judge(place, chain, trust, now)
        values |= of_chain
        missing |= unknown
        if unknown.get("trusted"):
            detail = detail or trust.detail
    else:
        missing |= dict.fromkeys(_OF_CHAIN, unseen or Reason.NO_DATA)
    where = join_port(place.host, place.port)
    facts = tuple(certificate.fact(each, where, index, "endpoint") for index, each in enumerate(chain))
    return Findings(Fact("endpoint", values, missing), facts, unseen, detail and f"{where}: {detail}")


def _load_chain(flight: Flight) -> tuple[list[Certificate], Reason | None, str]:
    """Parse what parses; without a leaf the rest is worth nothing."""
    if not flight.chain:
        return [], flight.unread or Reason.NO_DATA, flight.detail or "the server sent no certificate"
    chain: list[Certificate] = []
    fault = ""
    for index, der in enumerate(flight.chain):
        try:
            chain.append(certificate.load(der))
        except BadCertificateError as error:
            fault = fault or f"certificate {index} cannot be parsed ({error})"
            if index == 0:
                break
    return chain, Reason.BAD_DATA if fault else None, fault


def _judge(
    place: Place, chain: list[Certificate], trust: Trust, now: datetime
) -> tuple[Json, dict[str, Reason]]:
    leaf = chain[0]
    verdict = judge_chain(chain, trust.anchors, place.expected, now)
    values: Json = {
        "pinned": leaf.sha256 == place.pin if place.pin else None,
        "chain": [each.subject for each in chain],
        "not_after": leaf.not_after.timestamp(),
        "lifetime_days": leaf.lifetime_days,
    }
    missing: dict[str, Reason] = {}
    if trust.incomplete and verdict.reason in _NEEDS_EVERY_ROOT:
        missing = dict.fromkeys(("trusted", "trust_reason", "trust_profile"), trust.incomplete)
    else:
        values["trusted"] = verdict.trusted
        values["trust_reason"] = verdict.reason
        values["trust_profile"] = verdict.profile
    if verdict.name_ok is None:
        missing["name_ok"] = Reason.NOT_CONFIGURED
    else:
        values["name_ok"] = verdict.name_ok
    return values, missing
