"""Make SSH keys, signatures and signed packs without ssh-keygen, also of kinds that need hardware."""

from __future__ import annotations

import base64
import hashlib
import struct
from dataclasses import dataclass
from datetime import date
from typing import Any

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, padding, rsa
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
)

from secmon.core.manifest import NAMESPACES, Manifest, make_manifest

CURVES = {"256": ec.SECP256R1, "384": ec.SECP384R1, "521": ec.SECP521R1}
HASHES = {"256": hashes.SHA256, "384": hashes.SHA384, "521": hashes.SHA512}
KINDS = (
    "ssh-ed25519",
    "ecdsa-sha2-nistp256",
    "ecdsa-sha2-nistp384",
    "ecdsa-sha2-nistp521",
    "ssh-rsa",
    "sk-ssh-ed25519@openssh.com",
    "sk-ecdsa-sha2-nistp256@openssh.com",
)


def string(data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + data


def mpint(number: int) -> bytes:
    return string(number.to_bytes(number.bit_length() // 8 + 1, "big") if number else b"")


def read_string(data: bytes) -> tuple[bytes, bytes]:
    (length,) = struct.unpack(">I", data[:4])
    return data[4 : 4 + length], data[4 + length :]


@dataclass(frozen=True)
class Key:
    """A key pair.

    Attributes:
        kind: its type's name.
        private: cryptography's key.
        blob: the public key's wire encoding.
    """

    kind: str
    private: Any
    blob: bytes

    @property
    def line(self) -> str:
        """Return the public key as a line of a .pub file has it."""
        return f"{self.kind} {base64.b64encode(self.blob).decode()}"

    def pem(self) -> bytes:
        """Return the private key as ssh-keygen reads it."""
        return self.private.private_bytes(Encoding.PEM, PrivateFormat.OpenSSH, NoEncryption())

    def raw_signature(self, data: bytes, hash_name: str = "sha512") -> bytes:
        """Return the innermost field of a signature: algorithm, value, and what hardware adds."""
        if self.kind.startswith("sk-"):
            flags = b"\x01" + struct.pack(">I", 7)
            data = hashlib.sha256(b"ssh:").digest() + flags + hashlib.sha256(data).digest()
            return string(self.kind.encode()) + string(self._value(data)) + flags
        if self.kind == "ssh-rsa":
            digest = hashes.SHA256() if hash_name == "sha256" else hashes.SHA512()
            value = self.private.sign(data, padding.PKCS1v15(), digest)
            return string(f"rsa-sha2-{hash_name[3:]}".encode()) + string(value)
        return string(self.kind.encode()) + string(self._value(data))

    def _value(self, data: bytes) -> bytes:
        if isinstance(self.private, ed25519.Ed25519PrivateKey):
            return self.private.sign(data)
        digest = HASHES[str(self.private.curve.key_size)]()
        return b"".join(map(mpint, decode_dss_signature(self.private.sign(data, ec.ECDSA(digest)))))

    def sign(self, message: bytes, namespace: str, hash_name: str = "sha512") -> bytes:
        """Return what `ssh-keygen -Y sign` would write."""
        digest = hashlib.new(hash_name, message).digest()
        head = string(namespace.encode()) + string(b"") + string(hash_name.encode())
        inner = self.raw_signature(b"SSHSIG" + head + string(digest), hash_name)
        return armour(b"SSHSIG" + struct.pack(">I", 1) + string(self.blob) + head + string(inner))


def make_key(kind: str, bits: int = 2048) -> Key:
    if "ed25519" in kind:
        private: Any = ed25519.Ed25519PrivateKey.generate()
    elif "ecdsa" in kind:
        private = ec.generate_private_key(CURVES[kind.partition("nistp")[2][:3]]())
    else:
        private = rsa.generate_private_key(65537, bits)
    line = private.public_key().public_bytes(Encoding.OpenSSH, PublicFormat.OpenSSH)
    blob = base64.b64decode(line.split()[1])
    if kind.startswith("sk-"):
        blob = string(kind.encode()) + read_string(blob)[1] + string(b"ssh:")
    return Key(kind, private, blob)


def armour(blob: bytes) -> bytes:
    text = base64.b64encode(blob)
    lines = (text[at : at + 70] for at in range(0, len(text), 70))
    return b"-----BEGIN SSH SIGNATURE-----\n" + b"\n".join(lines) + b"\n-----END SSH SIGNATURE-----\n"


def dearmour(data: bytes) -> bytes:
    return base64.b64decode(b"".join(data.split(b"\n")[1:-2]))


def sign_pack(
    folder,
    key: Key,
    kind: str = "rules",
    *,
    name: str = "site",
    serial: int = 1,
    created: date = date(2026, 1, 1),
    expires: date = date(2099, 1, 1),
    namespace: str = "",
) -> None:
    """Write MANIFEST and MANIFEST.sig of all files that are there."""
    unsigned = {"MANIFEST", "MANIFEST.sig"}
    files = {
        path.relative_to(folder).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in folder.rglob("*")
        if path.is_file() and path.name not in unsigned
    }
    data = make_manifest(Manifest(name, kind, serial, created, expires, files))
    (folder / "MANIFEST").write_bytes(data)
    (folder / "MANIFEST.sig").write_bytes(key.sign(data, namespace or NAMESPACES[kind]))
