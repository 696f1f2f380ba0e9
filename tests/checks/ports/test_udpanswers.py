from __future__ import annotations

import random
import struct

import pytest

from secmon.checks.ports.udpanswers import read_answer

DESCR = b"Linux host 6.1.0-18-amd64 #1 SMP"


def ber(tag: int, value: bytes) -> bytes:
    length = bytes([len(value)]) if len(value) < 128 else b"\x82" + len(value).to_bytes(2)
    return bytes([tag]) + length + value


def snmp(value: bytes) -> bytes:
    bind = ber(0x30, ber(0x06, bytes.fromhex("2b06010201010100")) + value)
    pdu = ber(0xA2, ber(2, b"\x5e\xc0") + ber(2, b"\0") + ber(2, b"\0") + ber(0x30, bind))
    return ber(0x30, ber(2, b"\1") + ber(4, b"public") + pdu)


def dns(answer: bytes, count: int = 1) -> bytes:
    question = b"\x07version\x04bind\0\0\x10\0\x03"
    return struct.pack(">HHHHHH", 0x5EC0, 0x8400, 1, count, 0, 0) + question + answer


TXT = b"\xc0\x0c\0\x10\0\x03\0\0\0\0\0\x0f\x0e9.18.24-Debian"
ANSWERS = {
    161: snmp(ber(4, DESCR)),
    53: dns(TXT),
    123: bytes.fromhex("16825ec0000000000000002a")
    + b'version="ntpd 4.2.8p15@1.3728-o",\r\nprocessor="x86_64"',
    1900: b"HTTP/1.1 200 OK\r\nST: upnp:rootdevice\r\nServer: Linux UPnP/1.0 MiniUPnPd/2.1\r\n\r\n",
    5060: b"SIP/2.0 200 OK\r\nVia: x\r\nUser-Agent: FPBX-16(18.9.0)\r\n\r\n",
    11211: bytes.fromhex("5ec0000000010000") + b"VERSION 1.6.18\r\n",
    3478: bytes.fromhex("010100002112a4425ec00000") + b"secmon\x5e\xc0",
    69: b"\0\5\0\1File not found\0",
    623: bytes.fromhex("0600ff06000011be405e0010"),
}


@pytest.mark.parametrize(
    ("port", "service", "texts"),
    [
        (161, "snmp", (("snmp", DESCR.decode()),)),
        (53, "dns", (("dns", "9.18.24-Debian"),)),
        (123, "ntp", (("ntp", 'version="ntpd 4.2.8p15@1.3728-o", processor="x86_64"'),)),
        (1900, "upnp", (("upnp", "Linux UPnP/1.0 MiniUPnPd/2.1"),)),
        (5060, "sip", (("sip", "FPBX-16(18.9.0)"),)),
        (11211, "memcached", (("memcached", "VERSION 1.6.18"),)),
        (3478, "stun", ()),
        (69, "tftp", ()),
        (623, "ipmi", ()),
    ],
)
def test_an_answer_tells_service_and_text(port, service, texts):
    told = read_answer(port, ANSWERS[port])
    assert (told.service, told.texts) == (service, texts)


@pytest.mark.parametrize("port", [*ANSWERS, 7777])
def test_what_is_no_answer_of_the_protocol_tells_no_service(port):
    told = read_answer(port, b"\x01 what?")
    assert (told.service, told.texts, told.banner) == (None, (), "")


def test_a_long_description_is_read():
    assert read_answer(161, snmp(ber(4, b"x" * 500))).banner == "x" * 500


def test_what_says_no_more_has_no_text():
    assert read_answer(161, snmp(ber(2, b"\1"))).texts == (("snmp", ""),)
    assert read_answer(53, dns(b"", 0)).texts == (("dns", ""),)
    assert read_answer(53, dns(b"\xc0\x0c\0\x01\0\x01\0\0\0\0\0\4\1\2\3\4")).texts == (("dns", ""),)
    assert read_answer(123, bytes.fromhex("24") + bytes(23) + b"secmon\x5e\xc0" + bytes(16)).texts == (
        ("ntp", ""),
    )


def test_no_bytes_break_it():
    source = random.Random(13)
    for port, whole in ANSWERS.items():
        for _ in range(300):
            data = bytearray(whole[: source.randrange(1, len(whole) + 1)])
            for _ in range(4):
                data[source.randrange(len(data))] = source.randrange(256)
            read_answer(port, bytes(data))
