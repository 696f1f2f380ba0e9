"""Read an allowed-signers file (ssh-keygen(1), "ALLOWED SIGNERS"): who may sign, for what, and since when.

It is read more strictly than ssh-keygen does: a line that cannot be read faults the whole file, principals
are names and not patterns, and certificates are not read. So whoever is accepted here is accepted there.
"""

from __future__ import annotations

import base64
import binascii
import re
import time
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Final

from secmon.core.rule import Fault, Place
from secmon.core.sshsig import BadSignature, Reader

if TYPE_CHECKING:
    from collections.abc import Iterator

SIZE_LIMIT: Final = 1_000_000
"""Bytes of the file."""

KEY_TYPES: Final = (
    "ssh-ed25519",
    "ecdsa-sha2-nistp256",
    "ecdsa-sha2-nistp384",
    "ecdsa-sha2-nistp521",
    "ssh-rsa",
    "sk-ssh-ed25519@openssh.com",
    "sk-ecdsa-sha2-nistp256@openssh.com",
)
_PRINCIPALS: Final = re.compile(r'(?:"(?P<quoted>[^"]*)"|(?P<plain>[^\s"]+))(?:[ \t]+|\Z)')
# As sshkey_advance_past_options: blanks end the options, except between quotes.
_OPTIONS: Final = re.compile(r'(?:[^\s"\\]|\\"|\\|"(?:[^"\\]|\\"|\\)*")+[ \t]+')
_OPTION: Final = re.compile(r'(?P<name>[A-Za-z-]+)(?:="(?P<value>(?:[^"\\]|\\"|\\)*)")?(?:,|\Z)')
_TIME: Final = re.compile(r"(\d{4})(\d\d)(\d\d)(?:(\d\d)(\d\d)(\d\d)?)?(Z|UTC)?\Z", re.ASCII | re.IGNORECASE)
_CONTROL: Final = re.compile(r"[\x00-\x08\x0a-\x1f\x7f]")


@dataclass(frozen=True, slots=True)
class Signer:
    """One line: a key and whose it is.

    Attributes:
        principals: names, at least one.
        key: the public key's wire encoding.
        namespaces: patterns of what it may sign, None for everything.
        valid_after: Unix seconds before which it may not sign, None for no bound.
        valid_before: Unix seconds after which it may not sign, None for no bound.
        place: where it stands.
    """

    principals: tuple[str, ...]
    key: bytes
    namespaces: tuple[str, ...] | None
    valid_after: float | None
    valid_before: float | None
    place: Place

    def may_sign(self, namespace: str) -> bool:
        """Say whether the line allows a namespace."""
        if self.namespaces is None:
            return True
        if any(_matches(pattern[1:], namespace) for pattern in self.namespaces if pattern[:1] == "!"):
            return False
        return any(_matches(pattern, namespace) for pattern in self.namespaces if pattern[:1] != "!")


class _Bad(Exception):  # noqa: N818  # never leaves this module
    def __init__(self, message: str, advice: str = "") -> None:
        super().__init__(message)
        self.advice = advice


def read_signers(data: bytes, file: str, faults: list[Fault]) -> tuple[Signer, ...]:
    """Read the file.

    Args:
        data: its bytes.
        file: its name in messages.
        faults: where it tells what is wrong.

    Returns:
        Every line without a fault.
    """
    found: list[Signer] = []
    for number, line in enumerate(data.split(b"\n"), 1):
        place = Place(file, number, 1)
        try:
            found.extend(_read_line(line, place))
        except _Bad as error:
            faults.append(Fault(place, "", str(error), error.advice))
    if not found and not faults:
        advice = "one line for each: PRINCIPAL ssh-ed25519 KEY"
        faults.append(Fault(Place(file, 1, 1), "", "it names nobody who may sign", advice))
    return tuple(found)


def _read_line(line: bytes, place: Place) -> Iterator[Signer]:
    try:
        text = line.decode("utf-8").strip(" \t\r")
    except UnicodeDecodeError as error:
        raise _Bad("it is not UTF-8") from error
    if not text or text.startswith("#"):
        return
    if _CONTROL.search(text):
        raise _Bad("it holds control characters")
    head = _PRINCIPALS.match(text)
    if head is None:
        raise _Bad("it does not begin with a principal", "write: PRINCIPAL ssh-ed25519 KEY")
    principals = _read_principals(head["plain"] if head["quoted"] is None else head["quoted"])
    rest = text[head.end() :]
    options = ""
    if rest.partition(" ")[0].partition("\t")[0] not in KEY_TYPES:
        found = _OPTIONS.match(rest)
        if found is None:
            raise _Bad("it holds no key of a known type", f"known are: {', '.join(KEY_TYPES)}")
        options, rest = found[0].rstrip(" \t"), rest[found.end() :]
    yield _with_options(principals, _read_key(rest), options, place)


def _read_principals(text: str) -> tuple[str, ...]:
    principals = tuple(text.split(","))
    if not all(principals):
        raise _Bad("a principal is empty")
    for principal in principals:
        if re.search(r"[*?!]", principal):
            raise _Bad(f"the principal {principal} is a pattern", "name everybody who may sign")
    return principals


def _read_key(text: str) -> bytes:
    words = text.split(None, 2)
    if len(words) < 2 or words[0] not in KEY_TYPES:
        known = ", ".join(KEY_TYPES)
        raise _Bad("it holds no key of a known type", f"known are: {known}; certificates are not read")
    try:
        key = base64.b64decode(words[1], validate=True)
        if Reader(key).string() != words[0].encode():
            raise _Bad(f"the key is not of the type {words[0]} that stands before it")
    except (binascii.Error, ValueError, BadSignature) as error:
        raise _Bad("its key is damaged", "copy the line of the .pub file again") from error
    return key


def _with_options(principals: tuple[str, ...], key: bytes, options: str, place: Place) -> Signer:
    values: dict[str, str] = {}
    if options.endswith(","):
        raise _Bad(f"{options} ends in a comma")
    at = 0
    while at < len(options):
        option = _OPTION.match(options, at)
        name = option["name"].lower() if option else ""
        if option is None or name not in {"cert-authority", "namespaces", "valid-after", "valid-before"}:
            advice = 'known are: namespaces="...", valid-after="...", valid-before="..."'
            raise _Bad(f"{options[at:]} is no option", advice)
        if name == "cert-authority":
            advice = "name the signing key itself"
            raise _Bad("cert-authority is not supported: signatures by certificates are refused", advice)
        if option["value"] is None or name in values:
            raise _Bad(f'{name} is given once, as {name}="..."')
        values[name] = option["value"].replace('\\"', '"')
        at = option.end()
    after, before = (_read_time(name, values.get(name)) for name in ("valid-after", "valid-before"))
    if after is not None and before is not None and before <= after:
        raise _Bad("valid-before is not later than valid-after")
    patterns = tuple(values["namespaces"].split(",")) if "namespaces" in values else None
    return Signer(principals, key, patterns, after, before, place)


def _read_time(name: str, text: str | None) -> float | None:
    """Return Unix seconds of `YYYYMMDD[HHMM[SS]][Z]`; without Z it is this host's time, as in OpenSSH."""
    if text is None:
        return None
    found = _TIME.match(text)
    advice = "write YYYYMMDD, YYYYMMDDHHMM or YYYYMMDDHHMMSS, with Z for UTC"
    if found is None:
        raise _Bad(f"{name}: {text} is no time", advice)
    numbers = [int(part or 0) for part in found.groups()[:6]]
    try:
        seconds = datetime(*numbers, tzinfo=UTC).timestamp()  # type: ignore[misc, arg-type]  # its six parts
        if not found[7]:
            seconds = time.mktime((*numbers, 0, 0, 0))  # type: ignore[arg-type]  # nine numbers, as it takes them
    except (ValueError, OverflowError) as error:
        raise _Bad(f"{name}: {text} is no time", advice) from error
    if seconds <= 0:  # to OpenSSH, 0 is no bound
        raise _Bad(f"{name}: {text} is before 1970", advice)
    return seconds


def _matches(pattern: str, text: str) -> bool:
    """Match as ssh's match_pattern does: `*` any text, `?` one character, nothing else is special."""
    short = re.sub(r"\*+", "*", pattern)
    parts = (".*" if char == "*" else "." if char == "?" else re.escape(char) for char in short)
    return re.fullmatch("".join(parts), text, re.DOTALL) is not None
