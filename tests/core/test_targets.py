from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from secmon.core.hosts import Own
from secmon.core.model import Asset, Form, Platform, Role, Vantage
from secmon.core.plan import Invocation
from secmon.core.settings import read_settings
from secmon.core.targets import choose, parse_target
from tests.support.rulebook import REGISTRY, read, told

OWN = Own("own", frozenset({"127.0.0.1", "192.0.2.7"}))
WATCHES = "watches: [{id: sw-1, address: 192.0.2.1, platform: network}, {id: db-1, address: db.vn}]\n"


@pytest.mark.parametrize(
    ("text", "form", "options"),
    [
        ("192.0.2.1", Form.HOST, {"host": "192.0.2.1"}),
        ("db.vn", Form.HOST, {"host": "db.vn"}),
        ("_my_host", Form.HOST, {"host": "_my_host"}),
        ("2001:db8::1", Form.HOST, {"host": "2001:db8::1"}),
        ("[2001:db8::1]", Form.HOST, {"host": "2001:db8::1"}),
        ("[2001:db8:0::1]:443", Form.ENDPOINT, {"host": "2001:db8::1", "port": 443}),
        ("db.vn:443", Form.ENDPOINT, {"host": "db.vn", "port": 443}),
        ("db.vn:25,smtp", Form.ENDPOINT, {"host": "db.vn", "port": 25, "starttls": "smtp"}),
        ("[::1]:25,smtp", Form.ENDPOINT, {"host": "::1", "port": 25, "starttls": "smtp"}),
        ("192.0.2.0/24", Form.NETWORK, {"network": "192.0.2.0/24"}),
        ("2001:db8::/112", Form.NETWORK, {"network": "2001:db8::/112"}),
        ("file:/etc/a,b:c", Form.FILE, {"path": "/etc/a,b:c"}),
        ("file:relative", Form.FILE, {"path": "relative"}),
    ],
)
def test_targets_as_typed(text, form, options):
    typed = parse_target(text)
    assert (typed.form, typed.text, typed.options) == (form, text, options)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "an address or a host name"),
        ("file:", "file: and a path"),
        ("db.vn:", "1 to 65535"),
        ("db.vn:70000", "1 to 65535"),
        ("db.vn:https", "1 to 65535"),
        ("db.vn:25,", "STARTTLS protocol such as"),
        ("db.vn:25,SMTP", "STARTTLS protocol such as"),
        ("db.vn,smtp", "follows a port"),
        ("[::1", "IPv6 address"),
        ("[::1]443", "IPv6 address"),
        ("[db.vn]:443", "IPv6 address"),
        ("[192.0.2.1]:443", "IPv6 address"),
        ("2001:db8::1:70000", "no IPv6 address"),
        ("192.0.2.1/24", "no bits beyond"),
        ("192.0.2.0/33", "no bits beyond"),
        ("10.0.0.0/15", "at most 65536"),
        ("2001:db8::/64", "at most 65536"),
        ("https://db.vn", "no scheme"),
        ("root:secret@db.vn:22", "no user"),
    ],
)
def test_what_is_no_target(text, words):
    with pytest.raises(ValueError, match=words):
        parse_target(text)


@given(st.text(max_size=40) | st.text("[]:/.,0a", max_size=20))
def test_any_text_is_a_target_or_not(text):
    try:
        typed = parse_target(text)
    except ValueError:
        return
    assert typed.text == text


def chosen(invocation=None, text=WATCHES, **more):
    configuration, faults = read_settings(read(text), "f", REGISTRY, OWN)
    assert told(faults) == []
    return choose(configuration, replace(invocation or Invocation("scan"), **more), REGISTRY, OWN)


def targets(result):
    assert told(result.faults) == []
    return [(item.check, item.asset, item.text, item.vantage.value) for item in result.targets]


def test_each_check_looks_at_this_host_and_ports_at_what_is_watched():
    result = chosen()
    assert targets(result) == [
        ("ports", "own", "local", "inside"),
        ("ports", "sw-1", "192.0.2.1", "outside"),
        ("ports", "db-1", "db.vn", "outside"),
        ("tls", "own", "local", "inside"),
        ("traffic", "own", "local", "inside"),
        ("patches", "own", "local", "inside"),
    ]
    assert [asset.id for asset in result.assets] == ["own", "sw-1", "db-1"]
    assert result.enabled == dict.fromkeys(REGISTRY.checks, True)
    assert result.targets[1].options == {"host": "192.0.2.1", "platform": "network"}


def test_configured_targets_replace_the_default_of_their_asset_only():
    text = (
        WATCHES
        + "checks: {tls: {targets: [{asset: sw-1, port: 443}]}, ports: {targets: [{asset: sw-1, port: 22}]}}"
    )
    result = chosen(text=text, checks=("tls", "ports"))
    assert targets(result) == [
        ("ports", "own", "local", "inside"),
        ("ports", "sw-1", "192.0.2.1:22", "outside"),
        ("ports", "db-1", "db.vn", "outside"),
        ("tls", "own", "local", "inside"),
        ("tls", "sw-1", "192.0.2.1:443", "outside"),
    ]
    own = WATCHES + "checks: {tls: {targets: [{path: /etc/ssl}]}}"
    assert targets(chosen(text=own, checks=("tls",))) == [("tls", "own", "file:/etc/ssl", "inside")]


def test_a_disabled_check_has_no_targets_and_is_still_there():
    text = "checks: {tls: {enabled: false}}"
    result = chosen(text=text)
    assert result.enabled["tls"] is False
    assert "tls" not in [item.check for item in result.targets]
    named = chosen(text=text, checks=("tls",))
    assert named.enabled == {"tls": True}, "a check that is named runs"
    assert [item.check for item in named.targets] == ["tls"]


def test_checks_that_are_not_named_are_left_out():
    result = chosen(checks=("patches",))
    assert list(result.enabled) == ["patches"]
    assert list(result.settings) == ["patches"]


@pytest.mark.parametrize(
    ("more", "expected"),
    [
        ({"targets": ("203.0.113.5",)}, [("ports", "203.0.113.5", "203.0.113.5", "outside")]),
        (
            {"targets": ("203.0.113.5:443",)},
            [
                ("ports", "203.0.113.5", "203.0.113.5:443", "outside"),
                ("tls", "203.0.113.5", "203.0.113.5:443", "outside"),
            ],
        ),
        (
            {"targets": ("203.0.113.5:443",), "checks": ("tls",)},
            [("tls", "203.0.113.5", "203.0.113.5:443", "outside")],
        ),
        ({"targets": ("192.0.2.1:443",), "checks": ("tls",)}, [("tls", "sw-1", "192.0.2.1:443", "outside")]),
        ({"targets": ("DB.vn.:443",), "checks": ("tls",)}, [("tls", "db-1", "DB.vn.:443", "outside")]),
        ({"targets": ("192.0.2.7:443",), "checks": ("tls",)}, [("tls", "own", "192.0.2.7:443", "inside")]),
        ({"targets": ("localhost",)}, [("ports", "own", "localhost", "outside")]),
        ({"targets": ("file:/c.pem",)}, [("tls", "own", "file:/c.pem", "inside")]),
        ({"targets": ("198.51.100.0/28",)}, [("ports", "198.51.100.0/28", "198.51.100.0/28", "outside")]),
        ({"pcap": "/tmp/x/a.pcap"}, [("traffic", "own", "pcap:a.pcap", "inside")]),
        ({"interface": "eth0", "duration": 5.0}, [("traffic", "own", "if:eth0", "inside")]),
        ({"root": "/mnt"}, [("patches", "own", "root:/mnt", "inside")]),
        (
            {"root": "/mnt", "pcap": "a.pcap"},
            [("traffic", "own", "pcap:a.pcap", "inside"), ("patches", "own", "root:/mnt", "inside")],
        ),
    ],
)
def test_the_command_line_replaces_what_is_configured(more, expected):
    result = chosen(**more)
    assert targets(result) == expected
    assert all(item.options["named"] for item in result.targets)
    assert {asset.id for asset in result.assets} == {entry[1] for entry in expected}
    assert list(result.enabled) == list(dict.fromkeys(entry[0] for entry in expected))


def test_a_new_asset_is_named_after_its_host():
    (asset,) = chosen(targets=("tỉnh.vn:443",), checks=("tls",)).assets
    assert asset == Asset("xn--tnh-dlz.vn", platform=Platform.OTHER, vantages=(Vantage.OUTSIDE,))


def test_an_own_host_that_is_scanned_is_seen_from_both_sides():
    result = chosen(targets=("127.0.0.1", "127.0.0.1:443"))
    (asset,) = result.assets
    assert asset.vantages == (Vantage.INSIDE, Vantage.OUTSIDE)
    assert [(item.check, item.vantage.value) for item in result.targets] == [
        ("ports", "outside"),
        ("ports", "outside"),
        ("tls", "inside"),
    ]


def test_level_and_role_of_the_command_line():
    (asset,) = chosen(targets=("203.0.113.5",), level=4, role="appliance").assets
    assert (asset.level, asset.roles) == (4, (Role.APPLIANCE,))
    assert told(chosen(role="sever").faults) == [
        "command line: --role: sever is no role; did you mean server?"
    ]


def test_options_go_over_the_settings_that_a_check_declares():
    text = "checks: {ports: {ports: all, rate: 5}, tls: {trust: [/a]}, traffic: {duration: 1m}}"
    before = chosen(text=text).settings
    assert (before["ports"], before["tls"]["trust"]) == ({"ports": "all", "rate": 5}, ["/a"])
    after = chosen(text=text, ports="1-9", rate=7, trust=("/b",), duration=3.0, interface="eth0").settings
    assert after == {"traffic": {"duration": 3.0, "interface": "eth0"}}
    assert chosen(text=text, ports="1-9", rate=7, trust=("/b",)).settings["ports"] == {
        "ports": "1-9",
        "rate": 7,
    }
    assert chosen(text=text, trust=("/b",)).settings["tls"]["trust"] == ["/b"]


@pytest.mark.parametrize(
    ("more", "expected"),
    [
        ({"targets": ("db.vn:0",)}, ["--target: db.vn:0 is no target; a port is a number from 1 to 65535"]),
        (
            {"targets": ("root:secret@h",)},
            ["--target: a target with @ is no target; write a host alone: no user, no scheme, no path"],
        ),
        ({"checks": ("prots",)}, ["prots: there is no such check; did you mean ports?"]),
        (
            {"checks": ("traffic",), "targets": ("db.vn",)},
            [
                "traffic: the check traffic cannot look at what is given; it looks at: interface, local, pcap",
            ],
        ),
        (
            {"checks": ("ports",), "targets": ("db.vn", "file:/a")},
            ["file:/a: ports cannot look at it; it is for tls"],
        ),
        ({"rate": 2000}, ["--rate: 2000 is out of range; 0 to 1000"]),
        ({"interface": "lo", "duration": 0.5}, ["--duration: 0.5 is out of range; 1 to 3600"]),
    ],
)
def test_a_wrong_command_line_says_what_would_be_right(more, expected):
    assert told(chosen(**more).faults) == [f"command line: {line}" for line in expected]
