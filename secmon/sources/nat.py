"""Read which ports the kernel hands on to other addresses: destination NAT rules of nftables, nft(8).

Rules of iptables-nft stand in the same tables, partly in the form of xtables. Those of the old ip_tables
module do not; `has_legacy` tells of them. Asking needs CAP_NET_ADMIN, reading the answer does not.
"""

from __future__ import annotations

import contextlib
import socket
import struct
from dataclasses import dataclass, field
from ipaddress import ip_address
from typing import TYPE_CHECKING, Final

from secmon.sources import netlink

if TYPE_CHECKING:
    from collections.abc import Callable

_NETLINK_NETFILTER: Final = 12
_GETRULE: Final = (10 << 8) | 7  # NFNL_SUBSYS_NFTABLES, NFT_MSG_GETRULE
_FAMILY: Final = struct.Struct("=BxH")  # struct nfgenmsg: family, version, resource
_LEGACY: Final = ("/proc/net/ip_tables_names", "/proc/net/ip6_tables_names")

# Numbers of attributes, registers and keys from linux/netfilter/nf_tables.h.
_RULE_CHAIN, _RULE_EXPRESSIONS = 2, 4
_EXPRESSION_NAME, _EXPRESSION_DATA = 1, 2
_META_L4PROTO: Final = 16
_BASE_NETWORK, _BASE_TRANSPORT = 1, 2
_EQUAL, _AT_LEAST = 0, 5
_DNAT: Final = 1
_VALUE: Final = 1

_PROTOCOLS: Final = {socket.IPPROTO_TCP: "tcp", socket.IPPROTO_UDP: "udp", 132: "sctp"}
_DESTINATIONS: Final = {(16, 4), (24, 16)}  # offset and length in the IPv4 and the IPv6 header
_PORT: Final = (2, 2)  # of the destination in the headers of TCP, UDP and SCTP
_LOCAL_CHAIN: Final = "OUTPUT"  # of iptables: for what this host itself sends
_XT_PORTS: Final = struct.Struct("=HHHH")  # struct xt_tcp and xt_udp: source ports, destination ports
_RANGES_IPV4: Final = struct.Struct("=II4s4s2s2s")  # struct nf_nat_ipv4_multi_range_compat
_RANGE: Final = struct.Struct("=I16s16s2s2s")  # struct nf_nat_range, nf_nat_range2
_PROTO_SPECIFIED: Final = 2


@dataclass(frozen=True, slots=True)
class Forward:
    """One rule that hands what comes for a port to another address.

    Attributes:
        proto: `tcp`, `udp`, `sctp`; "" for any, or where it was not understood.
        address: destination that it is for, "" for any.
        port: first destination port that it is for, None for any, or where it was not understood.
        to_address: where it goes, "" where that was not understood.
        to_port: port there, None for the same.
    """

    proto: str
    address: str
    port: int | None
    to_address: str
    to_port: int | None


@dataclass(frozen=True, slots=True)
class Question:
    """A dump of the rules that the kernel was asked for.

    Attributes:
        sock: where the answer comes.
        sequence: number of the question.
    """

    sock: socket.socket
    sequence: int


def ask() -> Question:
    """Ask for every rule of every family; needs CAP_NET_ADMIN.

    Raises:
        OSError: the kernel has no nftables, or refuses.
    """
    sock = netlink.connect(_NETLINK_NETFILTER)
    try:
        return Question(sock, netlink.begin_dump(sock, _GETRULE, _FAMILY.pack(socket.AF_UNSPEC, 0)))
    except OSError:
        sock.close()
        raise


def answer(question: Question) -> tuple[tuple[Forward, ...], bool]:
    """Read the answer.

    Args:
        question: from `ask`.

    Returns:
        What is handed on, and whether the rules stayed the same meanwhile.

    Raises:
        NetlinkError: the kernel refuses (its errno says why), or its answer cannot be read.
        OSError: the socket fails.
    """
    dump = netlink.end_dump(question.sock, question.sequence)
    return tuple(filter(None, map(parse_rule, dump.payloads))), dump.complete


def has_legacy() -> bool:
    """Tell whether the old ip_tables module has a table of NAT rules, which cannot be read here."""
    for path in _LEGACY:
        with contextlib.suppress(OSError), open(path, "rb") as file:  # noqa: PTH123  # proc
            if b"nat" in file.read(4096).split():
                return True
    return False


@dataclass(slots=True)
class _Rule:
    """A rule while its expressions are read in order."""

    family: int
    loaded: dict[int, object] = field(default_factory=dict)  # register -> what was loaded into it
    proto: str = ""
    address: str = ""
    port: int | None = None
    forward: Forward | None = None

    def meta(self, data: dict[int, bytes]) -> None:
        """Take what loads a property of the packet."""
        self.loaded[_number(data, 1)] = "l4proto" if _number(data, 2) == _META_L4PROTO else None

    def payload(self, data: dict[int, bytes]) -> None:
        """Take what loads a part of a header."""
        place = (_number(data, 3), _number(data, 4))
        base = _number(data, 2)
        what = None
        if base == _BASE_NETWORK and place in _DESTINATIONS:
            what = "address"
        elif base == _BASE_TRANSPORT and place == _PORT:
            what = "port"
        self.loaded[_number(data, 1)] = what

    def cmp(self, data: dict[int, bytes]) -> None:
        """Take a comparison, or a range, whose first value stands in the same place."""
        what, value = self.loaded.get(_number(data, 1)), _nested(data.get(3, b""))
        if _number(data, 2) == _AT_LEAST and what != "port":
            return
        if _number(data, 2) not in (_EQUAL, _AT_LEAST):
            return
        if what == "l4proto" and value:
            self.proto = _PROTOCOLS.get(value[0], "")
        elif what == "address" and len(value) in (4, 16):
            self.address = str(ip_address(value))
        elif what == "port" and len(value) == 2:
            self.port = int.from_bytes(value, "big")

    def immediate(self, data: dict[int, bytes]) -> None:
        """Take what loads a constant."""
        self.loaded[_number(data, 1)] = _nested(data.get(2, b""))

    def nat(self, data: dict[int, bytes]) -> None:
        """Take a translation of addresses."""
        if _number(data, 1) == _DNAT:
            self._hand(self.loaded.get(_number(data, 3)), self.loaded.get(_number(data, 5)))

    def match(self, data: dict[int, bytes]) -> None:
        """Take a match of xtables: the ports of its `tcp` and `udp`."""
        name, info = _text(data.get(1, b"")), data.get(3, b"")
        if name in _PROTOCOLS.values() and len(info) >= _XT_PORTS.size:
            _, _, first, last = _XT_PORTS.unpack_from(info)
            self.proto = name
            if (first, last) != (0, 0xFFFF):
                self.port = first

    def target(self, data: dict[int, bytes]) -> None:
        """Take the target DNAT of xtables."""
        info = data.get(3, b"")
        if _text(data.get(1, b"")) != "DNAT":
            return
        if _number(data, 2) == 0 and len(info) >= _RANGES_IPV4.size:
            _, flags, address, _, port, _ = _RANGES_IPV4.unpack_from(info)
        elif len(info) >= _RANGE.size:
            flags, address, _, port, _ = _RANGE.unpack_from(info)
            address = address[:4] if self.family == socket.AF_INET else address
        else:
            return
        self._hand(address, port if flags & _PROTO_SPECIFIED else None)

    def _hand(self, address: object, port: object) -> None:
        to_address = (
            str(ip_address(address)) if isinstance(address, bytes) and len(address) in (4, 16) else ""
        )
        to_port = int.from_bytes(port[:2], "big") if isinstance(port, bytes) else None
        self.forward = Forward(self.proto, self.address, self.port, to_address, to_port)


_READERS: Final[dict[str, Callable[[_Rule, dict[int, bytes]], None]]] = {
    "meta": _Rule.meta,
    "payload": _Rule.payload,
    "cmp": _Rule.cmp,
    "range": _Rule.cmp,
    "immediate": _Rule.immediate,
    "nat": _Rule.nat,
    "match": _Rule.match,
    "target": _Rule.target,
}
"""What other expressions say only narrows a rule."""


def parse_rule(payload: bytes) -> Forward | None:
    """Read one NFT_MSG_NEWRULE message.

    Args:
        payload: what follows the netlink header.

    Returns:
        What the rule hands on; None where it is no destination NAT, or only for what this host itself sends.

    Raises:
        NetlinkError: the message is truncated.
    """
    attributes = netlink.parse_attributes(payload[_FAMILY.size :])
    if _text(attributes.get(_RULE_CHAIN, b"")) == _LOCAL_CHAIN:
        return None
    rule = _Rule(payload[0] if payload else 0)
    for _, element in netlink.attributes_in(attributes.get(_RULE_EXPRESSIONS, b"")):
        expression = netlink.parse_attributes(element)
        reader = _READERS.get(_text(expression.get(_EXPRESSION_NAME, b"")))
        if reader:
            reader(rule, netlink.parse_attributes(expression.get(_EXPRESSION_DATA, b"")))
    return rule.forward


def _number(data: dict[int, bytes], attribute: int) -> int:
    """Return a number, which nftables sends in network order; -1 for none."""
    return int.from_bytes(data[attribute], "big") if attribute in data else -1


def _nested(data: bytes) -> bytes:
    return netlink.parse_attributes(data).get(_VALUE, b"")


def _text(data: bytes) -> str:
    return data.split(b"\0", 1)[0].decode("ascii", "replace")
