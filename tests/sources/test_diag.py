"""Socket tables: bytes recorded from a kernel whose sockets are known, and the same sockets in /proc/net."""

from __future__ import annotations

import pathlib
import socket
from io import BytesIO

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from secmon.sources import diag, netlink

# Recorded on Linux 6.18 in a network namespace with these sockets: TCP 0.0.0.0:22, 127.0.0.1:5432, [::]:80 with IPv4
# let in, [::]:443 for IPv6 only, [::ffff:127.0.0.1]:8080; UDP 0.0.0.0:123, [::1]:323; beside them one established
# TCP connection and one connected UDP socket, which must be left out.
RECORDED = pathlib.Path(__file__).parent / "recorded"
NAMES = dict(zip(diag.TABLES, ("tcp", "tcp6", "udp", "udp6"), strict=True))
NETLINK = {table: (RECORDED / f"{name}.netlink.hex").read_text("ascii") for table, name in NAMES.items()}
PROC = {table: (RECORDED / f"{name}.proc.txt").read_bytes() for table, name in NAMES.items()}


def parsed(table: tuple[str, int]) -> list[diag.Socket]:
    part = netlink.parse_dump(bytes.fromhex(NETLINK[table]), 7)
    return [diag.parse_socket(payload, table[0]) for payload in part.payloads]


def handles(proc: dict[tuple[str, int], bytes]) -> diag.Handles:
    return diag.Handles(None, "AF_NETLINK: refused", {table: BytesIO(data) for table, data in proc.items()})


def test_what_the_kernel_says_of_a_socket_is_read():
    first, second = parsed(("tcp", socket.AF_INET))
    assert first == diag.Socket("tcp", 4, "127.0.0.1", 5432, 0, 0, 339253, 1, None)
    assert (second.address, second.port) == ("0.0.0.0", 22)


def test_v6only_is_told_apart():
    told = {(row.port, row.family): row.v6only for row in parsed(("tcp", socket.AF_INET6))}
    assert told == {(8080, 6): False, (80, 6): False, (443, 6): True}


def test_both_sources_give_the_same_sockets():
    listing = diag.listening(handles(PROC))
    assert listing.fallback == "AF_NETLINK: refused"
    assert listing.complete
    told = {(row.proto, row.family, row.address, row.port, row.uid, row.inode) for row in listing.sockets}
    of_netlink = [row for table in diag.TABLES for row in parsed(table)]
    assert told == {(row.proto, row.family, row.address, row.port, row.uid, row.inode) for row in of_netlink}
    assert {(row.cgroup, row.v6only, row.interface) for row in listing.sockets} == {(None, None, None)}


def test_a_host_without_ipv6_is_complete():
    listing = diag.listening(
        handles({table: data for table, data in PROC.items() if table[1] == socket.AF_INET})
    )
    assert listing.complete
    assert {row.family for row in listing.sockets} == {4}


def test_a_table_that_cannot_be_read_is_not_complete():
    listing = diag.listening(handles({table: data for table, data in PROC.items() if table[0] == "udp"}))
    assert not listing.complete
    assert listing.failure == "/proc/net/tcp: there is no such file"
    assert {row.proto for row in listing.sockets} == {"udp"}


@pytest.mark.parametrize(
    "line",
    [
        b"0: 0100007F:1538 00000000:0000 0A",
        b"0: 0100007F:1538 0 ZZ 0 0 0 0 0 1",
        b"0: 0100007:1538 0 0A 0 0 0 0 0 1",
        b"0: 0100007F 0 0A 0 0 0 0 0 1",
        b"0: 0100007F:FFFFF 0 0A 0 0 0 0 0 1",
        b"0: 0100007F0100007F:1538 0 0A 0 0 0 0 0 1",
        b"0: \xff\xff:1538 0 0A 0 0 0 0 0 1",
        b"0: 0100007F:1538 0 0A 0 0 0 root 0 1",
    ],
)
def test_a_line_that_cannot_be_read_makes_the_table_incomplete(line):
    listing = diag.listening(handles({**PROC, ("tcp", socket.AF_INET): b"heading\n" + line + b"\n"}))
    assert not listing.complete
    assert listing.failure.startswith("/proc/net/tcp: ")


@pytest.mark.parametrize("size", [0, 3, 71])
def test_a_truncated_socket_message_is_refused(size):
    with pytest.raises(netlink.NetlinkError):
        diag.parse_socket(bytes(size), "tcp")


def test_a_socket_of_another_family_is_refused():
    with pytest.raises(netlink.NetlinkError, match="family 1"):
        diag.parse_socket(b"\x01" + bytes(71), "tcp")


@settings(deadline=None)
@given(st.sampled_from([2, 10]), st.binary(min_size=71, max_size=140))
def test_arbitrary_socket_messages_raise_nothing_else(family, data):
    try:
        row = diag.parse_socket(bytes([family]) + data, "tcp")
    except netlink.NetlinkError:
        return
    assert 0 <= row.port < 65536


@settings(deadline=None)
@given(st.binary(max_size=200), st.sampled_from(diag.TABLES))
def test_arbitrary_lines_raise_nothing_else(line, table):
    try:
        diag.parse_proc_line(line, *table)
    except ValueError:
        return


SCTP = b" ENDPT     SOCK   STY SST HBKT LPORT   UID INODE LADDRS\n"


@pytest.mark.parametrize(
    ("row", "seen"),
    [
        (b"00000000 00000000 2   10  29   3868   1000 51234 0.0.0.0 \n", [(4, "0.0.0.0")]),
        (
            b"00000000 00000000 2   10  29   3868   1000 51234 10.0.0.5 fd00:0000:0000:0000:0000:0000:0000:0005 \n",
            [(4, "10.0.0.5"), (6, "fd00::5")],
        ),
        (b"00000000 00000000 2   7   29   3868   1000 51234 0.0.0.0 \n", []),
    ],
)
def test_sctp_endpoints_that_listen_are_read(row: bytes, seen: list[tuple[int, str]]):
    table = {**PROC, ("sctp", socket.AF_UNSPEC): SCTP + row}
    listing = diag.listening(handles(table))
    found = [row for row in listing.sockets if row.proto == "sctp"]
    assert [(row.family, row.address) for row in found] == seen
    assert all((row.port, row.uid, row.inode) == (3868, 1000, 51234) for row in found)
    assert listing.complete


@pytest.mark.parametrize(
    "row", [b"0 0 2 10\n", b"0 0 2 10 29 99999 0 1 0.0.0.0\n", b"0 0 2 10 29 1 0 1 here\n"]
)
def test_an_sctp_table_that_cannot_be_read_is_not_complete(row: bytes):
    listing = diag.listening(handles({**PROC, ("sctp", socket.AF_UNSPEC): SCTP + row}))
    assert not listing.complete
    assert listing.failure.startswith("/proc/net/sctp/eps")
