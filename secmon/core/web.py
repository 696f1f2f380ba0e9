"""Say how the metrics page is protected, without saying any secret.

Password hashes stay in the web configuration file. The plan, which every child inherits, names each only by
its digest; who needs a hash takes it out of the file by that.
"""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass, field
from typing import Final, Literal

ClientAuth = Literal["none", "optional", "required"]
TlsVersion = Literal["TLS12", "TLS13"]

CREDENTIALS: Final = "CREDENTIALS_DIRECTORY"
"""Variable that names the folder of systemd's credentials (systemd.exec(5))."""

MIN_COST: Final = 4
MAX_COST: Final = 14
"""Costs of bcrypt: below the least there are none, and one above the most would take seconds to verify."""

# bcrypt in the modular crypt format: a version, two digits of cost, 22 characters of salt, of which the last
# stands for two bits, and 31 of digest.
_HASH: Final = re.compile(
    rb"(?<![./$A-Za-z0-9])\$2[aby]\$[0-9]{2}\$[./A-Za-z0-9]{21}[.Oeu][./A-Za-z0-9]{31}(?![./$A-Za-z0-9])"
)


@dataclass(frozen=True, slots=True)
class Tls:
    """TLS of the metrics page.

    Attributes:
        certificate: path of the certificate and those that link it to its root, PEM.
        key: path of its private key, PEM.
        client_ca: path of the authorities that sign clients' certificates, PEM; "" where none are verified.
        client_auth: whether a client has to show a certificate; one that is shown is always verified.
        allowed_sans: names of which a client's certificate must have one; empty for any.
        minimum: lowest version that is spoken.
        maximum: highest version that is spoken.
    """

    certificate: str
    key: str
    client_ca: str = ""
    client_auth: ClientAuth = "none"
    allowed_sans: tuple[str, ...] = ()
    minimum: TlsVersion = "TLS12"
    maximum: TlsVersion = "TLS13"


@dataclass(frozen=True, slots=True)
class Web:
    """What a web configuration file asks for.

    Attributes:
        file: path of the file, in which the password hashes stand.
        tls: None for plain HTTP.
        users: name -> sha256 of the hash of the password.
    """

    file: str
    tls: Tls | None = None
    users: dict[str, str] = field(default_factory=dict)

    @property
    def protects(self) -> bool:
        """Say whether strangers on the network neither read the page nor what passes."""
        return self.tls is not None and (self.tls.client_auth == "required" or bool(self.users))


def find_hashes(data: bytes) -> dict[str, bytes]:
    """Find every bcrypt hash in a file, whatever else it holds.

    Args:
        data: the bytes of the file.

    Returns:
        sha256 of the hash -> the hash. The digest gives nothing away: 128 bits of it are a random salt.
    """
    return {digest_of(found): found for found in _HASH.findall(data)}


def digest_of(hashed: bytes) -> str:
    """Return the name under which a hash is known where it must not be seen."""
    return hashlib.sha256(hashed).hexdigest()


def cost_of(hashed: bytes) -> int:
    """Return the cost of a hash in modular crypt format: verifying takes 2 to that many rounds."""
    return int(hashed[4:6])
