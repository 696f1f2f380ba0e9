"""Rules of destination NAT: any bytes are read or refused, and messages built as the kernel builds them."""

from __future__ import annotations

import contextlib
import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from secmon.sources import nat, netlink


def attribute(kind: int, value: bytes) -> bytes:
    return struct.pack("=HH", 4 + len(value), kind) + value + b"\0" * (-len(value) % 4)


def number(kind: int, value: int) -> bytes:
    return attribute(kind, value.to_bytes(4, "big"))


def expression(name: str, *data: bytes) -> bytes:
    body = attribute(1, name.encode() + b"\0") + attribute(2, b"".join(data))
    return attribute(1, body)


def rule(*expressions: bytes, chain: str = "PREROUTING", family: int = 2) -> bytes:
    head = struct.pack("=BBH", family, 0, 0)
    return head + attribute(2, chain.encode() + b"\0") + attribute(4, b"".join(expressions))


PROTO = (
    expression("meta", number(2, 16), number(1, 1)),
    expression("cmp", number(1, 1), number(2, 0), attribute(3, attribute(1, b"\6"))),
)
DPORT = expression("payload", number(1, 1), number(2, 2), number(3, 2), number(4, 2))


def port(value: int, operator: int = 0) -> bytes:
    return expression(
        "cmp", number(1, 1), number(2, operator), attribute(3, attribute(1, value.to_bytes(2, "big")))
    )


def hand(address: bytes, to_port: int | None = None) -> tuple[bytes, ...]:
    loads = [expression("immediate", number(1, 1), attribute(2, attribute(1, address)))]
    registers = [number(1, 1), number(2, 2), number(3, 1)]
    if to_port is not None:
        loads.append(
            expression("immediate", number(1, 2), attribute(2, attribute(1, to_port.to_bytes(2, "big"))))
        )
        registers.append(number(5, 2))
    return (*loads, expression("nat", *registers))


TO = bytes([172, 17, 0, 2])


def test_a_rule_of_the_usual_form():
    assert nat.parse_rule(rule(*PROTO, DPORT, port(8080), *hand(TO, 80))) == nat.Forward(
        "tcp", "", 8080, "172.17.0.2", 80
    )


def test_a_port_that_is_excluded_is_not_the_port():
    assert nat.parse_rule(rule(*PROTO, DPORT, port(22, operator=1), *hand(TO))).port is None


def test_a_rule_for_what_this_host_sends_hands_nothing_on():
    assert nat.parse_rule(rule(*PROTO, DPORT, port(8080), *hand(TO, 80), chain="OUTPUT")) is None


def test_source_nat_hands_nothing_on():
    load = expression("immediate", number(1, 1), attribute(2, attribute(1, TO)))
    assert nat.parse_rule(rule(load, expression("nat", number(1, 0), number(2, 2), number(3, 1)))) is None


@pytest.mark.parametrize("revision", [0, 1, 2])
def test_the_target_of_xtables_in_each_revision(revision: int):
    if revision == 0:
        info = struct.pack("=II4s4s2s2s", 1, 3, TO, TO, b"\0P", b"\0P")
    else:
        info = struct.pack("=I16s16s2s2s4x", 3, TO.ljust(16, b"\0"), TO.ljust(16, b"\0"), b"\0P", b"\0P")
    match = expression(
        "match",
        attribute(1, b"tcp\0"),
        number(2, 0),
        attribute(3, struct.pack("=HHHHBBBB", 0, 65535, 8080, 8080, 0, 0, 0, 0)),
    )
    target = expression("target", attribute(1, b"DNAT\0"), number(2, revision), attribute(3, info))
    assert nat.parse_rule(rule(match, target)) == nat.Forward("tcp", "", 8080, "172.17.0.2", 80)


@given(st.binary(max_size=300))
def test_any_bytes_are_read_or_refused(data: bytes):
    with contextlib.suppress(netlink.NetlinkError):
        nat.parse_rule(data)


@given(
    st.sampled_from(["meta", "payload", "cmp", "range", "immediate", "nat", "match", "target", "x"]),
    st.binary(max_size=80),
)
def test_any_expression_is_read_or_refused(name: str, data: bytes):
    with contextlib.suppress(netlink.NetlinkError):
        nat.parse_rule(rule(expression(name, data), *hand(TO)))
