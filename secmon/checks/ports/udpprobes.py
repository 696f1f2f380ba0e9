"""Ask UDP services in their own protocol: what is sent to a port, and whether what came back answers it.

A UDP service that is asked anything else stays silent, so each port has questions of its own. They change
nothing, ask for little and log in nowhere. One secret is tried, the SNMP community `public`: whoever leaves
that open leaves it open to everybody. The numbers by which an answer is known are fixed, so that others find
in their logs what came from secmon.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from secmon.checks.ports import portlist, udpike
from secmon.checks.ports.ber import (
    NULL,
    OBJECT_IDENTIFIER,
    OCTET_STRING,
    SEQUENCE,
    element,
    integer,
    read,
)

if TYPE_CHECKING:
    from collections.abc import Callable

REPLY_LIMIT: Final = 1024
"""Bytes that are read of a reply."""

_ID: Final = bytes.fromhex("5ec0")
_COOKIE: Final = b"secmon\x5e\xc0"

_RESPONSE: Final = 0x80  # of DNS and NetBIOS flags
_DNS_HEADER: Final = 12


@dataclass(frozen=True, slots=True)
class Probe:
    """How a port is asked.

    Attributes:
        tries: payloads, one after the other until one is answered.
        recognise: a reply -> the service that it is of, "" for none.
        strays: replies may come from another port of the host.
    """

    tries: tuple[bytes, ...]
    recognise: Callable[[bytes], str]
    strays: bool = False


def wanted(text: str, *, wide: bool) -> tuple[int, ...]:
    """Return the UDP ports that the setting `udp_ports` names.

    Args:
        text: `auto`, `top` (all ports that have a probe), `none`, or a list such as `53,161,1900`.
        wide: the TCP ports of `top` are all looked at; then `auto` means `top`, else `none`.

    Raises:
        ValueError: an item is no port and no range; the message names it.
    """
    word = text.strip()
    if word == "auto":
        word = "top" if wide else "none"
    if word == "all":
        raise ValueError("all UDP ports cannot be told from silent ones; write auto, top, none, or a list")
    if word == "none":
        return ()
    return PORTS if word == "top" else portlist.parse(word)


def probe(port: int) -> Probe:
    """Return how a port is asked; one without a question of its own gets an empty datagram."""
    return _PROBES.get(port, _EMPTY)


def recognise(port: int, reply: bytes) -> str:
    """Return the service that a reply is of.

    Args:
        port: UDP port that was asked.
        reply: what came back, of which REPLY_LIMIT bytes are read.

    Returns:
        Its name; "" where it is no answer of the port's protocol to what was asked.
    """
    asked = probe(port)
    data = reply[:REPLY_LIMIT]
    return "" if data in asked.tries else asked.recognise(data)  # an echo is no answer


# RFC 1035 4.1: DNS (`version.bind`: RFC 4892 2), multicast DNS (RFC 6762 5.4) and NetBIOS (RFC 1002 4.2.17)


def _query(name: bytes, kind: int, group: int) -> bytes:
    """Return a query; name is encoded, group its class."""
    return _ID + bytes.fromhex("0000 0001 0000 0000 0000") + name + kind.to_bytes(2) + group.to_bytes(2)


def _labels(*labels: bytes) -> bytes:
    return b"".join(bytes((len(label),)) + label for label in (*labels, b""))


_VERSION_BIND: Final = _query(_labels(b"version", b"bind"), 16, 3)
_ROOT: Final = _query(_labels(), 2, 1)
_SERVICES: Final = _query(_labels(b"_services", b"_dns-sd", b"_udp", b"local"), 12, 0x8001)
_NAME_STATUS: Final = _query(_labels(b"CK" + b"A" * 30), 33, 1)


def _responds(service: str) -> Callable[[bytes], str]:
    def recognised(data: bytes) -> str:
        known = len(data) >= _DNS_HEADER and data[:2] == _ID and data[2] & _RESPONSE
        return service if known else ""

    return recognised


# RFC 5905 7.3, a client asks: the server returns our transmit timestamp as origin timestamp. RFC 9327 2, read
# the server's variables, which tell its version: most keep them from strangers.

_NTP: Final = b"\x23" + bytes(39) + _COOKIE
_NTP_CONTROL: Final = b"\x16\x02" + _ID + bytes(8)
_SERVER, _CONTROL = 4, 6  # modes


def _ntp(data: bytes) -> str:
    mode = data[0] & 7 if data else 0
    time = mode == _SERVER and len(data) >= len(_NTP) and data[24:32] == _COOKIE
    variables = mode == _CONTROL and len(data) >= len(_NTP_CONTROL) and data[1] & 0x80 and data[2:4] == _ID
    return "ntp" if time or variables else ""


# RFC 1157 4.1.2 and RFC 3416 4.2.1: get sysDescr.0; RFC 3414 4: discover the engine, which needs no secret

_REQUEST: Final = integer(int.from_bytes(_ID))
_GET: Final = 0xA0
_GET_RESPONSE: Final = 0xA2
_SYS_DESCR: Final = element(OBJECT_IDENTIFIER, bytes.fromhex("2b06010201010100"))
_PUBLIC: Final = element(OCTET_STRING, b"public")
_V1, _V2C, _V3 = integer(0), integer(1), integer(3)
_BLANK: Final = element(OCTET_STRING)


def _get(*names: bytes) -> bytes:
    binds = element(SEQUENCE, *(element(SEQUENCE, name, element(NULL)) for name in names))
    return element(_GET, _REQUEST, integer(0), integer(0), binds)


_SNMP_V1: Final = element(SEQUENCE, _V1, _PUBLIC, _get(_SYS_DESCR))
_SNMP_V2C: Final = element(SEQUENCE, _V2C, _PUBLIC, _get(_SYS_DESCR))
_SNMP_V3: Final = element(
    SEQUENCE,
    _V3,
    # RFC 3412 6: msgID, msgMaxSize, msgFlags (reportable), msgSecurityModel (USM)
    element(SEQUENCE, _REQUEST, integer(65507), element(OCTET_STRING, b"\x04"), integer(3)),
    element(OCTET_STRING, element(SEQUENCE, _BLANK, integer(0), integer(0), _BLANK, _BLANK, _BLANK)),
    element(SEQUENCE, _BLANK, _BLANK, _get()),
)


def _snmp(data: bytes) -> str:
    """Tell `snmp`, which was answered to the community `public`, from `snmpv3`."""
    outer, body, _ = read(data)
    if outer != SEQUENCE:
        return ""
    tag, content, after = read(body[len(_V3) :])
    if body.startswith(_V3):
        return "snmpv3" if tag == SEQUENCE and content.startswith(_REQUEST) else ""
    kind, response, _ = read(after)
    answered = tag == OCTET_STRING and kind == _GET_RESPONSE and response.startswith(_REQUEST)
    return "snmp" if answered and body.startswith((_V1, _V2C)) else ""


# RFC 4511 4.5.1 over UDP as [MS-ADTS] 3.1.1.3 has it: search the root DSE for one attribute that each has

_SEARCH: Final = 0x63
_SEARCH_ANSWERS: Final = frozenset({0x64, 0x65})
_ENUMERATED_0: Final = element(0x0A, b"\0")
_CLDAP: Final = element(
    SEQUENCE,
    _REQUEST,
    element(
        _SEARCH,
        *(_BLANK, _ENUMERATED_0, _ENUMERATED_0, integer(0), integer(0), element(0x01, b"\0")),
        element(0x87, b"objectClass"),
        element(SEQUENCE, element(OCTET_STRING, b"supportedLDAPVersion")),
    ),
)


def _cldap(data: bytes) -> str:
    outer, body, _ = read(data)
    if outer != SEQUENCE or not body.startswith(_REQUEST):
        return ""
    tag, _, rest = read(body[len(_REQUEST) :])
    if tag == OCTET_STRING:  # RFC 1798 3.1 names a user before the answer
        tag, _, _ = read(rest)
    return "cldap" if tag in _SEARCH_ANSWERS else ""


# RFC 1350 5: a read request for what is not there; the answer comes from a port of its own

_TFTP: Final = b"\0\x01secmon-asks-for-no-such-file\0octet\0"
_TFTP_ANSWERS: Final = frozenset({b"\0\x03\0\x01", b"\0\x05\0"})


def _tftp(data: bytes) -> str:
    return "tftp" if len(data) >= 4 and data.startswith(tuple(_TFTP_ANSWERS)) else ""


# RFC 5531 9: call procedure 0 of the port mapper (RFC 1833 3), which does nothing

_RPC: Final = _COOKIE[:4] + b"".join(word.to_bytes(4) for word in (0, 2, 100_000, 2, 0, 0, 0, 0, 0))


def _rpc(data: bytes) -> str:
    return "rpcbind" if len(data) >= 12 and data[:8] == _RPC[:4] + bytes.fromhex("00000001") else ""


# IPMI 2.0 13.2.3 (ASF 2.0 3.2.4.2, a presence ping) and 22.13 (Get Channel Authentication Capabilities)

_PING: Final = bytes.fromhex("0600ff06 000011be 80 5e 0000")
_CAPABILITIES: Final = bytes.fromhex("0600ff07 00 00000000 00000000 09 2018c8 8100388e04b5")
_IPMI_COMMAND: Final = 19  # offset in a message without authentication


def _ipmi(data: bytes) -> str:
    pong = data[:3] == _PING[:3] and data[3:9] == bytes.fromhex("06000011be40")
    told = data[:3] == _PING[:3] and data[3:5] == b"\x07\0" and data[_IPMI_COMMAND:][:1] == b"\x38"
    return "ipmi" if pong or told else ""


# [MC-SQLR] 2.2.2: ask the SQL Server Browser for its instances


def _sql_browser(data: bytes) -> str:
    return (
        "ms-sql-m" if data[:1] == b"\x05" and int.from_bytes(data[1:3], "little") >= len(data) - 3 > 0 else ""
    )


# RFC 5997 2.1: Status-Server. A server answers to clients that it knows, and to others nothing.

_RADIUS: Final = b"\x0c\x5e\0\x26" + _COOKIE * 2 + b"\x50\x12" + bytes(16)
_RADIUS_ANSWERS: Final = frozenset({2, 3, 5, 11})


def _radius(data: bytes) -> str:
    whole = len(data) >= 20 and 20 <= int.from_bytes(data[2:4]) <= len(data)
    return "radius" if whole and data[0] in _RADIUS_ANSWERS and data[1:2] == _RADIUS[1:2] else ""


# UPnP Device Architecture 2.0, 1.3.2

_SSDP: Final = b"\r\n".join(
    (
        b"M-SEARCH * HTTP/1.1",
        b"HOST: 239.255.255.250:1900",
        b'MAN: "ssdp:discover"',
        b"ST: upnp:rootdevice",
        b"",
        b"",
    )
)


def _begins(service: str, *beginnings: bytes) -> Callable[[bytes], str]:
    return lambda data: service if data.startswith(beginnings) else ""


# RFC 8489 5: a binding request

_STUN: Final = bytes.fromhex("00010000 2112a442") + b"\x5e\xc0\0\0" + _COOKIE
_STUN_ANSWERS: Final = frozenset({b"\x01\x01", b"\x01\x11"})


def _stun(data: bytes) -> str:
    return "stun" if data[:2] in _STUN_ANSWERS and data[4:20] == _STUN[4:] else ""


# Web Services Dynamic Discovery 1.1 5.2 in the version of 2005, which ONVIF cameras and printers speak

_SCHEMAS: Final = "http://schemas.xmlsoap.org/ws"
_MESSAGE: Final = "urn:uuid:5ec05ec0-5ec0-4ec0-8ec0-5ec05ec05ec0"
_DISCOVERY: Final = (
    '<?xml version="1.0" encoding="utf-8"?><s:Envelope xmlns:s="http://www.w3.org/2003/05/soap-envelope" '
    f'xmlns:a="{_SCHEMAS}/2004/08/addressing" xmlns:d="{_SCHEMAS}/2005/04/discovery"><s:Header>'
    f"<a:Action>{_SCHEMAS}/2005/04/discovery/Probe</a:Action><a:MessageID>{_MESSAGE}</a:MessageID>"
    "<a:To>urn:schemas-xmlsoap-org:ws:2005:04:discovery</a:To></s:Header><s:Body><d:Probe/></s:Body></s:Envelope>"
).encode()


def _discovery(data: bytes) -> str:
    return "ws-discovery" if b"ProbeMatches" in data and _MESSAGE.encode() in data else ""


# RFC 3261 11: OPTIONS. Max-Forwards of 0 lets a proxy answer itself (16.3); rport is of RFC 3581.

_SIP: Final = b"\r\n".join(
    (
        b"OPTIONS sip:secmon.invalid SIP/2.0",
        b"Via: SIP/2.0/UDP secmon.invalid;branch=z9hG4bK5ec0;rport",
        b"Max-Forwards: 0",
        b"From: <sip:secmon@secmon.invalid>;tag=5ec0",
        b"To: <sip:secmon.invalid>",
        b"Call-ID: 5ec0@secmon.invalid",
        b"CSeq: 1 OPTIONS",
        b"Content-Length: 0",
        b"",
        b"",
    )
)


# RFC 7252 4.3: an empty confirmable message is answered by a reset of its number

_COAP: Final = b"\x40\0" + _ID


def _coap(data: bytes) -> str:
    return "coap" if data == b"\x70\0" + _ID else ""


# memcached's protocol.txt, "UDP protocol": request 5ec0, datagram 0 of 1

_MEMCACHED: Final = _ID + bytes.fromhex("0000 0001 0000") + b"version\r\n"


def _memcached(data: bytes) -> str:
    spoken = data[8:].startswith((b"VERSION ", b"ERROR", b"CLIENT_ERROR", b"SERVER_ERROR"))
    return "memcached" if data[:2] == _ID and spoken else ""


_IKE: Final = (udpike.VERSION_2, udpike.VERSION_1) * 2
_IKE_BEHIND_NAT: Final = tuple(udpike.NO_ESP + message for message in _IKE)

_EMPTY: Final = Probe((b"", b""), lambda _: "")
_PROBES: Final = {
    53: Probe((_VERSION_BIND, _ROOT, _ROOT), _responds("dns")),
    69: Probe((_TFTP,) * 2, _tftp, strays=True),
    111: Probe((_RPC,) * 2, _rpc),
    123: Probe((_NTP_CONTROL, _NTP, _NTP), _ntp),
    137: Probe((_NAME_STATUS,) * 2, _responds("netbios-ns")),
    161: Probe((_SNMP_V2C, _SNMP_V1, _SNMP_V3, _SNMP_V3), _snmp),
    389: Probe((_CLDAP,) * 2, _cldap),
    500: Probe(_IKE, udpike.recognise),
    623: Probe((_PING, _CAPABILITIES, _CAPABILITIES), _ipmi),
    1434: Probe((b"\x03",) * 2, _sql_browser),
    1812: Probe((_RADIUS,) * 2, _radius),
    1900: Probe((_SSDP,) * 2, _begins("upnp", b"HTTP/1.1 200", b"HTTP/1.0 200"), strays=True),
    3478: Probe((_STUN,) * 2, _stun),
    3702: Probe((_DISCOVERY,) * 2, _discovery, strays=True),
    4500: Probe(_IKE_BEHIND_NAT, udpike.recognise_behind_nat),
    5060: Probe((_SIP,) * 2, _begins("sip", b"SIP/2.0 ")),
    5353: Probe((_SERVICES,) * 2, _responds("mdns")),
    5683: Probe((_COAP,) * 2, _coap),
    11211: Probe((_MEMCACHED,) * 2, _memcached),
}

PORTS: Final = tuple(_PROBES)
"""The UDP ports that have a question of their own."""
