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
    pdu = ber(0xA2, ber(2, b"\1") + ber(2, b"\0") + ber(2, b"\0") + ber(0x30, bind))
    return ber(0x30, ber(2, b"\1") + ber(4, b"public") + pdu)


def dns(answer: bytes, count: int = 1) -> bytes:
    question = b"\x07version\x04bind\0\0\x10\0\x03"
    return struct.pack(">HHHHHH", 7, 0x8400, 1, count, 0, 0) + question + answer


TXT = b"\xc0\x0c\0\x10\0\x03\0\0\0\0\0\x0f\x0e9.18.24-Debian"
ANSWERS = {
    161: snmp(ber(4, DESCR)),
    53: dns(TXT),
    123: bytes.fromhex("16820001000000000000002a")
    + b'version="ntpd 4.2.8p15@1.3728-o",\r\nprocessor="x86_64"',
    1900: b"HTTP/1.1 200 OK\r\nST: upnp:rootdevice\r\nServer: Linux UPnP/1.0 MiniUPnPd/2.1\r\n\r\n",
    5060: b"SIP/2.0 200 OK\r\nVia: x\r\nUser-Agent: FPBX-16(18.9.0)\r\n\r\n",
    11211: bytes.fromhex("0000000000010000") + b"VERSION 1.6.18\r\n",
    3478: bytes.fromhex("010100002112a442") + bytes(12),
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
    ],
)
def test_an_answer_tells_service_and_text(port, service, texts):
    told = read_answer(port, ANSWERS[port])
    assert (told.service, told.texts) == (service, texts)


@pytest.mark.parametrize(("port", "service"), [(69, "tftp"), (500, "isakmp"), (623, "ipmi"), (7777, None)])
def test_other_answers_tell_the_service_of_the_port(port, service):
    assert read_answer(port, b"\x01").service == service


def test_a_long_description_is_read():
    assert read_answer(161, snmp(ber(4, b"x" * 500))).banner == "x" * 500


def test_what_says_no_more_has_no_text():
    assert read_answer(161, snmp(ber(2, b"\1"))).texts == (("snmp", ""),)
    assert read_answer(161, b"\x30\x05no").service == "snmp"
    assert read_answer(53, dns(b"", 0)).texts == (("dns", ""),)
    assert read_answer(53, dns(b"\xc0\x0c\0\x01\0\x01\0\0\0\0\0\4\1\2\3\4")).texts == (("dns", ""),)
    assert read_answer(123, bytes.fromhex("24") + bytes(47)).texts == (("ntp", ""),)


def test_no_bytes_break_it():
    source = random.Random(13)
    for port, whole in ANSWERS.items():
        for _ in range(300):
            data = bytearray(whole[: source.randrange(1, len(whole) + 1)])
            for _ in range(4):
                data[source.randrange(len(data))] = source.randrange(256)
            read_answer(port, bytes(data))
