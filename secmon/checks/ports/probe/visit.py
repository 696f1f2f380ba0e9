"""Speak with one TCP port until it is known what answers there, or nothing is left to try."""

from __future__ import annotations

import asyncio
import contextlib
import errno
import ipaddress
import ssl
import time
import warnings
from collections import deque
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from cryptography import x509

from secmon.checks.ports import greetings, telnet
from secmon.checks.ports.probe.line import Line, connect, converse
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
    from collections.abc import Callable

    from secmon.checks.ports.pace import Pace
    from secmon.checks.ports.services import Matcher

_PORT_SECONDS: Final = 3.0  # of connections; waiting for the budget does not count
_CONNECT_SECONDS: Final = 1.5
_GREETING_SECONDS: Final = 0.4
_LATE_GREETING_SECONDS: Final = 2.0
_ANSWER_SECONDS: Final = 1.5
_CONNECTIONS: Final = 6
_NEGOTIATIONS: Final = 3  # rounds of telnet

# What the kernel sends for us: SYN, its ACK, ACKs of what comes, the end; a message and its ACK.
_CONNECTION_PACKETS: Final = 4
_HANDSHAKE_PACKETS: Final = 5
_MESSAGE_PACKETS: Final = 2

_STARVED: Final = frozenset({errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM, errno.EADDRNOTAVAIL})
_ACKNOWLEDGED: Final = 1000  # bytes of an answer for which the kernel sends one more packet

_HOST_CONNECTIONS: Final = 8
"""Connections to one host at one time: small devices take few sessions."""
_CONNECTION_RATE: Final = 20.0
"""Packets per second for each of them: the kernel acknowledges and closes when it likes, late on a busy
machine, so of a small budget few connections may have something outstanding."""


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


@dataclass(slots=True)
class Budget:
    """What one host may be sent.

    Attributes:
        pace: its packets.
        total: packets of the whole run.
        permit: the gate; raises Unavailable.
        turns: lets one task at a time wait for the budget, in order.
        slots: connections at one time.
    """

    pace: Pace
    total: Pace
    permit: Callable[[], None]
    turns: asyncio.Lock = field(default_factory=asyncio.Lock)
    slots: asyncio.Semaphore = field(init=False)

    def __post_init__(self) -> None:
        most = max(1, min(_HOST_CONNECTIONS, int(self.pace.rate / _CONNECTION_RATE)))
        self.slots = asyncio.Semaphore(most)

    async def spend(self, packets: int) -> None:
        """Wait until packets may be sent, and count them.

        Raises:
            Unavailable: the address may not be spoken to.
        """
        async with self.turns:
            while (wait := self._ready_at() - time.monotonic()) > 0:  # noqa: ASYNC110  # for a clock
                await asyncio.sleep(wait)
            self.permit()
            self.count(packets)

    def count(self, packets: int) -> None:
        """Count packets that nobody could wait for: what comes is acknowledged at once."""
        now = time.monotonic()
        self.pace.spend(packets, now)
        self.total.spend(packets, now)

    def _ready_at(self) -> float:
        return max(self.pace.ready_at(), self.total.ready_at())


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
        await self._budget.spend(_CONNECTION_PACKETS + (_HANDSHAKE_PACKETS if talk is Talk.TLS else 0))
        started = time.monotonic()
        try:
            return await self._talk(talk)
        except ssl.SSLError as error:
            if "ALERT" in (error.reason or ""):  # only a server of TLS sends one
                return Service(service="tls")
            self._silent = True
        except OSError as error:
            self._failure = _reason(error)
        finally:
            self._left -= time.monotonic() - started
        return None

    async def _talk(self, talk: Talk) -> Service | None:
        context = self._tools.context if talk is Talk.TLS else None
        sock = await connect(*self._place, min(_CONNECT_SECONDS, self._left))
        line = await converse(sock, context, _server_name(self._host), self._left)
        try:
            if context:
                return await self._inside(line)
            listens = talk is Talk.LISTEN
            reply = await (self._listen(line) if listens else self._ask(line, _question(talk, self._host)))
        finally:
            line.close()
            self._budget.count(len(line.data) // _ACKNOWLEDGED)
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
            await self._budget.spend(_MESSAGE_PACKETS)
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
        await self._budget.spend(_MESSAGE_PACKETS)
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
