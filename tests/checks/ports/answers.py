"""Packets that may come back after a SYN, built by scapy, and what each of them says."""

from __future__ import annotations

from scapy.layers.inet import ICMP, IP, TCP, UDP, IPOption_RR
from scapy.layers.inet6 import (
    ICMPv6DestUnreach,
    ICMPv6EchoReply,
    ICMPv6ND_NA,
    ICMPv6NDOptDstLLAddr,
    ICMPv6TimeExceeded,
    IPv6,
)

from secmon.checks.ports.sweep import State

US, HOST, ROUTER = "192.0.2.1", "198.51.100.9", "203.0.113.1"
US6, HOST6, ROUTER6 = "2001:db8::1", "2001:db8:9::7", "2001:db8:1::1"
OUR_PORT, PORT, NUMBER = 61234, 443, 0x1FFFFFFF

SYN = IP(src=US, dst=HOST) / TCP(sport=OUR_PORT, dport=PORT, seq=NUMBER, flags="S")
SYN_WITH_OPTIONS = IP(src=US, dst=HOST, options=[IPOption_RR()]) / SYN[TCP]
SYN6 = IPv6(src=US6, dst=HOST6) / TCP(sport=OUR_PORT, dport=PORT, seq=NUMBER, flags="S")


def answer(flags: str, *, window: int = 1000, port: int = OUR_PORT, **header):
    """Return a TCP segment from the host's port, over IPv4."""
    segment = TCP(sport=PORT, dport=port, seq=5, ack=NUMBER + 1, flags=flags, window=window)
    return IP(src=HOST, dst=US, **header) / segment


def answer6(flags: str, *, window: int = 1000, port: int = OUR_PORT, **header):
    """Return a TCP segment from the host's port, over IPv6."""
    segment = TCP(sport=PORT, dport=port, seq=5, ack=NUMBER + 1, flags=flags, window=window)
    return IPv6(src=HOST6, dst=US6, **header) / segment


def icmp(kind: int, code: int, about=SYN):
    """Return an ICMP error of a router."""
    return IP(src=ROUTER, dst=US) / ICMP(type=kind, code=code) / about


ANSWERS4 = {
    "SYN-ACK": (answer("SA"), State.OPEN),
    "SYN-ACK with ECN": (answer("SAE"), State.OPEN),
    "SYN-ACK, window 0": (answer("SA", window=0), State.UNRELIABLE),
    "SYN-ACK, window 10": (answer("SA", window=10), State.UNRELIABLE),
    "SYN-ACK, window 16": (answer("SA", window=16), State.OPEN),
    "RST": (answer("RA", window=0), State.CLOSED),
    "RST behind IP options": (answer("RA", options=[IPOption_RR()]), State.CLOSED),
    "marked by DSCP": (answer("SA", tos=0x28), State.OPEN),
    "port unreachable": (icmp(3, 3), State.FILTERED),
    "host unreachable": (icmp(3, 1), State.FILTERED),
    "prohibited": (icmp(3, 13), State.FILTERED),
    "time exceeded": (icmp(11, 0), State.FILTERED),
    "prohibited, IP options": (icmp(3, 13, SYN_WITH_OPTIONS), State.FILTERED),
    "RFC 792's 8 bytes": (IP(bytes(icmp(3, 10))[: 20 + 8 + 20 + 8]), State.FILTERED),
}
ANSWERS6 = {
    "SYN-ACK": (answer6("SA"), State.OPEN),
    "SYN-ACK, window 0": (answer6("SA", window=0), State.UNRELIABLE),
    "RST": (answer6("RA", window=0), State.CLOSED),
    "traffic class and flow label": (answer6("RA", tc=0x88, fl=0x12345), State.CLOSED),
    "prohibited": (IPv6(src=ROUTER6, dst=US6) / ICMPv6DestUnreach(code=1) / SYN6, State.FILTERED),
    "port unreachable": (IPv6(src=HOST6, dst=US6) / ICMPv6DestUnreach(code=4) / SYN6, State.FILTERED),
    "time exceeded": (IPv6(src=ROUTER6, dst=US6) / ICMPv6TimeExceeded(code=0) / SYN6, State.FILTERED),
}
NO_ANSWERS4 = {
    "a reset without acknowledgement": answer("R"),
    "a mere ACK": answer("A"),
    "a SYN": answer("S"),
    "a FIN": answer("FA"),
    "fragmentation needed": icmp(3, 4),
    "about UDP": icmp(3, 3, IP(src=US, dst=HOST) / UDP(sport=OUR_PORT, dport=PORT)),
    "an echo reply": IP(src=HOST, dst=US) / ICMP(type=0) / SYN,
}
NO_ANSWERS6 = {
    "a reset without acknowledgement": answer6("R"),
    "a SYN": answer6("S"),
    "about UDP": IPv6(src=ROUTER6, dst=US6)
    / ICMPv6DestUnreach(code=4)
    / IPv6(src=US6, dst=HOST6)
    / UDP(sport=OUR_PORT, dport=PORT),
    "an echo reply": IPv6(src=HOST6, dst=US6) / ICMPv6EchoReply() / bytes(SYN6),
}
ADVERTISEMENT = (
    IPv6(src=HOST6, dst=US6, hlim=255)
    / ICMPv6ND_NA(tgt=HOST6, R=0, S=1)
    / ICMPv6NDOptDstLLAddr(lladdr="02:00:00:00:00:07")
)
