"""The address gate, name validation, and the kernel's list of addresses."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from secmon.core.contract import Unavailable
from secmon.core.model import Reason
from secmon.sources import net, netlink

OWN = ("127.0.0.1", "::1", "192.0.2.2", "fd00::2", "fe80::fc:ff:fe00:1")
GATE = net.Gate(("10.0.0.0/8", "2001:db8::/32", "203.0.113.7/32"), OWN)

# Recorded from Linux 6.18 in a fresh network namespace: 127.0.0.1/8 and ::1/128 on lo.
ADDRESSES = bytes.fromhex(
    "4c0000001400020007000000c1580000020880fe01000000080001007f000001080002007f000001070003006c6f00000800080080000000"
    "14000600fffffffffffffffff2180400f2180400500000001400020007000000c15800000a8080fe0100000014000100000000000000000000"
    "0000000000000114000600fffffffffffffffff2180400f2180400080008008000000005000b0001000000"
)


def refusal(address: str, *, named: bool = False) -> str:
    with pytest.raises(Unavailable) as caught:
        GATE.check(address, named=named)
    assert caught.value.reason is Reason.NOT_ALLOWED
    return caught.value.detail


@pytest.mark.parametrize(
    "address",
    ["127.0.0.1", "127.9.9.9", "::1", "192.0.2.2", "fd00::2", "10.1.2.3", "2001:db8::5", "203.0.113.7",
     "::ffff:10.1.2.3", "::ffff:127.0.0.1", "fd00::2%eth0"],
)  # fmt: skip
def test_own_addresses_and_allowed_networks_pass(address):
    GATE.check(address)


@pytest.mark.parametrize(
    "address", ["8.8.8.8", "192.0.2.3", "11.0.0.1", "2001:db9::1", "::ffff:8.8.8.8", "fd00::3"]
)
def test_other_addresses_pass_only_where_the_person_names_them(address):
    assert "allowed_networks" in refusal(address)
    GATE.check(address, named=True)


def test_that_an_address_was_named_once_does_not_let_it_pass_unnamed():
    gate = net.Gate(["10.0.0.0/8"], [])
    gate.check("192.0.2.1", named=True)
    gate.check("192.0.2.1", named=True)
    with pytest.raises(Unavailable):
        gate.check("192.0.2.1")


@pytest.mark.parametrize(
    ("address", "word"),
    [
        ("169.254.169.254", "metadata"),
        ("fd00:ec2::254", "metadata"),
        ("100.100.100.200", "metadata"),
        ("168.63.129.16", "metadata"),
        ("169.254.3.4", "link-local"),
        ("fe80::1", "link-local"),
        ("fe80::1%eth0", "link-local"),
        ("fe80::fc:ff:fe00:1", "link-local"),
        ("224.0.0.1", "multicast"),
        ("239.1.2.3", "multicast"),
        ("ff02::1%eth0", "multicast"),
        ("255.255.255.255", "broadcast"),
        ("10.255.255.255", "broadcast"),
        ("0.0.0.0", "unspecified"),
        ("0.1.2.3", "unspecified"),
        ("::", "unspecified"),
        ("::ffff:169.254.169.254", "metadata"),
        ("::ffff:224.0.0.1", "multicast"),
        ("64:ff9b::a9fe:a9fe", "metadata"),
        ("2002:a9fe:a9fe::1", "metadata"),
    ],
)
def test_some_addresses_are_refused_to_everybody(address, word):
    assert word in refusal(address, named=True)


@pytest.mark.parametrize(
    "text", ["", "localhost", "10.0.0", "10.0.0.1\n", "\x1b[31m", "010.0.0.1", "10.0.0.1:80"]
)
def test_what_is_no_address_is_refused_and_told_without_control_characters(text):
    assert refusal(text, named=True).isprintable()


@settings(deadline=None)
@given(st.text(max_size=40))
def test_the_gate_raises_nothing_but_its_refusal(text):
    try:
        GATE.check(text)
    except Unavailable as error:
        assert error.reason is Reason.NOT_ALLOWED


@pytest.mark.parametrize(
    ("host", "addresses"),
    [
        ("192.0.2.1", ("192.0.2.1",)),
        ("2001:DB8::1", ("2001:db8::1",)),
        ("::ffff:192.0.2.1", ("192.0.2.1",)),
        ("fe80::1%eth0", ("fe80::1%eth0",)),
    ],
)
def test_addresses_pass_through_without_a_look_up(host, addresses):
    assert net.resolve(host) == addresses


@pytest.mark.parametrize(
    "host",
    [
        "",
        "a b",
        "a\x1b[2Jb",
        "a\u202eb",
        "a\nb",
        "a" * 64 + ".vn",
        "a..b",
        ".",
        "a." * 127 + "ab",
        "ế" * 60,
        "x" * 5000,
    ],
)
def test_a_malformed_name_is_refused_before_any_look_up(host):
    with pytest.raises(Unavailable) as caught:
        net.resolve(host)
    assert caught.value.reason is Reason.DNS_FAILURE
    assert caught.value.detail.isprintable()
    assert len(caught.value.detail) < 1500


def test_the_kernels_addresses_are_read():
    part = netlink.parse_dump(ADDRESSES, 7)
    assert [net.parse_interface_address(payload) for payload in part.payloads] == [
        (1, "127.0.0.1", 8),
        (1, "::1", 128),
    ]


def test_an_address_of_another_family_is_skipped():
    assert net.parse_interface_address(bytes([29, 0, 0, 0, 1, 0, 0, 0])) is None


def test_on_a_point_to_point_link_the_own_address_is_taken_not_the_peers():
    head = bytes([2, 32, 0, 0, 5, 0, 0, 0])
    peer, local = bytes([8, 0, 1, 0, 10, 0, 0, 9]), bytes([8, 0, 2, 0, 10, 0, 0, 1])
    assert net.parse_interface_address(head + peer + local) == (5, "10.0.0.1", 32)


@settings(deadline=None)
@given(st.binary(max_size=120))
def test_arbitrary_address_messages_raise_nothing_else(data):
    try:
        net.parse_interface_address(data)
    except netlink.NetlinkError:
        return
