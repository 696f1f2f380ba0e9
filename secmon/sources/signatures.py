"""Verify who signed a pack, and that nothing in it has changed since.

Signatures are those of `ssh-keygen -Y sign`; they are verified here, without running ssh-keygen
(docs/adr/0010-signatures-by-ssh-keygen.md).
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

from secmon.core.contract import Unavailable
from secmon.core.manifest import (
    MANIFEST,
    NAMESPACES,
    SIGNATURE,
    Manifest,
    check_hour,
    check_kind,
    check_serial,
    compare_files,
    read_manifest,
)
from secmon.core.model import Reason
from secmon.core.rule import Fault, Place
from secmon.core.sshsig import BadSignature, Signature, fingerprint, parse
from secmon.sources.serials import key_of

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from secmon.core.manifest import PackUse
    from secmon.sources.signers import Signer


@dataclass(frozen=True, slots=True)
class Trust:
    """Whom and what signatures are held against.

    Attributes:
        proves: says whether the key that a signature names has signed a message (load_verifier gives it).
        signers: lines of the allowed-signers file.
        file: its name in messages.
        serials: `kind/name` -> highest serial that was accepted.
        now: Unix seconds.
        principal: who must have signed, "" for anybody in the file.
    """

    proves: Callable[[Signature, bytes], bool]
    signers: tuple[Signer, ...]
    file: str
    serials: Mapping[str, int]
    now: float
    principal: str = ""


@dataclass(frozen=True, slots=True)
class Content:
    """A pack as it was read, once.

    Attributes:
        folder: its path, for messages.
        use: what is read there, None for any kind of pack.
        digests: path inside the pack -> sha256, all files but MANIFEST and its signature.
        manifest: bytes of the MANIFEST, None where there is none.
        signature: bytes of its signature, None where there is none.
    """

    folder: str
    use: PackUse | None
    digests: Mapping[str, str]
    manifest: bytes | None
    signature: bytes | None


@dataclass(frozen=True, slots=True)
class Signed:
    """A pack whose signature holds.

    Attributes:
        manifest: what was signed.
        principals: whose key signed it.
    """

    manifest: Manifest
    principals: tuple[str, ...]


class Refused(Exception):  # noqa: N818  # what is wrong with a signature, told to a person
    """A signature does not hold; the text says why.

    Attributes:
        advice: what would be right.
    """

    def __init__(self, message: str, advice: str = "") -> None:
        super().__init__(message)
        self.advice = advice


def load_verifier() -> Callable[[Signature, bytes], bool]:
    """Import what does the mathematics, which can no longer be reached once privileges are dropped.

    Returns:
        Says whether the key that a signature names has signed a message.

    Raises:
        Unavailable: `unsupported`: there is nothing here that can verify a signature.
    """
    try:
        from secmon.sources.sshkeys import proves  # noqa: PLC0415  # cryptography takes 0.1 s: only where it is used
    except ImportError as error:
        detail = f"signatures cannot be verified: {error}; repair the installation of secmon"
        raise Unavailable(Reason.UNSUPPORTED, detail) from error
    return proves


def check_pack(content: Content, trust: Trust, faults: list[Fault]) -> Signed | None:
    """Verify a pack.

    Args:
        content: the pack.
        trust: whom it may be signed by.
        faults: where it tells why the pack is refused.

    Returns:
        The pack's MANIFEST and signers, None after a fault.
    """
    file = f"{content.folder}/{MANIFEST}"
    signature_file = f"{content.folder}/{SIGNATURE}"
    if content.manifest is None or content.signature is None:
        absent = file if content.manifest is None else signature_file
        message = f"the pack is not signed: it has no {absent.rpartition('/')[2]}"
        faults.append(Fault(Place(absent, 1, 1), "", message, "`secmon rules sign` makes it"))
        return None
    namespaces = NAMESPACES.values() if content.use is None else (NAMESPACES[content.use],)
    try:
        namespace, principals = verify(content.manifest, content.signature, tuple(namespaces), trust)
    except Refused as refused:
        faults.append(Fault(Place(signature_file, 1, 1), "", str(refused), refused.advice))
        return None
    found: list[Fault] = []
    manifest = read_manifest(content.manifest, file, found)
    if manifest is not None:
        found += check_kind(manifest, file, content.use or manifest.kind)
        if NAMESPACES[manifest.kind] != namespace:
            message = f"a pack of {manifest.kind} is signed for {NAMESPACES[manifest.kind]}, not {namespace}"
            found.append(Fault(Place(signature_file, 1, 1), "", message, "sign it again"))
        found += compare_files(manifest, content.digests, content.folder)
        found += check_hour(manifest, file, trust.now)
        found += check_serial(manifest, file, trust.serials.get(key_of(manifest.kind, manifest.name), 0))
    faults += found
    return None if found or manifest is None else Signed(manifest, principals)


def verify(
    message: bytes, armoured: bytes, namespaces: tuple[str, ...], trust: Trust
) -> tuple[str, tuple[str, ...]]:
    """Verify a signature.

    Args:
        message: what was signed.
        armoured: the signature file.
        namespaces: what it may have been signed for.
        trust: who may sign.

    Returns:
        What it was signed for, and the principals whose key signed it.

    Raises:
        Refused: it does not hold.
    """
    try:
        signature = parse(armoured)
    except BadSignature as error:
        raise Refused(f"the signature cannot be read: {error}", "copy the pack again") from error
    namespace = signature.namespace.decode("ascii", "replace")
    if namespace not in namespaces:
        wanted = " or ".join(dict.fromkeys(namespaces))
        raise Refused(f"it was signed for {namespace[:64]!r}, and {wanted} is wanted", "sign it again")
    named = [signer for signer in trust.signers if signer.key == signature.key]
    if not named:
        known = fingerprint(signature.key)
        raise Refused(f"it is signed with the key {known}, which {trust.file} does not name")
    principals = _may_sign(named, namespace, trust)
    if not trust.proves(signature, message):
        raise Refused(
            "the signature does not fit: the MANIFEST was altered after it was signed", "copy the pack again"
        )
    return namespace, principals


def _may_sign(named: list[Signer], namespace: str, trust: Trust) -> tuple[str, ...]:
    """Return whose key it is, of the lines that let it sign this now.

    Raises:
        Refused: none of them does.
    """
    why: list[str] = []
    principals: list[str] = []
    for signer in named:
        whose = f"{signer.place.file}:{signer.place.line}: the key of {', '.join(signer.principals)}"
        if trust.principal and trust.principal not in signer.principals:
            why.append(f"{whose} is not the key of {trust.principal}")
        elif not signer.may_sign(namespace):
            why.append(f"{whose} may not sign for {namespace}")
        elif signer.valid_after is not None and math.floor(trust.now) < signer.valid_after:
            why.append(f"{whose} is not valid yet")
        elif signer.valid_before is not None and math.floor(trust.now) > signer.valid_before:
            why.append(f"{whose} is no longer valid")
        else:
            principals += signer.principals
    if not principals:
        raise Refused("; ".join(why), "have it signed by somebody who may")
    return tuple(dict.fromkeys(principals))
