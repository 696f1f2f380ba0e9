"""Prove that the sensor can see: a whole handshake with a TLS 1.3 server of its own on loopback."""

from __future__ import annotations

import asyncio
import datetime as dt
import os
import socket
import ssl
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import NameOID

from secmon.checks.tls.probe.connect import converse
from secmon.checks.tls.probe.examine import start_13
from secmon.core.contract import Unavailable
from secmon.core.model import Reason

if TYPE_CHECKING:
    from secmon.core.contract import Emit

_TIMEOUT_SECONDS: Final = 5.0
_CHUNK: Final = 16 * 1024
_VALIDITY: Final = dt.timedelta(hours=1)


@dataclass(frozen=True, slots=True)
class Canary:
    """A server that is ready to accept one connection.

    Attributes:
        listener: on a port of loopback that the kernel chose.
        context: with a certificate that exists in memory only.
        certificate: that certificate, DER.
    """

    listener: socket.socket
    context: ssl.SSLContext
    certificate: bytes


def open_canary(now: float) -> Canary:
    """Make the certificate and the listener.

    Args:
        now: Unix seconds, the middle of the certificate's validity.

    Raises:
        Unavailable: this host's TLS library or loopback does not allow it.
    """
    try:
        certificate, key = make_certificate(now)
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.minimum_version = ssl.TLSVersion.TLSv1_3
        _give(context, certificate, key)
        listener = socket.create_server(("127.0.0.1", 0))
    except OSError as error:  # ssl.SSLError is one
        raise Unavailable(
            Reason.UNSUPPORTED, f"The sensor's own TLS server could not be started: {error}."
        ) from error
    listener.setblocking(False)
    return Canary(listener, context, certificate.public_bytes(Encoding.DER))


async def prove(canary: Canary, emit: Emit) -> None:
    """Carry out the handshake from both sides and tell the outcome.

    Args:
        canary: from `open_canary`; it is used up.
        emit: is told once.
    """
    port = canary.listener.getsockname()[1]
    conversation = start_13("", whole=True, complete=True)
    serving = asyncio.create_task(_serve(canary))
    try:
        flight = await converse("127.0.0.1", port, conversation, _TIMEOUT_SECONDS)
        async with asyncio.timeout(_TIMEOUT_SECONDS):
            await serving
    except Unavailable as error:
        emit.canary(error.reason, f"The sensor cannot see its own TLS server: {error.detail}")
    except OSError as error:  # TimeoutError and ssl.SSLError are
        emit.canary(Reason.BAD_DATA, f"The sensor's own TLS server saw the handshake fail: {error}.")
    else:
        seen = flight.proven and flight.chain == (canary.certificate,)
        emit.canary(
            None if seen else Reason.BAD_DATA, "" if seen else "The sensor misread its own certificate."
        )
    finally:
        serving.cancel()
        await asyncio.gather(serving, return_exceptions=True)
        canary.listener.close()


async def _serve(canary: Canary) -> None:
    """Accept one connection and complete the handshake on it."""
    loop = asyncio.get_running_loop()
    sock, _ = await loop.sock_accept(canary.listener)
    incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
    server = canary.context.wrap_bio(incoming, outgoing, server_side=True)
    with sock:
        done = False
        while not done:
            try:
                server.do_handshake()
                done = True
            except ssl.SSLWantReadError:
                pass
            if outgoing.pending:
                await loop.sock_sendall(sock, outgoing.read())
            if not done:
                data = await loop.sock_recv(sock, _CHUNK)
                if not data:
                    raise ConnectionResetError("the client went away")
                incoming.write(data)


def make_certificate(now: float) -> tuple[x509.Certificate, ec.EllipticCurvePrivateKey]:
    """Return a certificate that nobody trusts, and its key.

    Args:
        now: Unix seconds, the middle of its validity.
    """
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "secmon canary")])
    instant = dt.datetime.fromtimestamp(now, dt.UTC)
    builder = x509.CertificateBuilder(
        issuer_name=name,
        subject_name=name,
        public_key=key.public_key(),
        serial_number=x509.random_serial_number(),
        not_valid_before=instant - _VALIDITY,
        not_valid_after=instant + _VALIDITY,
    )
    return builder.sign(key, hashes.SHA256()), key


def _give(context: ssl.SSLContext, certificate: x509.Certificate, key: ec.EllipticCurvePrivateKey) -> None:
    """Hand certificate and key to a context, which only reads files: one that exists in memory."""
    fd = os.memfd_create("secmon-canary", os.MFD_CLOEXEC)
    try:
        secret = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
        os.write(fd, secret + certificate.public_bytes(Encoding.PEM))
        context.load_cert_chain(f"/proc/self/fd/{fd}")
    finally:
        os.close(fd)
