from __future__ import annotations

import random

import pytest

from secmon.checks.ports.greetings import is_complete, is_tls, read_greeting

SAID = [
    (b"SSH-2.0-OpenSSH_9.2p1 Debian-2\r\n", 22, "ssh", "ssh", "OpenSSH_9.2p1 Debian-2"),
    (b"SSH-1.99-Cisco-1.25\n", 4022, "ssh", "ssh", "Cisco-1.25"),
    (b"220 mail.example.vn ESMTP Postfix\r\n", 9025, "smtp", "smtp", "mail.example.vn ESMTP Postfix"),
    (b"220 mail.example.vn\r\n", 25, "smtp", "smtp", "mail.example.vn"),
    (b"554 go away\r\n", 587, "smtp", "smtp", "go away"),
    (b"220 ready\r\n", 21, "ftp", "ftp", "ready"),
    (b"220-Welcome\r\n220-to\r\n220 the FTP server\r\n", 2100, "ftp", "ftp", "Welcome\nto\nthe FTP server"),
    (b"+OK Dovecot ready.\r\n", 110, "pop3", "pop3", "Dovecot ready."),
    (b"* OK [CAPABILITY IMAP4rev1] hi\r\n", 143, "imap", "imap", "[CAPABILITY IMAP4rev1] hi"),
    (b"* BYE too many\r\n", 143, "imap", "imap", "too many"),
    (b"\xff\xfd\x18\xff\xfb\x01\r\nrouter login: ", 4000, "telnet", "telnet", "router login:"),
    (b"\r\nUsername: ", 4001, "telnet", "telnet", "Username:"),
    (b"Welcome to nothing", 23, "telnet", "telnet", "Welcome to nothing"),
    (b"HTTP/1.1 200 OK\r\nServer: a\r\n\r\n", 4002, "http", "http.server", "a"),
    (b"RTSP/1.0 200 OK\r\nCSeq: 1\r\nServer: Rtsp Server/3.0\r\n\r\n", 554, "rtsp", "rtsp", "Rtsp Server/3.0"),
    (b"VERSION 1.6.18\r\n", 4003, "memcached", "memcached", "VERSION 1.6.18"),
    (b"-DENIED Redis is running in protected mode", 4004, "redis", "redis", "-DENIED Redis is running in protected mode"),
    (b"\x4a\x00\x00\x00\x0a8.0.36\x00" + bytes(66), 4005, "mysql", "mysql", "8.0.36"),
    (b"RFB 003.008\n", 5901, None, "greeting", "RFB 003.008"),
    (b"220 who knows\r\n", 4006, None, "greeting", "220 who knows"),
    (b"\x80\x81\xfe\x00binary", 4007, None, "greeting", "\x80\x81þbinary"),
]  # fmt: skip


@pytest.mark.parametrize(("data", "port", "service", "name", "text"), SAID)
def test_the_first_bytes_tell_the_protocol(data, port, service, name, text):
    told = read_greeting(data, port)
    assert (told.service, told.texts[0]) == (service, (name, text))


def test_the_banner_of_ssh_keeps_the_protocol_version():
    assert read_greeting(b"SSH-1.99-Cisco-1.25\n", 22).banner == "SSH-1.99-Cisco-1.25"


@pytest.mark.parametrize(
    ("data", "whole"),
    [
        (b"SSH-2.0-x", False),
        (b"SSH-2.0-x\r\n", True),
        (b"220-a\r\n", False),
        (b"220-a\r\n220 b\r\n", True),
        (b"220 b", False),
        (b"+OK", False),
        (b"* OK x\r\n", True),
        (b"\x03\x00\x00\x00ab", False),
        (b"\x02\x00\x00\x00ab", True),
        (b"login:", False),
        (b"", False),
    ],
)
def test_the_end_of_a_greeting_is_known_where_the_protocol_says_so(data, whole):
    assert is_complete(data) is whole


def test_an_alert_is_tls():
    assert is_tls(bytes.fromhex("15030100020228"))
    assert is_tls(bytes.fromhex("1603030031"))
    assert not is_tls(b"\x16\x04\x00")
    assert not is_tls(b"HTTP/1.1 400")


def test_no_bytes_break_it():
    source = random.Random(11)
    for data, port, *_ in SAID * 30:
        changed = bytearray(data)
        for _ in range(5):
            changed[source.randrange(len(changed))] = source.randrange(256)
        end = source.randrange(1, len(changed) + 1)
        is_complete(bytes(changed[:end]))
        assert len(read_greeting(bytes(changed[:end]), port).banner) <= len(changed) + 20
