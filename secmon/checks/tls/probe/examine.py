"""Ask one endpoint for its versions and its certificates, with few connections."""

from __future__ import annotations

import asyncio
import os
from typing import TYPE_CHECKING, Final

from secmon.checks.tls import keys13
from secmon.checks.tls.facts import Place, Sight
from secmon.checks.tls.flight import Flight, PlainFlight
from secmon.checks.tls.flight13 import EncryptedFlight, Offer
from secmon.checks.tls.hello import X25519, build_hello, build_hello_13, build_minimal_hello
from secmon.checks.tls.probe.connect import converse
from secmon.checks.tls.wire import NAMES, TLS10, TLS11, TLS12, TLS13
from secmon.core.contract import Unavailable
from secmon.core.model import Reason

if TYPE_CHECKING:
    from collections.abc import Sequence

    from secmon.checks.tls.flight import Conversation

ADDRESSES_TRIED: Final = 4
"""Addresses of one name that are tried until one answers."""

_TRY_NEXT: Final = frozenset({Reason.REFUSED, Reason.UNREACHABLE, Reason.TIMEOUT})
_A_REFUSAL: Final = frozenset({Reason.RESET, Reason.NOT_TLS})
"""How a server that answers other hellos says no to a version that it does not know."""

Answer = Flight | Unavailable


async def examine(place: Place, addresses: Sequence[str], timeout: float) -> Sight:  # noqa: ASYNC109  # of one connection
    """Look at one endpoint with at most four connections, three at once, plus one per further address.

    The first hello offers TLS 1.2, whose certificates come in clear. The others ask for TLS 1.3, 1.1 and 1.0,
    and TLS 1.3 is carried on to the certificates only where the first gave none.

    Args:
        place: the endpoint.
        addresses: its addresses, all let through by the gate; not empty.
        timeout: seconds for one connection.

    Returns:
        What was seen.

    Raises:
        Unavailable: it could not be spoken to.
    """
    address, first = await _reach(place, addresses, timeout)
    if isinstance(first, Unavailable) and first.reason is not Reason.RESET:
        raise first
    whole = isinstance(first, Unavailable) or not first.chain
    conversations: dict[int, Conversation] = {
        TLS13: start_13(place.server_name, whole=whole),
        TLS11: _start(place, TLS11, whole=False),
        TLS10: _start(place, TLS10, whole=False),
    }
    others = await asyncio.gather(
        *(_ask(address, place.port, each, timeout) for each in conversations.values())
    )
    answers: dict[int, Answer] = {TLS12: first, **dict(zip(conversations, others, strict=True))}
    if not _offered(answers):
        answers[TLS12] = await _ask(address, place.port, _start_minimal(), timeout)
    return _sum_up(address, answers, first)


def start_13(server_name: str, *, whole: bool, complete: bool = False) -> EncryptedFlight:
    """Return a fresh TLS 1.3 handshake.

    Args:
        server_name: for the hello, "" for none.
        whole: carry it on to the certificates.
        complete: send our Finished too.
    """
    random, session = os.urandom(32), os.urandom(32)

    def offer(group: int, cookie: bytes) -> Offer:
        key = keys13.private_key(group, os.urandom(keys13.SEED_BYTES))
        share = keys13.key_share(group, key)
        return Offer(build_hello_13(random, session, server_name, share, cookie), group, key)

    return EncryptedFlight(offer(X25519, b""), offer, whole=whole, complete=complete)


def _start(place: Place, version: int, *, whole: bool) -> PlainFlight:
    return PlainFlight(build_hello(version, os.urandom(32), place.server_name), version, whole=whole)


def _start_minimal() -> PlainFlight:
    return PlainFlight(build_minimal_hello(os.urandom(32)), TLS12, whole=True)


async def _ask(address: str, port: int, conversation: Conversation, timeout: float) -> Answer:  # noqa: ASYNC109  # of one connection
    try:
        return await converse(address, port, conversation, timeout)
    except Unavailable as error:
        return error


async def _reach(place: Place, addresses: Sequence[str], timeout: float) -> tuple[str, Answer]:  # noqa: ASYNC109  # of one connection
    """Send the first hello to the first address that answers."""
    answer: Answer = Unavailable(Reason.DNS_FAILURE, f"{place.host} has no address.")
    address = ""
    for address in addresses[:ADDRESSES_TRIED]:
        answer = await _ask(address, place.port, _start(place, TLS12, whole=True), timeout)
        if isinstance(answer, Flight) or answer.reason not in _TRY_NEXT:
            break
    return address, answer


def _offered(answers: dict[int, Answer]) -> list[int]:
    """Return the versions that were chosen in some answer, lowest first."""
    found = {answer.version for answer in answers.values() if isinstance(answer, Flight)}
    return sorted(version for version in found if version in NAMES)


def _sum_up(address: str, answers: dict[int, Answer], first: Answer) -> Sight:
    offered = _offered(answers)
    flights = [answer for answer in answers.values() if isinstance(answer, Flight)]
    if not offered:
        if isinstance(first, Unavailable):
            raise first
        raise Unavailable(
            Reason.UNSUPPORTED,
            f"{address} answers in TLS, but refuses every version and cipher (alert {first.alert}).",
        )
    failures = [answer.reason for answer in answers.values() if isinstance(answer, Unavailable)]
    unseen = next((reason for reason in failures if reason not in _A_REFUSAL), None)
    chosen = [flight for flight in flights if flight.version is not None]
    best = next((flight for flight in chosen if flight.chain), None)
    best = best or next((flight for flight in chosen if flight.unread), chosen[0])
    return Sight(address, tuple(NAMES[version] for version in offered), unseen, best)
