"""Serve TCP and UDP ports in a lab's network namespace, and count the packets that reach it.

Reads its orders from standard input: first one line of JSON (`tcp`, `udp`, `count`, `mac`); then each line
`count` is answered with the traffic so far, and the end of the input ends the program. Standard library only.
"""

from __future__ import annotations

import json
import os
import selectors
import socket
import struct
import sys
from collections import deque

BUSIEST_SECONDS = 1.0
NEIGHBOUR_DISCOVERY = range(133, 138)  # ICMPv6 types, RFC 4861: the kernels' own
SO_TIMESTAMPNS = 35  # asm-generic/socket.h
ETH_P_ALL = 3


def dns(query: bytes) -> bytes:
    """Answer REFUSED (RFC 1035 4.1.1), as a server does to strangers."""
    return query[:2] + b"\x80\x05" + query[4:] if len(query) >= 12 and not query[2] & 0x80 else b""


def ntp(query: bytes) -> bytes:
    """Answer as a stratum 2 server of version 4 (RFC 5905 7.3)."""
    if len(query) < 48 or query[0] & 7 != 3:
        return b""
    return bytes([0x24, 2, 6, 0xEC]) + bytes(8) + b"\x7f\x00\x00\x01" + bytes(8) + query[40:48] + bytes(16)


def snmp(query: bytes) -> bytes:
    """Turn a get request of version 1 or 2c into a response that echoes it (RFC 3416 3)."""
    kinds = [index for index, octet in enumerate(query[:40]) if octet in (0xA0, 0xA1)]
    return query[: kinds[0]] + b"\xa2" + query[kinds[0] + 1 :] if query[:1] == b"0" and kinds else b""


ANSWERS = {"dns": dns, "ntp": ntp, "snmp": snmp, "silent": lambda _: b""}


class Counter:
    """Timestamps of the packets that reached this namespace, before any filter saw them."""

    def __init__(self) -> None:
        self.socket = socket.socket(socket.AF_PACKET, socket.SOCK_DGRAM, socket.htons(ETH_P_ALL))
        self.socket.setsockopt(socket.SOL_SOCKET, SO_TIMESTAMPNS, 1)
        self.socket.setsockopt(socket.SOL_SOCKET, 33, 64 << 20)  # SO_RCVBUFFORCE
        self.socket.setblocking(False)
        self.times: list[float] = []
        self.kinds: dict[str, int] = {}
        self.per_port: dict[str, int] = {}

    def drain(self) -> None:
        """Count what has come."""
        while True:
            try:
                data, told, _, sender = self.socket.recvmsg(128, 64)
            except BlockingIOError:
                return
            # To this host alone (PACKET_HOST): a bridge also floods, and the host sends too.
            if sender[2] != 0 or sender[0] == "lo" or not (kind := self.kind(sender[1], data)):
                continue
            seconds, nanoseconds = struct.unpack("qq", told[0][2])
            self.times.append(seconds + nanoseconds / 1e9)
            self.kinds[kind] = self.kinds.get(kind, 0) + 1

    def kind(self, ethertype: int, data: bytes) -> str:
        """Return `syn`, `ack`, `rst`, `udp`, `icmp` ...; "" for what no scanner sends on purpose."""
        if ethertype == 0x0800:
            proto, rest = data[9], data[(data[0] & 15) * 4 :]
        elif ethertype == 0x86DD:
            proto, rest = data[6], data[40:]
        else:
            return ""
        if proto == 58:
            return "" if rest[0] in NEIGHBOUR_DISCOVERY or rest[0] in (130, 131, 132, 143) else "icmp"
        if proto != 6:
            return {1: "icmp", 17: "udp"}.get(proto, "")
        flags = rest[13]
        kind = "rst" if flags & 4 else "syn" if flags & 2 else "ack"
        if kind == "syn":
            port = str(int.from_bytes(rest[2:4], "big"))
            self.per_port[port] = self.per_port.get(port, 0) + 1
        return kind

    def report(self) -> dict:
        """Return totals, and the most packets in any second."""
        self.drain()
        busiest, window = 0, deque()
        for when in sorted(self.times):
            window.append(when)
            while when - window[0] >= BUSIEST_SECONDS:
                window.popleft()
            busiest = max(busiest, len(window))
        _, dropped = struct.unpack("II", self.socket.getsockopt(263, 6, 8))  # SOL_PACKET, PACKET_STATISTICS
        most = max(self.per_port.values(), default=0)
        return {
            "packets": len(self.times),
            "busiest": busiest,
            "most_syns": most,
            "dropped": dropped,
            **self.kinds,
        }


def serve(orders: dict) -> None:
    """Serve until standard input ends."""
    waiting = selectors.DefaultSelector()
    for port in orders["tcp"]:
        listener = socket.create_server(
            ("::", port), family=socket.AF_INET6, dualstack_ipv6=True, backlog=1024, reuse_port=False
        )
        listener.setblocking(False)
        waiting.register(listener, selectors.EVENT_READ, ("tcp", None))
    for port, answer in orders["udp"].items():
        sock = socket.socket(socket.AF_INET6, socket.SOCK_DGRAM)
        sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 0)
        sock.bind(("::", int(port)))
        waiting.register(sock, selectors.EVENT_READ, ("udp", ANSWERS[answer]))
    counter = Counter() if orders["count"] else None
    if counter:
        waiting.register(counter.socket, selectors.EVENT_READ, ("count", None))
    waiting.register(0, selectors.EVENT_READ, ("order", None))
    print("ready", flush=True)
    while True:
        for key, _ in waiting.select():
            what, answer = key.data
            if what == "count":
                counter.drain()
            elif what == "tcp":
                try:
                    key.fileobj.accept()[0].close()
                except OSError:
                    continue
            elif what == "udp":
                query, sender = key.fileobj.recvfrom(2048)
                if reply := answer(query):
                    key.fileobj.sendto(reply, sender)
            elif not (order := os.read(0, 4096)):
                return
            elif order.startswith(b"count"):
                print(json.dumps(counter.report() if counter else {}), flush=True)


if __name__ == "__main__":
    serve(json.loads(sys.stdin.buffer.raw.readline()))
