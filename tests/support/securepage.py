"""Serve a page under TLS and passwords, and read it as its clients do."""

from __future__ import annotations

import base64
import contextlib
import http.client
import socket
import ssl
import threading
import time

import bcrypt

from secmon.core.web import Tls, Web, digest_of
from tests.support.pki import DAY, make
from tests.support.serving import Serving

NOW = time.time()
REQUEST = b"GET /metrics HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n"


def certify(name, issuer=None, **more):
    return make(name, issuer=issuer, since=NOW - DAY, **{"until": NOW + 365 * DAY} | more)


CA, STRANGER = certify("ca"), certify("another ca")
AGENT = certify("agent", CA, sans=("agent", "127.0.0.1"), uses=("server",))
PROMETHEUS = certify("prometheus", CA, sans=("prometheus", "spiffe://vi-du/prometheus"), uses=("client",))
HASH = bcrypt.hashpw(b"right", bcrypt.gensalt(6)).replace(b"$2b$", b"$2y$")


class Place:
    """A folder with every certificate."""

    def __init__(self, folder):
        self.folder = folder
        for name, pair in (("agent", AGENT), ("prometheus", PROMETHEUS), ("ca", CA)):
            pair.write(folder, name)
        (folder / "web.yml").write_bytes(b"basic_auth_users: {prom: %s}\n" % HASH)

    def web(self, *, users=False, tls=True, **more):
        asked = {"client_ca": f"{self.folder}/ca.crt", "client_auth": "required"} | more
        return Web(
            f"{self.folder}/web.yml",
            Tls(f"{self.folder}/agent.crt", f"{self.folder}/agent.key", **asked) if tls else None,
            {"prom": digest_of(HASH)} if users else {},
        )

    def client(self, pair=PROMETHEUS, name="client", **versions):
        """Return the context of a client that trusts the authority."""
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.load_verify_locations(f"{self.folder}/ca.crt")
        if pair is not None:
            context.load_cert_chain(*pair.write(self.folder, name))
        for key, value in versions.items():
            setattr(context, key, value)
        return context


@contextlib.contextmanager
def serving(web, **more):
    with Serving(web=web, **more) as server:
        server.front.publish(None)
        server.front.ready = True
        yield server


def dial(server, context, session=None):
    raw = socket.create_connection(server.address, timeout=30)
    try:
        return context.wrap_socket(raw, server_hostname="agent", session=session, suppress_ragged_eofs=False)
    except BaseException:
        raw.close()
        raise


def exchange(server, context, request=REQUEST, session=None):
    """Return the whole answer; a connection that is cut without a farewell raises."""
    with dial(server, context, session) as connection:
        connection.sendall(request)
        return b"".join(iter(lambda: connection.recv(65536), b""))


def body(answer):
    return answer.partition(b"\r\n\r\n")[2]


def at_once(count, call):
    failures = []

    def one():
        try:
            call()
        except (OSError, AssertionError, http.client.HTTPException) as error:
            failures.append(error)

    threads = [threading.Thread(target=one) for _ in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return failures


def with_password(password, user=b"prom"):
    given = base64.b64encode(user + b":" + password)
    return REQUEST.replace(b"\r\n\r\n", b"\r\nAuthorization: Basic " + given + b"\r\n\r\n")
