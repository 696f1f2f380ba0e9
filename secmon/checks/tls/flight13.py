"""Read a TLS 1.3 server's certificates, which come encrypted, and verify its Finished (RFC 8446 2, 4)."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final

from cryptography.hazmat.primitives.constant_time import bytes_eq

from secmon.checks.tls import keys13
from secmon.checks.tls.flight import CERTIFICATE, CERTIFICATE_REQUEST, SERVER_HELLO, Flight, check_length
from secmon.checks.tls.hello import ServerHello, parse_server_hello
from secmon.checks.tls.proof import verify_possession
from secmon.checks.tls.wire import (
    ALERT,
    APPLICATION_DATA,
    CHANGE_CIPHER_SPEC,
    HANDSHAKE,
    TLS10,
    TLS12,
    TLS13,
    Cursor,
    Message,
    MessageReader,
    Record,
    RecordReader,
    WireError,
    is_fatal,
    message,
    parse_alert,
    record,
)
from secmon.core.model import Reason

if TYPE_CHECKING:
    from collections.abc import Callable

_ENCRYPTED_EXTENSIONS: Final = 8
_CERTIFICATE_VERIFY: Final = 15
_FINISHED: Final = 20
_MESSAGE_HASH: Final = 254

_NEXT: Final = {
    SERVER_HELLO: (_ENCRYPTED_EXTENSIONS,),
    _ENCRYPTED_EXTENSIONS: (CERTIFICATE_REQUEST, CERTIFICATE),
    CERTIFICATE_REQUEST: (CERTIFICATE,),
    CERTIFICATE: (_CERTIFICATE_VERIFY,),
    _CERTIFICATE_VERIFY: (_FINISHED,),
}
"""Message -> what may follow it, without a pre-shared key (RFC 8446 2)."""

_MIDDLEBOX_CCS: Final = record(CHANGE_CIPHER_SPEC, TLS12, b"\x01")  # RFC 8446 D.4


@dataclass(frozen=True, slots=True)
class Offer:
    """A hello that offers TLS 1.3, and the key behind its share.

    Attributes:
        hello: ClientHello message.
        group: group of its share.
        key: private key of its share.
    """

    hello: bytes
    group: int
    key: keys13.PrivateKey


class EncryptedFlight:
    """One TLS 1.3 handshake, up to the server's Finished.

    Args:
        offer: first hello.
        retry: makes the second hello from the group and the cookie that a HelloRetryRequest wants.
        whole: False ends as soon as the server has chosen a version.
        complete: True sends our Finished, so that the server too sees the handshake succeed.
    """

    __slots__ = (
        "_agreed",
        "_alert",
        "_chain",
        "_cipher",
        "_client_auth",
        "_complete",
        "_last",
        "_messages",
        "_offer",
        "_proven",
        "_records",
        "_retried",
        "_retry",
        "_transcript",
        "_version",
        "_wanted_group",
        "_whole",
        "finished",
    )

    def __init__(
        self, offer: Offer, retry: Callable[[int, bytes], Offer], *, whole: bool, complete: bool = False
    ) -> None:
        self._offer = offer
        self._retry = retry
        self._whole = whole
        self._complete = complete
        self._records = RecordReader()
        self._messages = MessageReader()
        self._transcript = offer.hello
        self._retried: int | None = None  # the suite of the HelloRetryRequest
        self._agreed: tuple[keys13.Suite, keys13.Secrets] | None = None
        self._cipher: keys13.RecordCipher | None = None
        self._last = SERVER_HELLO
        self._version: int | None = None
        self._alert: int | None = None
        self._chain: tuple[bytes, ...] = ()
        self._client_auth: bool | None = None
        self._proven = False
        self._wanted_group: int | None = None  # one that we cannot do
        self.finished = False

    @property
    def opening(self) -> bytes:
        """Return the first hello in a record."""
        return record(HANDSHAKE, TLS10, self._offer.hello)

    @property
    def received(self) -> int:
        """Return how many bytes the server has sent."""
        return self._records.total

    def receive(self, data: bytes) -> bytes:
        """Take bytes from the server and return what to send.

        Raises:
            WireError: they are no TLS, not what RFC 8446 allows here, or do not verify.
        """
        answer = b""
        for item in self._records.feed(data):
            answer += self._take(item)
            if self.finished:
                break
        return answer

    def flight(self) -> Flight:
        """Return what was read so far; a chain only after the server has proven that it is its own."""
        chain = self._chain if self._proven else ()
        flight = Flight(self._version, self._alert, chain, self._client_auth, self._proven)
        if self._wanted_group is None:
            return flight
        detail = f"the server wants the key exchange group {self._wanted_group:#06x}"
        return replace(flight, unread=Reason.UNSUPPORTED, detail=detail)

    def _take(self, item: Record) -> bytes:
        if item.type == CHANGE_CIPHER_SPEC:
            return b""
        content_type, content = item.type, item.payload
        if self._cipher and item.type == APPLICATION_DATA:
            content_type, content = self._cipher.open(item)
        if content_type == ALERT:
            level, description = parse_alert(content)
            if is_fatal(level, description):
                self._alert, self.finished = description, True
            return b""
        if content_type != HANDSHAKE or (self._cipher and item.type != APPLICATION_DATA):
            raise WireError(
                Reason.BAD_DATA, f"a record of type {item.type} came in the middle of the handshake"
            )
        answer = b""
        for received in self._messages.feed(content):
            answer += self._read(received)
            if self.finished:
                break
        return answer

    def _read(self, received: Message) -> bytes:
        if self._agreed is None:
            return self._read_hello(received)
        suite, secrets = self._agreed
        if received.type not in _NEXT[self._last]:
            raise WireError(Reason.BAD_DATA, f"handshake message {received.type} came after {self._last}")
        self._last = received.type
        if received.type == _FINISHED:
            return self._read_finished(received, suite, secrets)
        if received.type == _CERTIFICATE_VERIFY:
            self._read_proof(received.body, suite)
        elif received.type == CERTIFICATE:
            self._chain = parse_chain_13(received.body)
            self._client_auth = bool(self._client_auth)
        elif received.type == CERTIFICATE_REQUEST:
            self._client_auth = True
        self._transcript += received.raw
        return b""

    def _read_hello(self, received: Message) -> bytes:
        if received.type != SERVER_HELLO:
            raise WireError(Reason.BAD_DATA, f"the server began with handshake message {received.type}")
        hello = parse_server_hello(received.body)
        self._version = hello.version
        if hello.version != TLS13 or not self._whole:
            self.finished = True
            return b""
        suite = keys13.SUITES.get(hello.suite)
        if suite is None or self._retried not in (None, hello.suite):
            raise WireError(Reason.BAD_DATA, f"the server chose the suite {hello.suite:#06x}")
        if hello.retry:
            return self._hello_again(received, hello, suite)
        self._agree(received, hello, suite)
        return b""

    def _hello_again(self, received: Message, hello: ServerHello, suite: keys13.Suite) -> bytes:
        """Answer a HelloRetryRequest (RFC 8446 4.1.4); its transcript begins with a hash (4.4.1)."""
        if self._retried is not None:
            raise WireError(Reason.BAD_DATA, "the server sent a second HelloRetryRequest")
        group = hello.key_share.group if hello.key_share else self._offer.group
        if group not in keys13.GROUPS:
            self._wanted_group, self.finished = group, True
            return b""
        self._retried = hello.suite
        first = message(_MESSAGE_HASH, suite.digest(self._transcript))
        self._offer = self._retry(group, hello.cookie)
        self._transcript = first + received.raw + self._offer.hello
        return _MIDDLEBOX_CCS + record(HANDSHAKE, TLS12, self._offer.hello)

    def _agree(self, received: Message, hello: ServerHello, suite: keys13.Suite) -> None:
        if self._messages.pending:  # nothing may share the last unprotected record (RFC 8446 5.1)
            raise WireError(Reason.BAD_DATA, "handshake bytes follow the ServerHello unprotected")
        if hello.key_share is None or hello.key_share.group != self._offer.group:
            raise WireError(Reason.BAD_DATA, "the server answered with a key share that was not asked for")
        shared = keys13.shared_secret(self._offer.key, hello.key_share.share)
        self._transcript += received.raw
        secrets = keys13.handshake_secrets(suite, shared, self._transcript)
        self._agreed = suite, secrets
        self._cipher = keys13.RecordCipher(suite, secrets.server)

    def _read_proof(self, body: bytes, suite: keys13.Suite) -> None:
        cursor = Cursor(body)
        scheme = cursor.integer(2)
        signature = cursor.vector(2)
        if not self._chain:
            raise WireError(Reason.BAD_DATA, "the server sent no certificate")
        verify_possession(self._chain[0], scheme, signature, suite.digest(self._transcript))

    def _read_finished(self, received: Message, suite: keys13.Suite, secrets: keys13.Secrets) -> bytes:
        if not bytes_eq(received.body, keys13.finished(suite, secrets.server, self._transcript)):
            raise WireError(Reason.BAD_DATA, "the server's Finished does not verify")
        self._proven = self.finished = True
        if not self._complete:
            return b""
        self._transcript += received.raw
        ours = message(_FINISHED, keys13.finished(suite, secrets.client, self._transcript))
        return _MIDDLEBOX_CCS + keys13.RecordCipher(suite, secrets.client).seal(HANDSHAKE, ours)


def parse_chain_13(body: bytes) -> tuple[bytes, ...]:
    """Read the certificates of a TLS 1.3 Certificate message (RFC 8446 4.4.2).

    Args:
        body: of the handshake message.

    Returns:
        DER, the leaf first.

    Raises:
        WireError: `bad_data`, or `resource_limit` past CHAIN_LIMIT.
    """
    outer = Cursor(body)
    outer.vector(1)
    cursor = Cursor(outer.vector(3))
    chain: list[bytes] = []
    while cursor:
        chain.append(cursor.vector(3))
        cursor.vector(2)
        check_length(chain)
    return tuple(chain)
