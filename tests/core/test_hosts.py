from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from secmon.core.hosts import Own, asset_id_of, join_port, parse_host, parse_port, same_host

OWN = Own("web-01", frozenset({"127.0.0.1", "192.0.2.7", "2001:db8::7"}))


@pytest.mark.parametrize(
    "host",
    ["127.0.0.1", "127.9.9.9", "::1", "192.0.2.7", "2001:db8:0::7", "localhost", "LOCALHOST.", "Web-01"],
)
def test_own_hosts(host):
    assert OWN.has(host)


@pytest.mark.parametrize("host", ["192.0.2.8", "web-02", "web-01.gov.vn", ""])
def test_other_hosts(host):
    assert not OWN.has(host)


def test_a_host_without_a_name_is_not_every_host_without_one():
    assert not Own().has("")
    assert not same_host("", "")


@pytest.mark.parametrize(
    ("text", "host"),
    [
        ("192.0.2.1", "192.0.2.1"),
        ("2001:DB8:0:0::1", "2001:db8::1"),
        ("fe80::1%eth0", "fe80::1%eth0"),
        ("db.so-khcn.gov.vn", "db.so-khcn.gov.vn"),
        ("_sip._tcp.example", "_sip._tcp.example"),
        ("my_host", "my_host"),
        ("host.", "host."),
        ("tỉnh.vn", "tỉnh.vn"),
        ("1.example", "1.example"),
    ],
)
def test_hosts(text, host):
    assert parse_host(text) == host


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "an address or a host name"),
        ("-a", "an address or a host name"),
        ("a b", "an address or a host name"),
        ("a..b", "an address or a host name"),
        ("a" * 64, "an address or a host name"),
        ("a." * 127 + "a", "an address or a host name"),
        ("192.0.2.256", "no IPv4 address"),
        ("192.0.2", "no IPv4 address"),
        ("2001:db8::g", "no IPv6 address"),
        ("user:secret@host", "no user"),
        ("https://host", "no user"),
        ("host/path", "no user"),
        ("host\n", "an address or a host name"),
        ("ho$t", "an address or a host name"),
    ],
)
def test_what_is_no_host(text, words):
    with pytest.raises(ValueError, match=words) as caught:
        parse_host(text)
    assert "secret" not in str(caught.value)


@pytest.mark.parametrize("text", ["0", "65536", "-1", "1e3", "", "８０", "000080", " 80"])
def test_what_is_no_port(text):
    with pytest.raises(ValueError, match="1 to 65535"):
        parse_port(text)


def test_ports_and_their_text():
    assert [parse_port(text) for text in ("1", "443", "65535")] == [1, 443, 65535]
    assert join_port("::1", 443) == "[::1]:443"
    assert join_port("a", 1) == "a:1"


def test_ids_are_ascii():
    assert asset_id_of("host.vn") == "host.vn"
    assert asset_id_of("tỉnh.vn") == "xn--tnh-dlz.vn"
    assert asset_id_of("_my_host") == "_my_host"
    with pytest.raises(ValueError, match="no host name"):
        asset_id_of("ỉ" * 80)


@given(st.text(max_size=80))
def test_any_text_is_a_host_or_not(text):
    try:
        host = parse_host(text)
    except ValueError:
        return
    assert parse_host(host) == host
    assert "\n" not in host
