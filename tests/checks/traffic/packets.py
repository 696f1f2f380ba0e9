"""Frames and capture files for tests, made byte by byte."""

from __future__ import annotations

import ipaddress
import struct

SYN, ACK, RST, FIN = 0x02, 0x10, 0x04, 0x01
MACS = [bytes([2, 0, 0, 0, 0, number]) for number in range(16)]
BROADCAST = b"\xff" * 6


def ip(text: str) -> bytes:
    return ipaddress.ip_address(text).packed


def ethernet(
    payload: bytes, kind: int = 0x0800, source: bytes = MACS[1], destination: bytes = MACS[2]
) -> bytes:
    return destination + source + struct.pack(">H", kind) + payload


def ipv4(source: str, destination: str, protocol: int, payload: bytes) -> bytes:
    length = 20 + len(payload)
    return struct.pack(
        ">BBHHHBBH4s4s", 0x45, 0, length, 0, 0, 64, protocol, 0, ip(source), ip(destination)
    ) + payload  # fmt: skip


def tcp(source: str, destination: str, ports: tuple[int, int], flags: int, data: bytes = b"") -> bytes:
    segment = struct.pack(">HHIIBBHHH", *ports, 1, 1, 0x50, flags, 1024, 0, 0) + data
    return ethernet(ipv4(source, destination, 6, segment))


def udp(source: str, destination: str, ports: tuple[int, int], data: bytes) -> bytes:
    return ethernet(ipv4(source, destination, 17, struct.pack(">HHHH", *ports, 8 + len(data), 0) + data))


def arp(operation: int, mac: bytes, address: str, target: str, target_mac: bytes = b"\0" * 6) -> bytes:
    body = struct.pack(">HHBBH6s4s6s4s", 1, 0x0800, 6, 4, operation, mac, ip(address), target_mac, ip(target))
    return ethernet(body, 0x0806, mac, BROADCAST if operation == 1 or address == target else target_mac)


def dhcp(mac: bytes, address: str, *, kind: int = 5, router: str = "10.0.0.1") -> bytes:
    head = struct.pack(">BBBBIHH4s4s4s4s6s10x", 2, 1, 6, 0, 7, 0, 0, b"", ip(address), b"", b"", mac)
    options = bytes([53, 1, kind, 3, 4]) + ip(router) + b"\xff"
    return udp("10.0.0.1", address, (67, 68), head + bytes(192) + b"\x63\x82\x53\x63" + options)


def vrrp(mac: bytes, router: str, *virtual: str) -> bytes:
    body = bytes([0x21, 51, 100, len(virtual), 0, 1, 0, 0]) + b"".join(map(ip, virtual)) + bytes(8)
    return ethernet(
        ipv4(router, "224.0.0.18", 112, body), source=mac, destination=b"\x01\x00\x5e\x00\x00\x12"
    )


def frame(stamp: float, data: bytes, link: int = 1, vlan: int = 0) -> tuple:
    return (stamp, data, 0, len(data), len(data), link, vlan)


def handshake(client: str, server: str, ports: tuple[int, int], *, data: bool = True) -> list[bytes]:
    back = ports[::-1]
    frames = [
        tcp(client, server, ports, SYN),
        tcp(server, client, back, SYN | ACK),
        tcp(client, server, ports, ACK),
    ]
    if data:
        frames += [tcp(client, server, ports, ACK, b"question"), tcp(server, client, back, ACK, b"answer")]
    return frames


def refusal(client: str, server: str, ports: tuple[int, int]) -> list[bytes]:
    return [tcp(client, server, ports, SYN), tcp(server, client, ports[::-1], RST | ACK)]


def spread(frames: list[bytes], start: float = 1000.0, step: float = 0.001) -> list[tuple]:
    return [frame(start + number * step, data) for number, data in enumerate(frames)]


def pcap(frames: list[tuple], *, order: str = "<", nanoseconds: bool = False, link: int = 1) -> bytes:
    magic = 0xA1B23C4D if nanoseconds else 0xA1B2C3D4
    unit = 1_000_000_000 if nanoseconds else 1_000_000
    out = [struct.pack(order + "IHHIIII", magic, 2, 4, 0, 0, 65535, link)]
    for stamp, data, start, end, wire, *_ in frames:
        head = struct.pack(order + "IIII", int(stamp), round(stamp % 1 * unit), end - start, wire)
        out.append(head + data[start:end])
    return b"".join(out)


def block(kind: int, body: bytes, order: str = "<") -> bytes:
    body += bytes(-len(body) % 4)
    length = struct.pack(order + "I", 12 + len(body))
    return struct.pack(order + "I", kind) + length + body + length


def section(order: str = "<") -> bytes:
    return block(0x0A0D0D0A, struct.pack(order + "IHHq", 0x1A2B3C4D, 1, 0, -1), order)


def option(code: int, value: bytes, order: str = "<") -> bytes:
    return struct.pack(order + "HH", code, len(value)) + value + bytes(-len(value) % 4)


def interface(link: int = 1, snaplen: int = 0, options: bytes = b"", order: str = "<") -> bytes:
    return block(1, struct.pack(order + "HHI", link, 0, snaplen) + options, order)


def enhanced(stamp: int, data: bytes, number: int = 0, order: str = "<", wire: int | None = None) -> bytes:
    wire = len(data) if wire is None else wire
    head = struct.pack(order + "IIIII", number, stamp >> 32, stamp & 0xFFFFFFFF, len(data), wire)
    return block(6, head + data, order)
