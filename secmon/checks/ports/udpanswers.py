"""Read what UDP services answer: the service, and the text by which some tell their product."""

from __future__ import annotations

import re
import struct
from typing import TYPE_CHECKING, Final

from secmon.checks.ports import ber
from secmon.checks.ports.services import Reply, decode
from secmon.checks.ports.udpprobes import recognise

if TYPE_CHECKING:
    from collections.abc import Callable

_SYS_DESCR: Final = bytes.fromhex("06082b06010201010100")  # 1.3.6.1.2.1.1.1.0 in BER (RFC 3418)
_HEADER: Final = re.compile(
    r"^(?P<name>server|user-agent) *: *(?P<value>[^\n]*)", re.IGNORECASE | re.MULTILINE
)
_NTP_CONTROL: Final = 6
_NTP_HEADER: Final = 12  # RFC 9327 2
_TXT: Final = 16
_POINTER: Final = 0xC0
_MEMCACHED_FRAME: Final = 8


def read_answer(port: int, data: bytes) -> Reply:
    """Read what a UDP port answered.

    Args:
        port: UDP port that answered.
        data: its first answer.

    Returns:
        The service, None where it is not the port's; with the text that tells its product where there is one.
    """
    service = recognise(port, data)
    reader = _READERS.get(service)
    return reader(data) if reader else Reply(service or None, (), "")


def _snmp(data: bytes) -> Reply:
    """Read sysDescr from the answer of an agent (RFC 3416 4.2.5): the value that follows its name."""
    _, found, after = data.partition(_SYS_DESCR)
    tag, value, _ = ber.read(after)
    text = decode(value) if found and tag == ber.OCTET_STRING else ""
    return Reply("snmp", (("snmp", text),), text)


def _dns(data: bytes) -> Reply:
    """Read the first TXT record of an answer (RFC 1035 4.1): version.bind, where that was asked for."""
    text = ""
    try:
        questions, answers = struct.unpack_from(">HH", data, 4)
        at = 12
        for _ in range(questions):
            at = _after_name(data, at) + 4
        if answers:
            at = _after_name(data, at)
            kind, length = struct.unpack_from(">H6xH", data, at)
            if kind == _TXT and length:
                text = decode(data[at + 11 : at + 11 + data[at + 10]])
    except (struct.error, IndexError):
        text = ""
    return Reply("dns", (("dns", text),), text)


def _after_name(data: bytes, at: int) -> int:
    """Return where a domain name ends."""
    while (length := data[at]) and length < _POINTER:
        at += length + 1
    return at + (2 if length >= _POINTER else 1)


def _ntp(data: bytes) -> Reply:
    control = data[0] & 0x07 == _NTP_CONTROL
    text = " ".join(decode(data[_NTP_HEADER:]).split()) if control else ""
    return Reply("ntp", (("ntp", text),), text)


def _lines(service: str, name: str) -> Callable[[bytes], Reply]:
    """Return a reader of a message whose header Server or User-Agent tells the product."""

    def read(data: bytes) -> Reply:
        text = decode(data)
        values = [found["value"].strip() for found in _HEADER.finditer(text)]
        return Reply(service, tuple((name, value) for value in values), values[0] if values else text)

    return read


def _memcached(data: bytes) -> Reply:
    text = decode(data[_MEMCACHED_FRAME:])
    return Reply("memcached", (("memcached", text),), text)


_READERS: Final[dict[str, Callable[[bytes], Reply]]] = {
    "dns": _dns,
    "memcached": _memcached,
    "ntp": _ntp,
    "sip": _lines("sip", "sip"),
    "snmp": _snmp,
    "upnp": _lines("upnp", "upnp"),
}
