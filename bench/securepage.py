"""Make what a page under mutual TLS and a password needs, with the commands of docs/province.md."""

from __future__ import annotations

import base64
import ssl
import subprocess
from pathlib import Path

from secmon.core.web import Tls, Web, digest_of

PASSWORD = b"bench"
AUTHORIZATION = b"Authorization: Basic " + base64.b64encode(b"prometheus:" + PASSWORD) + b"\r\n"
_KEY = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes")


def make(folder: str) -> None:
    """Make an authority, the certificates of a server and of a client, and a file of passwords."""
    import bcrypt

    _openssl(folder, "req", "-x509", *_KEY, "-subj", "/CN=ca", "-keyout", "ca.key", "-out", "ca.crt")
    for name, extensions in (
        ("server", "subjectAltName=IP:127.0.0.1\nextendedKeyUsage=serverAuth\n"),
        ("client", "subjectAltName=DNS:client\nextendedKeyUsage=clientAuth\n"),
    ):
        (Path(folder) / f"{name}.ext").write_text(extensions)
        request = ("-keyout", f"{name}.key", "-out", f"{name}.csr")
        _openssl(folder, "req", *_KEY, "-subj", f"/CN={name}", *request)
        authority = ("-CA", "ca.crt", "-CAkey", "ca.key", "-CAcreateserial")
        files = ("-in", f"{name}.csr", "-extfile", f"{name}.ext", "-out", f"{name}.crt")
        _openssl(folder, "x509", "-req", *authority, *files)
    (Path(folder) / "web.yml").write_bytes(bcrypt.hashpw(PASSWORD, bcrypt.gensalt(10)))


def _openssl(folder: str, *arguments: str) -> None:
    subprocess.run(["openssl", *arguments], cwd=folder, check=True, capture_output=True)


def web(folder: str) -> Web:
    """Return how a page is protected by what `make` made."""
    file = Path(folder) / "web.yml"
    tls = Tls(f"{folder}/server.crt", f"{folder}/server.key", f"{folder}/ca.crt", "required", ("client",))
    return Web(str(file), tls, {"prometheus": digest_of(file.read_bytes())})


def client(folder: str) -> ssl.SSLContext:
    """Return the context of the client that is let in."""
    context = ssl.create_default_context(cafile=f"{folder}/ca.crt")
    context.load_cert_chain(f"{folder}/client.crt", f"{folder}/client.key")
    return context
