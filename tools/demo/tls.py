"""Make up what the check tls sees: servers, their certificates, and certificate files."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, Any, Final

from secmon.core.model import Fact, Form, Reason, Role
from tools.demo.chance import dice
from tools.demo.sight import View
from tools.demo.troubles import DAY

if TYPE_CHECKING:
    from secmon.core.model import Target
    from tools.demo.sight import Sight

_LIFETIME_DAYS: Final = 120
_ISSUER: Final = "CN=Vi Du Issuing CA 1,O=Vi Du"
_REASONS: Final = {
    "waived": "self_signed",
    "self-signed": "self_signed",
    "wrong-name": "name_mismatch",
    "no-intermediate": "missing_intermediate",
}
"""Trouble -> the one reason why a chain is not trusted; the first that applies."""
_UNSEEN: Final = {"tls-timeout": Reason.TIMEOUT, "no-rights": Reason.REFUSED}


def view(target: Target, sight: Sight) -> View:
    """Return what a run sees of one target.

    Args:
        target: a server, or the agent's own host with its certificate files.
        sight: what there is to see.
    """
    if target.form is Form.LOCAL:
        if "no-rights" in sight.wrong:
            return View(unseen={"certificate": Reason.PERMISSION}, detail="/etc/ssl/private cannot be read.")
        return View((_file(sight),))
    for name, why in _UNSEEN.items():
        if name in sight.wrong:
            return View(blind=why, detail=f"{target.text} did not complete a handshake.")
    host, port = str(target.options["host"]), int(target.options["port"])
    return View((_server(host, port, sight), *_chain(f"{host}:{port}", sight)))


def _server(host: str, port: int, sight: Sight) -> Fact:
    wrong = sight.wrong
    reason = next((why for name, why in _REASONS.items() if name in wrong), None)
    versions = ["TLS1.2", "TLS1.3"]
    if "old-versions" in wrong:
        versions = ["TLS1.0", "TLS1.1", *versions]
    if "no-tls13" in wrong:
        versions.remove("TLS1.3")
    _, not_after = _validity(sight)
    return Fact(
        "endpoint",
        {
            "host": host,
            "port": port,
            "sni": sight.machine.host,
            "address": sight.machine.address,
            "versions": versions,
            "trusted": reason is None,
            "trust_reason": reason,
            "trust_profile": None if reason else _profile(sight),
            "pinned": None,
            "name_ok": reason != "name_mismatch",
            "chain": [f"CN={sight.machine.host}", _ISSUER],
            "not_after": not_after,
            "lifetime_days": _lifetime(sight),
            "client_auth": False,
        },
    )


def _profile(sight: Sight) -> str:
    return "national" if Role.DIGITAL_SIGNATURE in sight.machine.roles else "public"


def _lifetime(sight: Sight) -> int:
    return 825 if "long-lifetime" in sight.wrong else _LIFETIME_DAYS


def _validity(sight: Sight) -> tuple[float, float]:
    """Return when the certificate began and ends: renewed in time, but for the one that is not."""
    left = 9.5 if "expiring" in sight.wrong else 31 + 80 * dice("tls", sight.machine.id).random()
    not_after = float(int(sight.start + left * DAY))
    return not_after - _lifetime(sight) * DAY, not_after


def _chain(place: str, sight: Sight) -> list[Fact]:
    not_before, not_after = _validity(sight)
    small = "weak-key" in sight.wrong
    leaf: dict[str, Any] = {
        "source": "endpoint",
        "subject": f"CN={sight.machine.host}",
        "issuer": f"CN={sight.machine.host}" if "self-signed" in sight.wrong else _ISSUER,
        "sans": [sight.machine.host],
        "not_before": not_before,
        "not_after": not_after,
        "lifetime_days": _lifetime(sight),
        "key_type": "rsa" if small else "ec",
        "key_bits": 1024 if small else 256,
        "self_signed": "self-signed" in sight.wrong,
        "ca": False,
    }
    issuer: dict[str, Any] = {
        "source": "endpoint",
        "subject": _ISSUER,
        "issuer": "CN=Vi Du Root CA,O=Vi Du",
        "sans": [],
        "not_before": sight.start - 900 * DAY,
        "not_after": sight.start + 900 * DAY,
        "lifetime_days": 1800,
        "key_type": "rsa",
        "key_bits": 4096,
        "self_signed": False,
        "ca": True,
    }
    return [_certificate(place, index, each) for index, each in enumerate((leaf, issuer))]


def _certificate(place: str, index: int, values: dict[str, Any]) -> Fact:
    sha256 = hashlib.sha256(f"{place} {index} {values['not_after']}".encode()).hexdigest()
    signature = "rsa-with-sha256" if values["key_type"] == "rsa" else "ecdsa-with-sha256"
    named = {"place": place, "index": index, "serial": sha256[:16], "signature": signature, "sha256": sha256}
    return Fact("certificate", named | values)


def _file(sight: Sight) -> Fact:
    """Return the certificate for mail that lies on the disk."""
    left = 6.5 if "file-expiring" in sight.wrong else 31 + 50 * dice("file", sight.machine.id).random()
    end = float(int(sight.start + left * DAY))
    values: dict[str, Any] = {
        "source": "file",
        "subject": f"CN=mail.{sight.machine.host}",
        "issuer": _ISSUER,
        "sans": [f"mail.{sight.machine.host}"],
        "not_before": end - _LIFETIME_DAYS * DAY,
        "not_after": end,
        "lifetime_days": _LIFETIME_DAYS,
        "key_type": "ec",
        "key_bits": 256,
        "self_signed": False,
        "ca": False,
    }
    return _certificate("/etc/postfix/tls/mail.pem", 0, values)
