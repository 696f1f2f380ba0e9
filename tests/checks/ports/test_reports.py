"""Reports of others: of secmon, of nmap, and of nobody."""

from __future__ import annotations

import contextlib
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from secmon.checks.ports.probe.reports import read_report
from secmon.core.contract import Unavailable
from secmon.core.model import Reason

PORT = {"kind": "port", "host": "srv", "proto": "tcp", "port": 443, "state": "open", "address": "192.0.2.5"}
LOOK = {"check": "ports", "asset": "srv-01", "target": "srv", "looked": {"port": "complete"}, "facts": [PORT]}
NMAP = """<?xml version="1.0" encoding="UTF-8"?>
<!DOCTYPE nmaprun>
<nmaprun scanner="nmap" args="nmap -oX - 192.0.2.5">
<scaninfo type="syn" protocol="tcp" numservices="4" services="22,80-81,443"/>
<host><status state="up" reason="arp-response"/><address addr="192.0.2.5" addrtype="ipv4"/>
<address addr="02:00:00:00:00:01" addrtype="mac"/>
<ports><extraports state="closed" count="2"/>
<port protocol="tcp" portid="22"><state state="open" reason="syn-ack"/><service name="ssh"/></port>
<port protocol="tcp" portid="443"><state state="filtered" reason="no-response"/></port></ports></host>
<host><status state="down"/><address addr="192.0.2.6" addrtype="ipv4"/></host>
</nmaprun>
"""


def report(*looks: dict) -> bytes:
    return json.dumps({"schema": "secmon.report/1", "observations": list(looks)}).encode()


def test_a_report_of_secmon():
    (look,) = read_report(
        report(LOOK, {**LOOK, "check": "tls"}, {**LOOK, "looked": {"listener": "complete"}})
    )
    assert (look.host, look.asset, look.addresses) == ("srv", "srv-01", {"192.0.2.5"})
    assert look.states == {("tcp", 443): "open"}
    assert {22, 443, 8080} <= look.covered["tcp"]


def test_a_look_that_was_not_complete_covers_nothing_else():
    (look,) = read_report(report({**LOOK, "looked": {"port": "timeout"}}))
    assert look.covered == {}


def test_a_host_on_which_nothing_answered_was_looked_at():
    (look,) = read_report(report({**LOOK, "facts": []}))
    assert (look.asset, look.states) == ("srv-01", {})


def test_a_report_of_nmap():
    (look,) = read_report(NMAP.encode())
    assert (look.host, look.asset, look.addresses) == ("192.0.2.5", "", {"192.0.2.5"})
    assert look.states == {("tcp", 22): "open", ("tcp", 443): "filtered"}
    assert look.covered == {"tcp": {22, 80, 81, 443}}


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"[]",
        b"{}",
        b'{"schema": "secmon.report/2", "observations": []}',
        b"<html></html>",
        b"<nmaprun><host></nmaprun>",
        b'<!DOCTYPE nmaprun [<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;">]><nmaprun>&b;</nmaprun>',
        b"<nmaprun>" + b"<a>" * 5000,
        b"[" * 100_000,
        report({**LOOK, "facts": [{**PORT, "port": "ssh"}]}),
        b"\xff\xfe\x00",
    ],
)
def test_what_cannot_be_read_is_bad_data(data: bytes):
    with pytest.raises(Unavailable) as caught:
        read_report(data)
    assert caught.value.reason is Reason.BAD_DATA


@given(st.binary(max_size=200))
def test_any_bytes_are_read_or_refused(data: bytes):
    with contextlib.suppress(Unavailable):
        read_report(data)
