"""Sign a pack with ssh-keygen, which also knows keys that live in agents and in hardware."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING, Final

from secmon.core.configuration import PathSetting
from secmon.core.manifest import (
    MANIFEST,
    NAMESPACES,
    SIGNATURE,
    Manifest,
    digest_text,
    make_manifest,
    read_manifest,
)
from secmon.core.rule import Place
from secmon.core.sshsig import BadSignature, fingerprint, parse
from secmon.sources.packs import TOTAL_LIMIT, describe, digest, open_pack, read_contents
from secmon.sources.signatures import load_verifier

if TYPE_CHECKING:
    from datetime import date

    from secmon.core.manifest import PackUse
    from secmon.core.rule import Fault
    from secmon.core.sshsig import Signature
    from secmon.sources.signatures import Content

TOOL: Final = "ssh-keygen"


class CannotSign(Exception):  # noqa: N818  # what happened, told to the person as it is
    """The pack is not signed, and as it was; the text says what would be right."""


def read_pack(folder: str, kind: PackUse) -> Content:
    """Read every file of a pack.

    Args:
        folder: the pack.
        kind: what it holds.

    Raises:
        CannotSign: it is no folder, or a file cannot be read.
    """
    if not Path(folder).is_dir():
        raise CannotSign(f"{folder} is no folder; a pack is a folder, also where it holds one file")
    faults: list[Fault] = []
    pack = open_pack(PathSetting(folder, Place(folder, 1, 1), ""), kind, faults)
    contents = read_contents(pack, TOTAL_LIMIT, faults)
    if faults:
        raise CannotSign("; ".join(map(str, faults)))
    return describe(pack, contents)


def make(content: Content, name: str, serial: int, created: date, expires: date) -> Manifest:
    """Say what will be signed.

    Args:
        content: the pack, with the kind that is wanted.
        name: of the pack.
        serial: of this version.
        created: today.
        expires: last day on which it is accepted.

    Raises:
        CannotSign: nobody would accept it.
    """
    if expires < created:
        raise CannotSign(f"{expires} is over; give a later day on which the pack is accepted last")
    if not content.digests:
        raise CannotSign(f"{content.folder} holds no file to sign")
    kind = content.use or "rules"
    before = read_manifest(content.manifest, MANIFEST, []) if content.manifest is not None else None
    if before is not None and (before.name, before.kind) == (name, kind):
        changed = dict(before.files) != dict(content.digests)
        if serial < before.serial or (serial == before.serial and changed):
            raise CannotSign(f"serial {before.serial} was signed already; give {before.serial + 1} or more")
    return Manifest(name, kind, serial, created, expires, content.digests)


def sign(folder: str, key: str, manifest: Manifest) -> str:
    """Sign a pack: write MANIFEST and MANIFEST.sig, or leave both as they are.

    Args:
        folder: the pack.
        key: file of a private key, or of the public key of one that an agent holds.
        manifest: what is signed.

    Returns:
        Fingerprint of the key.

    Raises:
        CannotSign: it could not be signed.
    """
    try:
        data = make_manifest(manifest)
    except ValueError as error:
        raise CannotSign(str(error)) from error
    armoured = _run(key, NAMESPACES[manifest.kind], data)
    signature = _check(armoured, data)
    try:
        _write(Path(folder) / MANIFEST, data)
        _write(Path(folder) / SIGNATURE, armoured)
    except OSError as error:
        raise CannotSign(f"{error.filename}: {error.strerror}") from error
    return fingerprint(signature.key)


def pack_digest(manifest: Manifest) -> str:
    """Return the digest of a pack, hexadecimal digits."""
    return digest(digest_text(manifest.files))


def _run(key: str, namespace: str, data: bytes) -> bytes:
    """Have ssh-keygen sign; it talks to the person itself, of passphrases and of keys to be touched."""
    command = [TOOL, "-Y", "sign", "-f", key, "-n", namespace]
    try:
        done = subprocess.run(command, input=data, stdout=subprocess.PIPE, check=False)
    except FileNotFoundError as error:
        raise CannotSign(f"{TOOL} is not installed; install the package openssh-client") from error
    except OSError as error:
        raise CannotSign(f"{TOOL} cannot be run: {error.strerror}") from error
    if done.returncode != 0:
        raise CannotSign(f"{TOOL} could not sign with {key}; it says why above")
    return done.stdout


def _check(armoured: bytes, data: bytes) -> Signature:
    """Refuse at once what every reader would refuse: certificates, DSA, short RSA keys.

    Raises:
        CannotSign: it is such a signature.
    """
    try:
        signature = parse(armoured)
    except BadSignature as error:
        raise CannotSign(f"{TOOL} wrote no signature: {error}") from error
    if not load_verifier()(signature, data):
        advice = "use Ed25519, ECDSA, FIDO, or RSA from 2,048 bits, and no certificate"
        raise CannotSign(f"signatures of this key are not accepted; {advice}")
    return signature


def _write(path: Path, data: bytes) -> None:
    aside = path.with_name(f".{path.name}.new")
    fd = os.open(aside, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC | os.O_NOFOLLOW, 0o644)
    with os.fdopen(fd, "wb") as out:
        out.write(data)
        out.flush()
        os.fsync(fd)
    aside.replace(path)
