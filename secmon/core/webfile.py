"""Read a web configuration file, in the format of Prometheus' exporter-toolkit.

What that format knows and secmon does not do is refused, never ignored: a limit or a cipher that somebody
relies on must not be missing in silence. What may be a secret is not shown in messages.
"""

from __future__ import annotations

import ipaddress
from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING, Any, Final

from secmon.core.configuration import PathSetting
from secmon.core.cursor import read_boolean, read_list, read_text, read_word, start
from secmon.core.rule import Fault
from secmon.core.sections import open_section, section
from secmon.core.web import MAX_COST, MIN_COST, Tls, Web, cost_of, digest_of, find_hashes

if TYPE_CHECKING:
    from collections.abc import Mapping

    from secmon.core.cursor import Cursor
    from secmon.core.model import Json
    from secmon.core.plan import Listen
    from secmon.core.sections import Reader
    from secmon.core.web import ClientAuth

# Go's words (crypto/tls, ClientAuthType). RequestClientCert looks at nothing, so it is as good as none.
_CLIENT_AUTH: Final[Mapping[str, ClientAuth]] = {
    "NoClientCert": "none",
    "RequestClientCert": "none",
    "VerifyClientCertIfGiven": "optional",
    "RequireAndVerifyClientCert": "required",
}
_ANY_CERTIFICATE: Final = "RequireAnyClientCert"
_VERSIONS: Final = ("TLS12", "TLS13")
_BROKEN_VERSIONS: Final = ("TLS10", "TLS11")
_TOP_KEYS: Final = ("tls_server_config", "http_server_config", "basic_auth_users", "rate_limit")
_HASH_ADVICE: Final = 'make it with: htpasswd -nBC 10 "" | tr -d ":\\n"'


@dataclass(frozen=True, slots=True)
class WebFile:
    """A web configuration file, and where it names others.

    Attributes:
        web: what it asks for.
        certificate: where `cert_file` stands, with its path.
        key: likewise `key_file`.
        client_ca: likewise `client_ca_file`.
    """

    web: Web
    certificate: PathSetting | None = None
    key: PathSetting | None = None
    client_ca: PathSetting | None = None


def read_web(document: Any, data: bytes, file: str) -> tuple[WebFile, list[Fault]]:
    """Read a web configuration file.

    Args:
        document: what the YAML reader gave, None for an empty file.
        data: the bytes of the file, in which the hashes have to stand as they are.
        file: its path; paths in it are relative to its folder.

    Returns:
        What it asks for, as far as it could be read, and every fault.
    """
    faults: list[Fault] = []
    top = start({} if document is None else document, file, faults)
    if not isinstance(top.value, dict):
        top.fault("this is no web configuration file", "a mapping with tls_server_config, basic_auth_users")
        return WebFile(Web(file)), faults
    fields = open_section(top, _TOP_KEYS)
    if "rate_limit" in fields:
        _refuse(fields["rate_limit"])
    # HTTP/1.1 serves a client that would prefer HTTP/2 just as well.
    section(fields.get("http_server_config"), {"http2": read_boolean, "headers": _refuse})
    users = _read_users(fields.get("basic_auth_users"), set(find_hashes(data)))
    found = _read_tls(fields.get("tls_server_config"), file)
    return replace(found, web=replace(found.web, users=users)), faults


def _refuse(cursor: Cursor) -> None:
    """Tell of what the format has and secmon does not do."""
    name = cursor.key.rpartition(".")[2]
    cursor.fault(f"secmon does not do what {name} asks for", "take it out, and do not count on it here")


def _refuse_inline(cursor: Cursor) -> None:
    """Tell of what belongs into a file of its own."""
    cursor.fault(
        "certificates and keys do not stand in this file", f"{cursor.key.rpartition('.')[2]}_file: PATH"
    )


def _read_tls(cursor: Cursor | None, file: str) -> WebFile:
    if cursor is None:
        return WebFile(Web(file))
    read_file = partial(_read_file, folder=file.rpartition("/")[0])
    files = dict.fromkeys(("cert_file", "key_file", "client_ca_file"), read_file)
    values = section(cursor, {**files, **_TLS})
    if not isinstance(cursor.value, dict):
        return WebFile(Web(file))
    for name in ("cert_file", "key_file"):
        if cursor.value.get(name) is None:
            cursor.fault(f"the key {name} is missing")
    _check_clients(cursor, values)
    certificate: PathSetting | None = values.get("cert_file")
    key: PathSetting | None = values.get("key_file")
    ca: PathSetting | None = values.get("client_ca_file")
    if certificate is None or key is None:
        return WebFile(Web(file), certificate, key, ca)
    tls = Tls(
        certificate=certificate.path,
        key=key.path,
        client_ca=ca.path if ca is not None else "",
        client_auth=values.get("client_auth_type", "none"),
        allowed_sans=values.get("client_allowed_sans", ()),
        minimum=values.get("min_version", "TLS12"),
        maximum=values.get("max_version", "TLS13"),
    )
    if tls.minimum > tls.maximum:
        cursor.at("min_version").fault("it is above max_version")
    return WebFile(Web(file, tls), certificate, key, ca)


def _check_clients(cursor: Cursor, values: Json) -> None:
    """Tell where what verifies clients does not fit together."""
    if "client_auth_type" in cursor.value and "client_auth_type" not in values:
        return  # whatever it should have been, that is told already
    verifies = values.get("client_auth_type", "none")
    if verifies != "none" and cursor.value.get("client_ca_file") is None:
        advice = "client_ca_file: the certificate of the authority that signs Prometheus' certificate"
        cursor.at("client_auth_type").fault("there is nothing to verify clients' certificates with", advice)
    if verifies == "none" and "client_ca_file" in values:
        cursor.at("client_ca_file").fault(
            "it is not used: client_auth_type asks for no certificate",
            "client_auth_type: RequireAndVerifyClientCert",
        )
    if verifies != "required" and "client_allowed_sans" in values:
        cursor.at("client_allowed_sans").fault(
            "a client without a certificate has no names to compare",
            "client_auth_type: RequireAndVerifyClientCert",
        )


def _read_client_auth(cursor: Cursor) -> str | None:
    if cursor.value == _ANY_CERTIFICATE:
        cursor.fault(
            f"{_ANY_CERTIFICATE} believes a certificate that anybody has made for himself",
            "RequireAndVerifyClientCert, with client_ca_file",
        )
        return None
    word = read_word(cursor, _CLIENT_AUTH)
    return None if word is None else _CLIENT_AUTH[word]


def _read_version(cursor: Cursor) -> str | None:
    if cursor.value in _BROKEN_VERSIONS:
        cursor.fault(f"{cursor.value} must not be used any more (RFC 8996)", "TLS12 or TLS13")
        return None
    return read_word(cursor, _VERSIONS)


def _read_san(cursor: Cursor) -> str | None:
    """Read a name; addresses in the shortest spelling, in which certificates are compared."""
    text = read_text(cursor)
    if text is None:
        return None
    try:
        return str(ipaddress.ip_address(text))
    except ValueError:
        return text


def _read_file(cursor: Cursor, folder: str) -> PathSetting | None:
    """Read the path of a file; what else might stand there, a key above all, is not shown."""
    text = cursor.value
    if not isinstance(text, str) or not text.strip() or "\n" in text or "\0" in text or "-----" in text:
        cursor.fault("the path of a file is wanted")
        return None
    path = text if text.startswith("/") else f"{folder}/{text}"
    return PathSetting(path, cursor.place, cursor.key)


def _read_users(cursor: Cursor | None, present: set[str]) -> dict[str, str]:
    """Read names and the digests of their hashes."""
    if cursor is None:
        return {}
    if not isinstance(cursor.value, dict):
        cursor.fault("a mapping is wanted", "NAME: HASH; " + _HASH_ADVICE)
        return {}
    users: dict[str, str] = {}
    for name, field in cursor.entries().items():
        if not name or ":" in name or not name.isprintable():
            cursor.key_at(name).fault("no user can have this name", "letters and digits, and no colon")
        digest = _read_hash(field, present)
        if digest is not None:
            users[name] = digest
    return users


def _read_hash(cursor: Cursor, present: set[str]) -> str | None:
    text = cursor.value
    hashed = text.encode("ascii", "replace") if isinstance(text, str) else b""
    if list(find_hashes(hashed).values()) != [hashed]:
        cursor.fault("it is no bcrypt hash; a password itself never stands here", _HASH_ADVICE)
        return None
    if not MIN_COST <= cost_of(hashed) <= MAX_COST:
        advice = f"{MIN_COST} to {MAX_COST}; 10 is usual"
        cursor.fault(f"verifying a hash of cost {cost_of(hashed)} takes too long", advice)
        return None
    if digest_of(hashed) not in present:
        cursor.fault("the hash stands here in another spelling", "write it in one piece, without escapes")
        return None
    return digest_of(hashed)


_TLS: Final[Mapping[str, Reader]] = {
    "cert": _refuse_inline,
    "key": _refuse_inline,
    "client_ca": _refuse_inline,
    "client_auth_type": _read_client_auth,
    "client_allowed_sans": lambda field: read_list(field, _read_san, least=1),
    "min_version": _read_version,
    "max_version": _read_version,
    "cipher_suites": _refuse,
    "prefer_server_cipher_suites": _refuse,
    "curve_preferences": _refuse,
}


def check_exposure(listen: Listen, web: Web, setting: PathSetting) -> list[Fault]:
    """Tell where a page that others can reach is not protected.

    Args:
        listen: where it is served.
        web: what the web configuration file asks for.
        setting: where that file is named.

    Returns:
        A fault, or none.
    """
    if listen.insecure or web.protects or ipaddress.ip_address(listen.address).is_loopback:
        return []
    what = (
        "anybody can read it: the file asks neither for clients' certificates nor for passwords"
        if web.tls is not None
        else "passwords and page pass in the clear: the file has no tls_server_config"
    )
    advice = (
        "tls_server_config with RequireAndVerifyClientCert, or with basic_auth_users; "
        "insecure: true takes the risk"
    )
    message = f"others can reach {listen.address}, and {what}"
    return [Fault(setting.place, setting.key, message, advice)]
