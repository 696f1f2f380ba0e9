"""Servers for the lab: good ones, faulty ones, and some that do not speak TLS."""

from __future__ import annotations

import contextlib
import socket
import ssl
import struct
import subprocess
import threading
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tests.checks.tls.ca import Issued


@dataclass
class Lab:
    """Starts servers on free ports of loopback and ends them all."""

    folder: object
    _stack: contextlib.ExitStack = field(default_factory=contextlib.ExitStack)
    _number: int = 0

    def close(self) -> None:
        self._stack.close()

    def listen(self, handler, host: str = "127.0.0.1") -> int:
        """Serve every connection with `handler(sock)` in a thread of its own."""
        listener = socket.create_server((host, 0), family=socket.AF_INET6 if ":" in host else socket.AF_INET)

        def accept():
            while True:
                try:
                    sock, _ = listener.accept()
                except OSError:
                    return
                threading.Thread(target=handle, args=(sock,), daemon=True).start()

        def handle(sock):
            with sock, contextlib.suppress(OSError):
                handler(sock)

        def stop():
            with contextlib.suppress(OSError):
                listener.shutdown(socket.SHUT_RDWR)
            listener.close()
            thread.join()

        thread = threading.Thread(target=accept, daemon=True)
        thread.start()
        self._stack.callback(stop)
        return listener.getsockname()[1]

    def python_tls(self, *chain: Issued, host: str = "127.0.0.1", **settings) -> int:
        """A server of Python's ssl module."""
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        certificate, key = self.write(*chain)
        context.load_cert_chain(certificate, key)
        for name, value in settings.items():
            setattr(context, name, value)

        def handler(sock):
            with context.wrap_socket(sock, server_side=True) as tls:
                tls.recv(1)

        return self.listen(handler, host)

    def openssl(self, *chain: Issued, options: tuple[str, ...] = ()) -> int:
        """`openssl s_server`."""
        return self.openssl_files(*self.write(*chain), options=options)

    def openssl_files(self, certificate: str, key: str, options: tuple[str, ...] = ()) -> int:
        """`openssl s_server` with files of its own."""
        with socket.create_server(("127.0.0.1", 0)) as probe:
            port = probe.getsockname()[1]
        command = ["openssl", "s_server", "-accept", f"127.0.0.1:{port}", "-cert", certificate, "-key", key]
        command += ["-cert_chain", certificate, "-quiet", *options]
        process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )

        def stop():
            process.kill()
            process.communicate()

        self._stack.callback(stop)
        for _ in range(6000):
            with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port)):
                return port
            time.sleep(0.01)
        raise TimeoutError("openssl s_server did not start")

    def write(self, *chain: Issued) -> tuple[str, str]:
        self._number += 1
        certificate = self.folder / f"chain{self._number}.pem"
        key = self.folder / f"chain{self._number}.key"
        certificate.write_bytes(b"".join(each.pem for each in chain))
        key.write_bytes(chain[0].key_pem)
        return str(certificate), str(key)


def closed_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return listener.getsockname()[1]


def silent(sock) -> None:
    while sock.recv(4096):
        pass


def resetting(sock) -> None:
    sock.recv(1)
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))


def closing(sock) -> None:
    sock.recv(4096)


def speaks_http(sock) -> None:
    sock.recv(4096)
    sock.sendall(b"HTTP/1.1 400 Bad Request\r\n\r\n")


def speaks_ssh(sock) -> None:
    sock.sendall(b"SSH-2.0-OpenSSH_9.2p1 Debian\r\n")
    silent(sock)


def dripping(sock) -> None:
    for byte in b"\x16\x03\x03\x40\x00" + bytes(1000):
        sock.sendall(bytes([byte]))
        time.sleep(0.2)


def too_many_certificates(sock) -> None:
    """A TLS 1.2 ServerHello, then a Certificate message with seventeen entries."""
    hello = b"\x03\x03" + bytes(32) + b"\x00" + b"\xc0\x2f\x00"
    entries = b"\x00\x00\x01\x30" * 17
    body = (len(entries)).to_bytes(3, "big") + entries
    messages = b"\x02" + len(hello).to_bytes(3, "big") + hello + b"\x0b" + len(body).to_bytes(3, "big") + body
    sock.recv(4096)
    sock.sendall(b"\x16\x03\x03" + len(messages).to_bytes(2, "big") + messages)
    silent(sock)
