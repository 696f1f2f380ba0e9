"""Name the fault of a chain that the verifier refused.

This never makes a chain trusted; it only finds, among the ways from the leaf upward, the one that comes
nearest to a root, and what stops it there. Faults are asked for in the order of REASONS, so that one chain
has one reason.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address
from typing import TYPE_CHECKING, Final

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import ExtendedKeyUsageOID

from secmon.checks.tls.certificate import (
    WEAK_HASHES,
    BadCertificateError,
    Certificate,
    extension,
    hash_name,
    is_signed_by,
    load,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence
    from datetime import datetime

_SIGNATURE_CHECKS: Final = 64  # a hostile chain cannot buy more
_PATH_LIMIT: Final = 10  # certificates from leaf to root
_MIN_RSA_BITS: Final = 2048
_CURVES: Final = frozenset({256, 384, 521})

_SERVER_USES: Final = (ExtendedKeyUsageOID.SERVER_AUTH, ExtendedKeyUsageOID.ANY_EXTENDED_KEY_USAGE)


class _End(Enum):
    """How a way upward ends."""

    ANCHORED = "at a trusted root"
    SELF_SIGNED = "at a root that nobody here trusts"
    NO_ISSUER = "at a certificate whose issuer is not there"


@dataclass(frozen=True, slots=True)
class _Path:
    """One way upward.

    Attributes:
        certificates: from the leaf on; the trusted root too where it is anchored.
        end: how it ends.
        now: instant of verification.
        name_ok: as `diagnose` was told.
    """

    certificates: tuple[Certificate, ...]
    end: _End
    now: datetime
    name_ok: bool | None

    @property
    def leaf(self) -> Certificate:
        """Return the server's own certificate."""
        return self.certificates[0]

    @property
    def issuers(self) -> tuple[Certificate, ...]:
        """Return everything above the leaf."""
        return self.certificates[1:]

    @property
    def intermediates(self) -> tuple[Certificate, ...]:
        """Return everything between the leaf and a trusted root."""
        return self.issuers[:-1] if self.end is _End.ANCHORED else self.issuers


def diagnose(
    chain: Sequence[Certificate],
    roots: Mapping[x509.Name, tuple[x509.Certificate, ...]],
    now: datetime,
    *,
    name_ok: bool | None,
) -> str | None:
    """Return the reason why a chain cannot be trusted.

    Args:
        chain: as the server sent it, the leaf first; not empty.
        roots: subject -> trusted roots of that name.
        now: instant of verification, aware UTC.
        name_ok: the certificate is for the expected host; None where none is expected.

    Returns:
        One of REASONS; None where nothing was found.
    """
    paths = (_Path(found, end, now, name_ok) for found, end in _climb(chain, roots))
    faults = [_first_fault(path) for path in paths]
    return max(faults, key=lambda fault: len(REASONS) if fault is None else REASONS.index(fault))


def is_for_servers(usage: x509.ExtendedKeyUsage) -> bool:
    """Say whether an extended key usage admits TLS servers (RFC 5280 4.2.1.12).

    Args:
        usage: value of the extension.
    """
    return any(use in usage for use in _SERVER_USES)


def _climb(
    chain: Sequence[Certificate], roots: Mapping[x509.Name, tuple[x509.Certificate, ...]]
) -> Iterator[tuple[tuple[Certificate, ...], _End]]:
    """Yield every way from the leaf upward, each with its end; at least one."""
    checks = _SIGNATURE_CHECKS
    waiting: list[tuple[Certificate, ...]] = [(chain[0],)]
    while waiting:
        path = waiting.pop()
        top = path[-1]
        if top.x509 in roots.get(top.x509.subject, ()):
            yield path, _End.ANCHORED
            continue
        higher: list[tuple[Certificate, ...]] = []
        for candidate in _candidates(path, chain, roots):
            if checks <= 0:
                break
            checks -= 1
            if is_signed_by(top.x509, candidate):
                higher.extend(_extend(path, candidate))
        if higher:
            waiting += higher
        else:
            yield path, _End.SELF_SIGNED if top.self_signed else _End.NO_ISSUER


def _candidates(
    path: tuple[Certificate, ...],
    chain: Sequence[Certificate],
    roots: Mapping[x509.Name, tuple[x509.Certificate, ...]],
) -> list[x509.Certificate]:
    """Return what may have issued the top of a path, by name, and is not in it."""
    if len(path) >= _PATH_LIMIT:
        return []
    wanted = path[-1].x509.issuer
    sent = [certificate.x509 for certificate in chain if certificate.x509.subject == wanted]
    below = [certificate.x509 for certificate in path]
    return [candidate for candidate in (*sent, *roots.get(wanted, ())) if candidate not in below]


def _extend(path: tuple[Certificate, ...], issuer: x509.Certificate) -> list[tuple[Certificate, ...]]:
    try:
        return [(*path, load(issuer.public_bytes(Encoding.DER)))]
    except BadCertificateError:
        return []


def _first_fault(path: _Path) -> str | None:
    return next((reason for reason, applies in _FAULTS if applies(path)), None)


def _is_not_yet_valid(path: _Path) -> bool:
    return any(certificate.not_before > path.now for certificate in path.certificates)


def _has_no_issuer(path: _Path) -> bool:
    """Only the leaf came: public and private CAs alike put an intermediate in between."""
    return path.end is _End.NO_ISSUER and len(path.certificates) == 1


def _has_foreign_root(path: _Path) -> bool:
    return path.end is not _End.ANCHORED and len(path.certificates) > 1


def _has_expired_issuer(path: _Path) -> bool:
    return any(issuer.not_after < path.now for issuer in path.issuers)


def _has_issuer_without_right(path: _Path) -> bool:
    """RFC 5280 4.2.1.9 and 4.2.1.3: cA, keyCertSign, pathLenConstraint."""
    return any(not _may_issue(issuer, below) for below, issuer in enumerate(path.intermediates))


def _may_issue(issuer: Certificate, below: int) -> bool:
    constraints = extension(issuer.x509, x509.BasicConstraints)
    usage = extension(issuer.x509, x509.KeyUsage)
    if constraints is None or not constraints.ca or (usage and not usage.key_cert_sign):
        return False
    return constraints.path_length is None or below <= constraints.path_length


def _has_wrong_use(path: _Path) -> bool:
    usages = (extension(certificate.x509, x509.ExtendedKeyUsage) for certificate in path.certificates)
    return any(usage is not None and not is_for_servers(usage) for usage in usages)


def _breaks_name_constraint(path: _Path) -> bool:
    """RFC 5280 4.2.1.10, for the names that servers have: dNSName and iPAddress."""
    subjects: list[str | IPv4Address | IPv6Address] = [*path.leaf.dns_names]
    subjects += [ip_address(text) for text in path.leaf.addresses]
    for issuer in path.issuers:
        constraints = extension(issuer.x509, x509.NameConstraints)
        if constraints is None:
            continue
        permitted, excluded = constraints.permitted_subtrees or [], constraints.excluded_subtrees or []
        for subject in subjects:
            kind = x509.DNSName if isinstance(subject, str) else x509.IPAddress
            of_kind = [tree for tree in permitted if isinstance(tree, kind)]
            if of_kind and not any(_is_within(subject, tree) for tree in of_kind):
                return True
            if any(_is_within(subject, tree) for tree in excluded):
                return True
    return False


def _is_within(subject: str | IPv4Address | IPv6Address, tree: x509.GeneralName) -> bool:
    if isinstance(subject, str):
        base = tree.value.lower().removeprefix(".") if isinstance(tree, x509.DNSName) else None
        name = subject.lower()
        return base is not None and (not base or name == base or name.endswith(f".{base}"))
    network = tree.value if isinstance(tree, x509.IPAddress) else None
    return isinstance(network, (IPv4Network, IPv6Network)) and subject in network


def _has_weak_signature(path: _Path) -> bool:
    """A trusted root's own signature proves nothing and does not count."""
    signed = (path.leaf, *path.intermediates)
    return any(hash_name(certificate.x509) in WEAK_HASHES for certificate in signed)


def _has_weak_issuer_key(path: _Path) -> bool:
    """The leaf's own key is a rule's business: clients accept weak ones."""
    return any(
        issuer.key_type == "dsa"
        or (issuer.key_type == "rsa" and (issuer.key_bits or 0) < _MIN_RSA_BITS)
        or (issuer.key_type == "ec" and issuer.key_bits not in _CURVES)
        for issuer in path.issuers
    )


_FAULTS: Final[tuple[tuple[str, Callable[[_Path], bool]], ...]] = (
    ("expired", lambda path: path.leaf.not_after < path.now),
    ("not_yet_valid", _is_not_yet_valid),
    ("self_signed", lambda path: path.end is _End.SELF_SIGNED and len(path.certificates) == 1),
    ("untrusted_root", _has_foreign_root),
    ("missing_intermediate", _has_no_issuer),
    ("expired_intermediate", _has_expired_issuer),
    ("not_ca", _has_issuer_without_right),
    ("name_mismatch", lambda path: path.name_ok is False and path.leaf.has_san),
    ("no_san", lambda path: not path.leaf.has_san),
    ("wrong_eku", _has_wrong_use),
    ("name_constraint", _breaks_name_constraint),
    ("weak_signature", _has_weak_signature),
    ("weak_key", _has_weak_issuer_key),
)
"""Reason -> whether a path has that fault; the first one that applies is the reason."""

REASONS: Final = tuple(reason for reason, _ in _FAULTS)
"""Every reason that a diagnosis can give, in the order in which they are asked for."""
