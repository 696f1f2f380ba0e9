"""Measure the promise "capture file >= 300 kpps per core through all detectors".

A capture of ordinary traffic with a scan and a flood in it is made: TCP conversations in both directions
with a mean frame near 300 bytes, DNS, ARP. It is read by the probe itself, all detectors at work. scapy's
PcapReader, which dissects but detects nothing, reads the beginning of the same file in the same run. Rates
are packets per second of processor time.
"""

from __future__ import annotations

import json
import pathlib
import random
import statistics
import struct
import sys
import tempfile
import time
from itertools import islice

ROOT = pathlib.Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from secmon.checks.traffic.probe import capture_file  # noqa: E402  # the path is set one line above
from secmon.core.contract import Task  # noqa: E402
from secmon.core.model import Form, Target  # noqa: E402
from tests.support import Collector  # noqa: E402

PROMISE = 300_000
CONVERSATIONS = 40_000
SCANNED_PORTS = 1000
FLOOD = 20_000
ROUNDS = 3
PEER_PACKETS = 5000
SYN, ACK, PSH, FIN, RST = 2, 16, 8, 1, 4


def ethernet(kind: int, payload: bytes) -> bytes:
    """Return a frame between two fixed stations."""
    return b"\x02\0\0\0\0\x02\x02\0\0\0\0\x01" + struct.pack(">H", kind) + payload


def ipv4(protocol: int, source: int, destination: int, payload: bytes) -> bytes:
    """Return an Ethernet frame that carries a datagram."""
    header = struct.pack(
        ">BBHHHBBHII", 0x45, 0, 20 + len(payload), 0, 0, 64, protocol, 0, source, destination
    )
    return ethernet(0x0800, header + payload)


def tcp(source: int, destination: int, ports: tuple[int, int], flags: int, size: int = 0) -> bytes:
    """Return a frame with a TCP segment of so many bytes of data."""
    header = struct.pack(">HHIIBBHHH", *ports, 1, 1, 0x50, flags, 65535, 0, 0)
    return ipv4(6, source, destination, header + bytes(size))


def conversation(chance: random.Random, number: int) -> list[bytes]:
    """Return the frames of one HTTP-like exchange, or of a DNS query, or of an ARP question."""
    client, server = 0x0A000000 + number % 5000, 0x0A010000 + number % 50
    ports, back = (1024 + number % 60_000, 443), (443, 1024 + number % 60_000)
    kind = chance.random()
    if kind < 0.2:
        return [
            ipv4(17, client, server, struct.pack(">HHHH", ports[0], 53, 48, 0) + bytes(40)),
            ipv4(17, server, client, struct.pack(">HHHH", 53, ports[0], 128, 0) + bytes(120)),
        ]
    if kind < 0.25:
        mac = struct.pack(">HI", 0x0200, client)
        body = mac + struct.pack(">I", client) + bytes(6) + struct.pack(">I", server)
        return [ethernet(0x0806, struct.pack(">HHBBH", 1, 0x0800, 6, 4, 1) + body + bytes(18))]
    frames = [
        tcp(client, server, ports, SYN),
        tcp(server, client, back, SYN | ACK),
        tcp(client, server, ports, ACK),
    ]
    for _ in range(chance.randrange(1, 12)):
        frames += [
            tcp(client, server, ports, ACK | PSH, chance.randrange(40, 400)),
            tcp(server, client, back, ACK | PSH, chance.randrange(100, 1200)),
            tcp(client, server, ports, ACK),
        ]
    return [*frames, tcp(client, server, ports, ACK | FIN), tcp(server, client, back, ACK | FIN)]


def write_capture(path: pathlib.Path) -> int:
    """Write the capture; returns how many packets it has."""
    chance = random.Random(2002)  # repeatable traffic
    batches = [conversation(chance, number) for number in range(CONVERSATIONS)]
    scan = [tcp(0x0A020001, 0x0A010001, (40000, port), SYN) for port in range(1, SCANNED_PORTS + 1)]
    answers = [tcp(0x0A010001, 0x0A020001, (port, 40000), RST | ACK) for port in range(1, SCANNED_PORTS + 1)]
    batches += [list(pair) for pair in zip(scan, answers, strict=True)]
    batches += [
        [tcp(chance.getrandbits(32), 0x0A010002, (chance.randrange(65536), 80), SYN)] for _ in range(FLOOD)
    ]
    chance.shuffle(batches)
    count = 0
    with path.open("wb") as file:
        file.write(struct.pack("<IHHIIII", 0xA1B2C3D4, 2, 4, 0, 0, 65535, 1))
        for frame in (frame for batch in batches for frame in batch):
            stamp = (1_700_000_000 + count // 100_000, count % 100_000 * 10)  # 100,000 packets a second
            file.write(struct.pack("<IIII", *stamp, len(frame), len(frame)) + frame)
            count += 1
    return count


def read_with_secmon(path: pathlib.Path) -> tuple[float, dict, list[str]]:
    """Return the processor seconds, the interface fact and the detectors that spoke."""
    target = Target("bench", "traffic", Form.PCAP, "pcap:bench", options={"path": str(path)})
    handles = capture_file.acquire(Task("traffic", "capture_file", (target,), {}, (), (), 600, time.time()))
    collector = Collector()
    start = time.process_time()
    capture_file.observe(handles, collector)
    spent = time.process_time() - start
    facts = collector.seen["pcap:bench"].facts
    return spent, facts[0].values, sorted(fact.values["detector"] for fact in facts[1:])


def read_with_scapy(path: pathlib.Path) -> float:
    """Return scapy's packets per second of processor time."""
    from scapy.layers import inet, l2  # noqa: F401  # the layers register themselves
    from scapy.utils import PcapReader

    with PcapReader(str(path)) as reader:
        start = time.process_time()
        count = sum(1 for _ in islice(reader, PEER_PACKETS))
        return count / (time.process_time() - start)


def main() -> int:
    """Print the figures as JSON; the status says whether the promise is kept."""
    with tempfile.TemporaryDirectory() as folder:
        path = pathlib.Path(folder) / "bench.pcap"
        packets = write_capture(path)
        rounds = [read_with_secmon(path) for _ in range(ROUNDS)]
        peer = read_with_scapy(path)
        size = path.stat().st_size
    rate = packets / statistics.median(spent for spent, _, _ in rounds)
    _, interface, detectors = rounds[0]
    kept = rate >= PROMISE and interface["packets"] == packets and detectors == ["port_scan", "syn_flood"]
    figures = {
        "promise": "capture file >= 300 kpps per core through all detectors",
        "packets": packets,
        "mean_bytes": round(size / packets - 16),
        "packets_per_second": round(rate),
        "detectors_that_spoke": detectors,
        "scapy_packets_per_second": round(peer),
        "ratio": round(rate / peer, 1),
        "kept": kept,
    }
    print(json.dumps(figures, indent=2))
    return 0 if kept else 1


if __name__ == "__main__":
    sys.exit(main())
