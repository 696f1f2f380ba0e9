"""Decide whether a server's chain is to be trusted, and name the one reason why not.

Three layers: cryptography's verifier with the web's rules; where it refuses, our own diagnosis names the
fault (diagnosis.py), since the verifier's messages are prose; where that finds none, the verifier again with
rules that national and private roots meet, whose success is `trusted_nonconforming`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.x509 import verification

from secmon.checks.tls.certificate import PARSE_ERRORS, Certificate
from secmon.checks.tls.diagnosis import diagnose, is_for_servers
from secmon.checks.tls.names import matches, to_address, to_ascii

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from datetime import datetime

PUBLIC: Final = "public"
"""Profile of the system's own roots."""

NONCONFORMING: Final = "trusted_nonconforming"
BAD_ORDER: Final = "bad_order"
EXTRA_ROOT: Final = "extra_root"
OTHER: Final = "other"

_AGNOSTIC: Final = verification.Criticality.AGNOSTIC


@dataclass(frozen=True, slots=True)
class Anchors:
    """The roots that chains may end in.

    Attributes:
        roots: subject -> roots of that name.
        profiles: SHA-256 of a root -> `public`, or the folder that it came from.
        store: the same for the verifier, None where there is no root at all.
    """

    roots: Mapping[x509.Name, tuple[x509.Certificate, ...]]
    profiles: Mapping[bytes, str]
    store: verification.Store | None


@dataclass(frozen=True, slots=True)
class Verdict:
    """What became of one chain.

    Attributes:
        trusted: it leads to a root, and the name fits where one is expected.
        reason: why not, or what is still wrong with it; None for a faultless chain.
        profile: profile of its root, None where it is not trusted.
        name_ok: the certificate is for the expected host; None where none is expected.
    """

    trusted: bool
    reason: str | None
    profile: str | None
    name_ok: bool | None


def build_anchors(groups: Iterable[tuple[str, Iterable[bytes]]]) -> Anchors:
    """Make anchors of DER certificates; what is not self-issued or does not parse is left out.

    Args:
        groups: (profile, certificates); the first profile that has a root names it.
    """
    profiles: dict[bytes, str] = {}
    roots: dict[x509.Name, tuple[x509.Certificate, ...]] = {}
    for profile, certificates in groups:
        for der in certificates:
            root = _load_root(der)
            if root is None or (key := root.fingerprint(hashes.SHA256())) in profiles:
                continue
            profiles[key] = profile
            roots[root.subject] = (*roots.get(root.subject, ()), root)
    every = [root for same in roots.values() for root in same]
    return Anchors(roots, profiles, verification.Store(every) if every else None)


def judge_chain(chain: Sequence[Certificate], anchors: Anchors, host: str | None, now: datetime) -> Verdict:
    """Verify a chain as a client would, and say what is wrong with it.

    Args:
        chain: as the server sent it, the leaf first; not empty.
        anchors: trusted roots.
        host: name or address that the certificate must be for, None to leave names out.
        now: instant of verification, aware UTC.
    """
    leaf = chain[0]
    name_ok = None if host is None else matches(host, leaf.dns_names, leaf.addresses)
    path = _verify(chain, anchors, host, now, strict=True)
    if path and name_ok is not False:
        return Verdict(True, _presentation(chain, path), _profile(anchors, path[-1]), name_ok)
    reason = diagnose(chain, anchors.roots, now, name_ok=name_ok)
    if reason:
        return Verdict(False, reason, None, name_ok)
    path = _verify(chain, anchors, host, now, strict=False)
    if not path and _profile(anchors, leaf.x509):
        path = [leaf.x509]  # a device's own certificate, put among the roots on purpose
    if path:
        return Verdict(True, NONCONFORMING, _profile(anchors, path[-1]), name_ok)
    return Verdict(False, OTHER, None, name_ok)


def _load_root(der: bytes) -> x509.Certificate | None:
    try:
        root = x509.load_der_x509_certificate(der)
        self_issued = root.subject == root.issuer
    except PARSE_ERRORS:
        return None
    return root if self_issued else None


def _verify(
    chain: Sequence[Certificate], anchors: Anchors, host: str | None, now: datetime, *, strict: bool
) -> list[x509.Certificate] | None:
    """Return the verified path from leaf to root, None where the verifier refuses."""
    if anchors.store is None:
        return None
    leaf, others = chain[0].x509, [certificate.x509 for certificate in chain[1:]]
    builder = verification.PolicyBuilder().store(anchors.store).time(now)
    subject = None if host is None else _subject(host)
    try:
        if subject is None:
            ca_policy, leaf_policy = _nameless_policies(strict=strict)
            builder = builder.extension_policies(ca_policy=ca_policy, ee_policy=leaf_policy)
            return builder.build_client_verifier().verify(leaf, others).chain
        if not strict:
            ca_policy, leaf_policy = _permissive_policies()
            builder = builder.extension_policies(ca_policy=ca_policy, ee_policy=leaf_policy)
        return builder.build_server_verifier(subject).verify(leaf, others)
    except (verification.VerificationError, *PARSE_ERRORS):
        return None


def _subject(host: str) -> verification.Subject | None:
    """Return a host for the verifier, None where it cannot express it (underscores)."""
    address = to_address(host)
    if address is not None:
        return x509.IPAddress(address)
    name = to_ascii(host)
    return x509.DNSName(name) if name and "_" not in name else None


def _permissive_policies() -> tuple[verification.ExtensionPolicy, verification.ExtensionPolicy]:
    """Return policies for CA and leaf that want only what a verification cannot do without."""
    permit_all = verification.ExtensionPolicy.permit_all
    return (
        permit_all().require_present(x509.BasicConstraints, _AGNOSTIC, None),
        permit_all().require_present(x509.SubjectAlternativeName, _AGNOSTIC, None),
    )


def _nameless_policies(*, strict: bool) -> tuple[verification.ExtensionPolicy, verification.ExtensionPolicy]:
    """Return policies for the verifier that knows no name: the client's, taught to want a server's EKU."""
    ca_policy, leaf_policy = (
        (verification.ExtensionPolicy.webpki_defaults_ca(), verification.ExtensionPolicy.webpki_defaults_ee())
        if strict
        else _permissive_policies()
    )
    return (
        ca_policy.may_be_present(x509.ExtendedKeyUsage, _AGNOSTIC, _want_server_use),
        leaf_policy.may_be_present(x509.ExtendedKeyUsage, _AGNOSTIC, _want_server_use),
    )


def _want_server_use(
    _policy: verification.Policy, _certificate: x509.Certificate, usage: x509.ExtendedKeyUsage | None
) -> None:
    if usage is not None and not is_for_servers(usage):
        raise ValueError("not for servers")


def _profile(anchors: Anchors, root: x509.Certificate) -> str | None:
    return anchors.profiles.get(root.fingerprint(hashes.SHA256()))


def _presentation(chain: Sequence[Certificate], path: list[x509.Certificate]) -> str | None:
    """Say what is wrong with the way in which a trusted chain was sent (RFC 5246 7.4.2)."""
    sent = [certificate.x509 for certificate in chain]
    if sent[: len(path) - 1] != path[:-1]:
        return BAD_ORDER
    if any(certificate.self_signed for certificate in chain[1:]):
        return EXTRA_ROOT
    return None
