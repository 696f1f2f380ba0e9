"""Speak TLS with the clients of the metrics page without ever waiting."""

from __future__ import annotations

import contextlib
import ipaddress
import selectors
import socket
import ssl
from typing import TYPE_CHECKING, Final, TypeVar

from secmon.export.streams import Blocked, HandshakeFailed

if TYPE_CHECKING:
    from collections.abc import Callable

    from secmon.core.web import Tls

T = TypeVar("T")

HANDSHAKE: Final = 0x16
"""First byte of a client that speaks TLS (RFC 8446 5.1)."""

_RECORD: Final = 16_384  # bytes; OpenSSL wants a send that would block repeated with the very same bytes
_VERIFY: Final = {"none": ssl.CERT_NONE, "optional": ssl.CERT_OPTIONAL, "required": ssl.CERT_REQUIRED}
_VERSIONS: Final = {"TLS12": ssl.TLSVersion.TLSv1_2, "TLS13": ssl.TLSVersion.TLSv1_3}
_ABOUT_CLIENT: Final = frozenset(
    {"CERTIFICATE_VERIFY_FAILED", "PEER_DID_NOT_RETURN_A_CERTIFICATE", "NO_CERTIFICATE_RETURNED"}
)
"""OpenSSL's reasons why a client's certificate was not good enough."""


def make_context(tls: Tls) -> ssl.SSLContext:
    """Load certificate, key and authorities; from then on their files are not needed.

    Args:
        tls: where they are and what is asked of clients.

    Returns:
        The context of new connections.

    Raises:
        OSError: a file cannot be opened, or is not what it should be; the error names it.
    """
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version, context.maximum_version = _VERSIONS[tls.minimum], _VERSIONS[tls.maximum]
    context.options |= ssl.OP_NO_RENEGOTIATION | ssl.OP_CIPHER_SERVER_PREFERENCE
    context.set_alpn_protocols(["http/1.1"])
    context.num_tickets = 0  # Prometheus resumes no sessions, and two tickets would cost more than they save
    for path in (tls.certificate, tls.key):
        _try_opening(path)
    try:
        # Given a password, even a wrong one, OpenSSL asks nobody at the terminal for that of a key.
        context.load_cert_chain(tls.certificate, tls.key, password="")
    except ssl.SSLError as error:
        raise OSError(f"{tls.certificate} with {tls.key}: {_words(error)}") from error
    if tls.client_auth != "none":
        _try_opening(tls.client_ca)
        try:
            context.load_verify_locations(tls.client_ca)
        except ssl.SSLError as error:
            raise OSError(f"{tls.client_ca}: {_words(error)}") from error
        # As in Go, each certificate of the file is trusted as it is, also one that another has signed.
        context.verify_flags |= ssl.VERIFY_X509_PARTIAL_CHAIN
        context.verify_mode = _VERIFY[tls.client_auth]
    return context


def _try_opening(path: str) -> None:
    """Open a file, since OpenSSL's own errors do not name it."""
    with open(path, "rb"):  # noqa: PTH123  # only whether it can be opened
        pass


def _words(error: ssl.SSLError) -> str:
    return (error.reason or "not what OpenSSL reads").replace("_", " ").lower()


class Secured:
    """A client under TLS.

    Args:
        sock: non-blocking, connected; taken over.
        context: certificate, key, and what is asked of the client.
        allowed_sans: names of which the client's certificate must have one; empty for any.

    Raises:
        OSError: the client has gone; the socket is closed.
    """

    __slots__ = ("_allowed", "_over", "_sock")

    def __init__(
        self, sock: socket.socket, context: ssl.SSLContext, allowed_sans: tuple[str, ...] = ()
    ) -> None:
        self._sock = context.wrap_socket(sock, server_side=True, do_handshake_on_connect=False)
        self._allowed = allowed_sans
        self._over = False  # nothing more is said under TLS

    def handshake(self) -> bool:
        """Go on with the handshake, and look at the client's certificate at its end.

        Returns:
            Whether the certificate has a name that is allowed.

        Raises:
            BlockingIOError: the client has to say something first.
            HandshakeFailed: it has failed, and OpenSSL has told the client so.
        """
        try:
            _unless_blocked(self._sock.do_handshake)
        except ssl.SSLError as error:
            self._over = True
            about_client = error.reason in _ABOUT_CLIENT
            raise HandshakeFailed("client_certificate" if about_client else "tls_handshake") from error
        except BlockingIOError:
            raise
        except OSError as error:
            raise HandshakeFailed("tls_handshake") from error
        # Nothing is sent after the client's Finished; a client that gathers small writes (Nagle) would hold
        # its request back until our delayed acknowledgement, 40 ms later.
        self._sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_QUICKACK, 1)
        return not self._allowed or bool(self._names().intersection(self._allowed))

    def _names(self) -> set[str]:
        """Return the names of the client's certificate, which has been verified."""
        certificate = self._sock.getpeercert() or {}
        rows = certificate.get("subjectAltName", ())
        return {_shortest(str(row[1])) if row[0] == "IP Address" else str(row[1]) for row in rows}

    def recv(self, size: int) -> bytes:
        """Return at most so many bytes, none at the end."""
        if self._over:
            return socket.socket.recv(self._sock, size)
        return _unless_blocked(lambda: self._sock.recv(size))

    def send(self, data: memoryview) -> int:
        """Send the first record of the bytes and return how many they were."""
        return _unless_blocked(lambda: self._sock.send(data[:_RECORD]))

    def end(self) -> None:
        """Tell the client that nothing was cut off (close_notify, RFC 8446 6.1), and close our direction."""
        if not self._over:
            self._over = True
            # The client's own farewell is not waited for.
            with contextlib.suppress(ssl.SSLError, ValueError):
                self._sock.unwrap()
        socket.socket.shutdown(self._sock, socket.SHUT_WR)

    def close(self) -> None:
        """Close the socket."""
        self._sock.close()


def _shortest(address: str) -> str:
    try:
        return str(ipaddress.ip_address(address.strip()))
    except ValueError:
        return address


def _unless_blocked(call: Callable[[], T]) -> T:
    """Call OpenSSL, and say in the selector's words what it waits for."""
    try:
        return call()
    except ssl.SSLWantReadError:
        raise Blocked(selectors.EVENT_READ) from None
    except ssl.SSLWantWriteError:
        raise Blocked(selectors.EVENT_WRITE) from None
