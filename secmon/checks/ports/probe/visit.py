"""Speak with one TCP port until it is known what answers there, or nothing is left to try."""

from __future__ import annotations

import asyncio
import contextlib
import errno
import ipaddress
import socket
import ssl
import time
import warnings
from collections import deque
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from cryptography import x509

from secmon.checks.ports import greetings, telnet
from secmon.checks.ports.pace import Reserve
from secmon.checks.ports.probe.line import Line, MeteredSocket, connect, converse
from secmon.checks.ports.services import SILENT, Reply, Service, conclude
from secmon.checks.ports.talks import (
    GREETS,
    GREETS_IN_TLS,
    HANGS_UP,
    QUESTIONS,
    SAY_NOTHING,
    Question,
    Talk,
    page,
    plan,
)
from secmon.checks.ports.webreply import wants_tls
from secmon.core.contract import Unavailable
from secmon.core.model import Reason

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable

    from secmon.checks.ports.pace import Pace
    from secmon.checks.ports.services import Matcher

_PORT_SECONDS: Final = 3.0  # of connections; waiting for the budget does not count
_CONNECT_SECONDS: Final = 1.5
_GREETING_SECONDS: Final = 0.4
_LATE_GREETING_SECONDS: Final = 2.0
_ANSWER_SECONDS: Final = 1.5
_CONNECTIONS: Final = 6
_NEGOTIATIONS: Final = 3  # rounds of telnet

_START_PACKETS: Final = 4  # spent of the pace, so that connections do not begin all at once
# What a connection may cost: SYN, messages, ACKs of 4 KiB (TLS: certificates, a record of 16 KiB), the end.
_PLAIN_PACKETS: Final = 12
_TLS_PACKETS: Final = 20
_NAP_SECONDS: Final = 0.005

_STARVED: Final = frozenset({errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM, errno.EADDRNOTAVAIL})

_HOST_CONNECTIONS: Final = 8
"""Connections to one host at one time: small devices take few sessions."""


@dataclass(frozen=True, slots=True)
class Tools:
    """What all visits of a run share.

    Attributes:
        match: name of a text, the text -> what fingerprints say of it.
        context: for TLS.
        slots: connections at one time.
    """

    match: Matcher
    context: ssl.SSLContext
    slots: asyncio.Semaphore


class Budget:
    """What one host may be sent.

    Args:
        pace: its packets.
        total: packets of the whole run, no fewer than those of its hosts together.
        permit: the gate; raises Unavailable.

    Attributes:
        slots: connections at one time.
    """

    def __init__(self, pace: Pace, total: Pace, permit: Callable[[], None]) -> None:
        self.permit = permit
        self.slots = asyncio.Semaphore(_HOST_CONNECTIONS)
        self._paces = (pace, total)
        self._reserve = Reserve(pace)
        self._turns = asyncio.Lock()  # lets one task at a time wait for the budget, in order

    @contextlib.asynccontextmanager
    async def socket(self, family: int, most: int) -> AsyncIterator[MeteredSocket]:
        """Wait until a connection may begin, and give a socket for it; it is closed at the end.

        Args:
            family: of the address.
            most: packets that the connection may cost.

        Raises:
            Unavailable: the address may not be spoken to.
            OSError: no socket is left.
        """
        async with self._turns:
            while not self._may_begin(most):  # noqa: ASYNC110  # for a clock, and for connections to end
                await asyncio.sleep(_NAP_SECONDS)
            self.permit()
            sock = MeteredSocket(family, most)
            self._begin(most)
        try:
            yield sock
        finally:
            sock.close()
            self._reserve.release(most, sock.cost, time.monotonic())

    def _may_begin(self, most: int) -> bool:
        now = time.monotonic()
        return all(pace.ready_at() <= now for pace in self._paces) and self._reserve.has_room(most, now)

    def _begin(self, most: int) -> None:
        self._reserve.hold(most)
        for pace in self._paces:
            pace.spend(_START_PACKETS, time.monotonic())


async def visit(address: str, port: int, host: str, tools: Tools, budget: Budget) -> Service | Reason:
    """Find out what answers on a port.

    Args:
        address: resolved address.
        port: TCP port.
        host: as the target names it.
        tools: of the run.
        budget: of the host.

    Returns:
        What answers, or why nobody could look.
    """
    return await _Visit((address, port), host, tools, budget).run()


class _Visit:
    """One port; a connection at a time."""

    def __init__(self, place: tuple[str, int], host: str, tools: Tools, budget: Budget) -> None:
        self._place = place
        self._port = place[1]
        self._host = host
        self._tools = tools
        self._budget = budget
        self._left = _PORT_SECONDS
        self._next = deque(plan(self._port))
        self._heard: Service | None = None  # the best so far, if nothing better comes
        self._silent = False  # a connection was held, and nothing came
        self._failure: Reason | None = None

    async def run(self) -> Service | Reason:
        """Try the ways to speak with the port until one is understood."""
        tried: list[Talk] = []
        while self._next and self._left > 0 and len(tried) < _CONNECTIONS:
            talk = self._next.popleft()
            if talk in tried:
                continue
            tried.append(talk)
            try:
                known = await self._try(talk)
            except Unavailable as refusal:
                return refusal.reason
            if known is not None:
                return known
        if self._heard is not None:
            return self._heard
        return SILENT if self._silent else self._failure or Reason.TIMEOUT

    async def _try(self, talk: Talk) -> Service | None:
        """Make one connection; None where it told nothing that is understood."""
        family = socket.AF_INET6 if ":" in self._place[0] else socket.AF_INET
        try:
            async with self._budget.socket(
                family, _TLS_PACKETS if talk is Talk.TLS else _PLAIN_PACKETS
            ) as sock:
                return await self._timed(sock, talk)
        except ssl.SSLError as error:
            if "ALERT" in (error.reason or ""):  # only a server of TLS sends one
                return Service(service="tls")
            self._silent = True
        except OSError as error:
            self._failure = _reason(error)
        return None

    async def _timed(self, sock: MeteredSocket, talk: Talk) -> Service | None:
        started = time.monotonic()
        try:
            return await self._talk(sock, talk)
        finally:
            self._left -= time.monotonic() - started

    async def _talk(self, sock: MeteredSocket, talk: Talk) -> Service | None:
        context = self._tools.context if talk is Talk.TLS else None
        await connect(sock, *self._place, min(_CONNECT_SECONDS, self._left))
        line = await converse(sock, context, _server_name(self._host), self._left)
        try:
            if context:
                return await self._inside(line)
            listens = talk is Talk.LISTEN
            reply = await (self._listen(line) if listens else self._ask(line, _question(talk, self._host)))
        finally:
            line.close()
        return self._take(reply, line)

    def _take(self, reply: Reply | None, line: Line) -> Service | None:
        """Return what a reply means, unless another talk may tell more; that is then the next."""
        data = bytes(line.data)
        if greetings.is_tls(data):
            self._next.appendleft(Talk.TLS)
        elif reply is not None:
            known = conclude(reply, self._tools.match)
            if known.service is not None and not wants_tls(data):
                return known
            self._heard = self._heard or known
        elif isinstance(line.failure, OSError):
            self._failure = _reason(line.failure)
        else:
            self._silent = True
            if line.ended and self._port not in SAY_NOTHING:
                self._next = deque(HANGS_UP)
        return None

    async def _inside(self, line: Line) -> Service:
        """Speak inside TLS; the certificate alone tells something too."""
        subject = _subject(line.certificate())
        if self._port in GREETS_IN_TLS:
            reply = await self._listen(line)
        else:
            reply = await self._ask(line, page(self._host))
        texts = (("tls.subject", subject),)
        if reply is None:
            return conclude(Reply(None, texts, subject), self._tools.match, tls=True)
        before = tuple(item for item in reply.texts if item[0] != "http.server")
        after = reply.texts[len(before) :]
        return conclude(
            Reply(reply.service, before + texts + after, reply.banner), self._tools.match, tls=True
        )

    async def _listen(self, line: Line) -> Reply | None:
        """Wait for a greeting; where none comes, ask for a page."""
        patience = _LATE_GREETING_SECONDS if self._port in GREETS | GREETS_IN_TLS else _GREETING_SECONDS
        data = await line.read(greetings.is_complete, min(patience, self._left), self._left)
        if not data and not line.ended and self._port not in SAY_NOTHING:
            return await self._ask(line, page(self._host))
        for _ in range(_NEGOTIATIONS):
            refusal = telnet.refuse(data) if telnet.is_negotiation(data) else b""
            if not refusal or line.ended:
                break
            self._budget.permit()
            line.send(refusal)
            before = len(data)
            data = await line.read(lambda _: False, _ANSWER_SECONDS, _ANSWER_SECONDS)
            if not telnet.refuse(data[before:]):
                break
        if not data or greetings.is_tls(data):
            return None
        return greetings.read_greeting(data, self._port)

    async def _ask(self, line: Line, question: Question) -> Reply | None:
        """Send a question; an answer of another protocol is read as what it is."""
        self._budget.permit()
        line.send(question.message)
        data = await line.read(
            lambda data: bool(question.enough) and data.endswith(question.enough),
            min(_ANSWER_SECONDS, self._left),
            self._left,
        )
        if not data or greetings.is_tls(data):
            return None
        return question.read(data) or greetings.read_greeting(data, self._port)


def _question(talk: Talk, host: str) -> Question:
    return page(host) if talk is Talk.WEB else QUESTIONS[talk]


def _server_name(host: str) -> str:
    """Return the name to indicate in a handshake: none for an address (RFC 6066 3) or what is no name."""
    name = host.rstrip(".")
    try:
        ipaddress.ip_address(host.partition("%")[0])
    except ValueError:
        with contextlib.suppress(UnicodeError):
            return name.encode("idna").decode("ascii")
    return ""


def _subject(certificate: bytes) -> str:
    """Return the subject of a certificate as `CN=...,O=...` (RFC 4514); "" of one that cannot be read."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # certificates that break a rule are another check's
            return x509.load_der_x509_certificate(certificate).subject.rfc4514_string()
    except ValueError:
        return ""


def _reason(error: OSError) -> Reason:
    if isinstance(error, TimeoutError):
        return Reason.TIMEOUT
    if isinstance(error, ConnectionRefusedError):
        return Reason.REFUSED
    if error.errno in _STARVED:
        return Reason.RESOURCE_LIMIT
    return Reason.RESET if isinstance(error, ConnectionError) else Reason.UNREACHABLE
