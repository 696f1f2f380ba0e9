"""Tell by its first bytes what protocol a server speaks."""

from __future__ import annotations

import re
from typing import Final

from secmon.checks.ports import stores, telnet, webreply
from secmon.checks.ports.services import Reply, decode

_SSH: Final = re.compile(r"SSH-(\d\.\d{1,2})-([^\n]*)")
_CODE: Final = re.compile(r"^(?:220|421|5[0235][0-9])(?:[- ]|$)", re.MULTILINE)
_MAIL_WORD: Final = re.compile(r"\bE?SMTP\b", re.IGNORECASE)
_FTP_WORD: Final = re.compile(r"ftp|file transfer", re.IGNORECASE)
_PROMPT: Final = re.compile(r"(?:login|user ?name|password|account) ?:\s*\Z", re.IGNORECASE)
_SERVER: Final = re.compile(r"^Server: *([^\n]*)", re.IGNORECASE | re.MULTILINE)

_STARTS: Final = {"+OK": "pop3", "-ERR": "pop3", "* OK": "imap", "* BYE": "imap", "* PREAUTH": "imap"}
_STATUS_LINES: Final = {"RTSP/1.0 ": "rtsp", "SIP/2.0 ": "sip"}

_MAIL_PORTS: Final = frozenset({25, 465, 587, 2525, 2526, 10025})
_FTP_PORTS: Final = frozenset({20, 21, 990, 2121})
_TELNET_PORTS: Final = frozenset({23, 2323, 992})
_TLS_RECORD: Final = re.compile(rb"[\x15\x16]\x03[\x00-\x04]")


def is_tls(data: bytes) -> bool:
    """Tell whether this is a record of TLS, in which a server answers what it cannot read (RFC 8446 5.1)."""
    return _TLS_RECORD.match(data) is not None


def is_complete(data: bytes) -> bool:
    """Tell whether a greeting has come to its end, so that nobody needs to wait for more of it."""
    if data[:4] == b"SSH-" or data[:3] == b"+OK" or data[:4] == b"* OK":
        return b"\n" in data
    if data[:3].isdigit() and data[-1:] == b"\n":
        last = data.splitlines()[-1]
        return last[:3].isdigit() and last[3:4] in (b" ", b"")
    return len(data) > 4 and data[3] == 0 and len(data) == 4 + int.from_bytes(data[:3], "little")


def read_greeting(data: bytes, port: int) -> Reply:
    """Read what a server said first, or answered to what it did not expect.

    Args:
        data: what it sent, not empty.
        port: where; it decides what the words leave open.

    Returns:
        What it said, `service` None where no protocol of ours begins like that.
    """
    if webreply.is_reply(data):
        return webreply.read_reply(data)
    if telnet.is_negotiation(data):
        text = decode(telnet.visible(data))
        return Reply("telnet", (("telnet", text),), text)
    store = stores.read_mysql(data) or stores.read_redis(data) or stores.read_memcached(data)
    if store:
        return store
    return _read_text(decode(data), port)


def _read_text(text: str, port: int) -> Reply:
    ssh = _SSH.match(text)
    if ssh:
        return Reply("ssh", (("ssh", ssh[2].strip()),), ssh[0].strip())
    for start, service in _STARTS.items():
        if text.startswith(start):
            return Reply(service, ((service, text.removeprefix(start).strip()),), text)
    for start, service in _STATUS_LINES.items():
        if text.startswith(start):
            server = _SERVER.search(text)
            return Reply(service, ((service, server[1].strip() if server else ""),), text)
    coded = _of_code(text, port) if _CODE.match(text) else None
    if coded:
        return Reply(coded, ((coded, _CODE.sub("", text)),), text)
    if port in _TELNET_PORTS or _PROMPT.search(text):
        return Reply("telnet", (("telnet", text), ("greeting", text)), text)
    return Reply(None, (("greeting", text),), text)


def _of_code(text: str, port: int) -> str | None:
    """Tell FTP from SMTP, which greet with one code (RFC 959 5.4, RFC 5321 4.3.2)."""
    if _MAIL_WORD.search(text):
        return "smtp"
    if _FTP_WORD.search(text):
        return "ftp"
    if port in _MAIL_PORTS:
        return "smtp"
    return "ftp" if port in _FTP_PORTS else None
