"""Scope, class and ephemeral ports."""

from __future__ import annotations

import pytest

from secmon.checks.ports.exposure import class_of, is_ephemeral, read_address, scope_of


@pytest.mark.parametrize(
    ("address", "bound", "owner", "scope"),
    [
        ("127.0.0.1", "", "lo", "loopback"),
        ("127.9.9.9", "", "", "loopback"),
        ("::1", "", "lo", "loopback"),
        ("::ffff:127.0.0.1", "", "", "loopback"),
        ("0.0.0.0", "lo", "", "loopback"),
        ("0.0.0.0", "", "", "exposed"),
        ("::", "", "", "exposed"),
        ("10.0.0.5", "", "eth0", "exposed"),
        ("192.168.1.5", "", "br-lan", "exposed"),
        ("172.17.0.1", "", "docker0", "container"),
        ("172.18.0.1", "", "br-0123456789ab", "container"),
        ("192.168.122.1", "", "virbr0", "container"),
        ("0.0.0.0", "virbr0", "", "container"),
        ("0.0.0.0", "eth0", "", "exposed"),
        ("169.254.3.4", "", "eth0", "link"),
        ("fe80::1", "", "eth0", "link"),
        ("fe80::1", "", "veth1a2b", "container"),
        ("224.0.0.251", "", "", "link"),
        ("ff02::fb", "", "", "link"),
        ("239.1.2.3", "", "", "exposed"),
        ("203.0.113.9", "", "", "exposed"),
    ],
)
def test_scope(address, bound, owner, scope):
    assert scope_of(read_address(address), bound, owner) == scope


@pytest.mark.parametrize(
    ("address", "kind"),
    [
        ("0.0.0.0", "wildcard"),
        ("::", "wildcard"),
        ("10.1.1.1", "private"),
        ("172.31.0.1", "private"),
        ("172.32.0.1", "public"),
        ("192.168.0.1", "private"),
        ("100.64.0.1", "cgnat"),
        ("fd00::1", "ula"),
        ("2001:db8::1", "public"),
        ("8.8.8.8", "public"),
        ("127.0.0.1", None),
        ("fe80::1", None),
        ("ff02::1", None),
    ],
)
def test_address_class(address, kind):
    assert class_of(read_address(address)) == kind


@pytest.mark.parametrize(
    ("proto", "port", "ephemeral"),
    [
        ("udp", 32768, True),
        ("udp", 60999, True),
        ("udp", 61000, False),
        ("udp", 32767, False),
        ("tcp", 40000, False),
    ],
)
def test_only_a_udp_port_in_the_local_range_is_ephemeral(proto, port, ephemeral):
    assert is_ephemeral(proto, port, (32768, 60999)) is ephemeral
