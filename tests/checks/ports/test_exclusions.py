"""What nobody may touch: addresses, networks, and ports of them or of every host."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from secmon.checks.ports import exclusions


def forbidden(entry: str, address: str, *wanted: int) -> set[int]:
    return set(exclusions.ports(exclusions.parse([entry]), address, wanted))


@pytest.mark.parametrize(
    ("entry", "inside", "outside"),
    [
        ("192.0.2.7", "192.0.2.7", "192.0.2.8"),
        ("192.0.2.0/24", "192.0.2.255", "192.0.3.0"),
        ("192.0.2.7/24", "192.0.2.1", "192.0.3.7"),
        ("2001:db8::/64", "2001:db8::1", "2001:db8:0:1::1"),
        ("fe80::/10", "fe80::1%eth0", "fec0::1"),
        (" 192.0.2.7 ", "192.0.2.7", "2001:db8::7"),
    ],
)
def test_an_address_or_a_network_is_forbidden_whole(entry, inside, outside):
    entries = exclusions.parse([entry])
    assert exclusions.whole(entries, inside).text == entry.strip()
    assert exclusions.whole(entries, outside) is None
    assert not exclusions.ports(entries, inside, range(1, 100)), "nothing of it is asked at all"


@pytest.mark.parametrize(
    ("entry", "address", "ports"),
    [
        ("192.0.2.7:9100-9102", "192.0.2.7", {9100, 9101, 9102}),
        ("192.0.2.7:9100", "192.0.2.8", set()),
        ("192.0.2.0/24:9101", "192.0.2.9", {9101}),
        ("[2001:db8::7]:9100", "2001:db8::7", {9100}),
        ("[2001:db8::/64]:80", "2001:db8::9", {80}),
        ("9100-9101", "192.0.2.1", {9100, 9101}),
        ("9102", "2001:db8::1", {9102}),
        ("161", "192.0.2.1", set()),
    ],
)
def test_ports_of_some_or_of_every_host_are_forbidden(entry, address, ports):
    assert forbidden(entry, address, 80, 9100, 9101, 9102) == ports
    assert exclusions.whole(exclusions.parse([entry]), address) is None


def test_several_entries_add_up():
    entries = exclusions.parse(["80", "192.0.2.7:443", "192.0.2.9"])
    assert exclusions.ports(entries, "192.0.2.7", (80, 443, 22)) == {80, 443}
    assert exclusions.whole(entries, "192.0.2.9").ports is None


@pytest.mark.parametrize(
    "entry", ["", "printer", "printer:9100", "192.0.2.7:", "192.0.2.7:0", "65536", "9-1", "[::1"]
)
def test_anything_else_is_refused_by_name(entry):
    with pytest.raises(ValueError, match="is no address, network or port") as caught:
        exclusions.parse(["192.0.2.1", entry])
    assert repr(entry) in str(caught.value)


@given(st.text(max_size=40))
def test_no_text_raises_anything_else(text):
    try:
        (entry,) = exclusions.parse([text])
    except ValueError as error:
        assert "\x1b" not in str(error)
    else:
        assert entry.ports or entry.network
