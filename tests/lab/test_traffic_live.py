"""The live probe on a veth pair: what it counts, what it recognises, what it says when it cannot look."""

from __future__ import annotations

import struct
import sys

import pytest

from tests.lab.traffic_lab import FAR, NEAR, lab

LONG_SECONDS = 12
"""Of a look in which a program of two seconds starts and ends, on a busy machine too."""
WINDOWS = 14
"""Of a second, for two such programs."""


@pytest.fixture
def net(needs):
    needs("ip", root=True)
    with lab("tl") as made:
        yield made


def write_udp_capture(path, count: int) -> int:
    """Write frames of three sizes from NEAR to FAR; returns the bytes on the wire."""
    from scapy.layers.inet import IP, UDP
    from scapy.layers.l2 import Ether

    total = 0
    frames = [
        bytes(
            Ether(dst="02:00:00:00:00:02", src="02:00:00:00:00:01")
            / IP(src=NEAR, dst=FAR)
            / UDP(dport=port)
            / text
        )
        for port, text in ((9, b"x" * 30), (10, b"y" * 200), (11, b"z" * 1400))
    ]
    with path.open("wb") as file:
        file.write(struct.pack("<IHHIIII", 0xA1B2C3D4, 2, 4, 0, 0, 65535, 1))
        for number in range(count):
            frame = frames[number % 3]
            file.write(struct.pack("<IIII", number, 0, len(frame), len(frame)) + frame)
            total += len(frame)
    return total


def test_every_frame_of_a_replay_is_counted(net, needs, tmp_path):
    needs("tcpreplay")
    size = write_udp_capture(tmp_path / "udp.pcap", 30_000)
    with net.live(net.far, LONG_SECONDS) as told:
        net.run(net.near, "tcpreplay", "-q", "-K", "-i", "v0", "-p", "20000", str(tmp_path / "udp.pcap"))
    interface = told["interface"]
    assert (interface["packets"] + interface["dropped"], told["canaries"]) == (30_000, [[None, ""]])
    if not interface["dropped"]:
        assert interface["bytes"] == size
        assert told["completeness"] == "ok"


@pytest.mark.parametrize("kind", ["-sS", "-sT"])
def test_an_nmap_scan_is_one_port_scan(net, needs, kind):
    needs("nmap")
    with net.live(net.far, LONG_SECONDS) as told:
        net.run(net.near, "nmap", "-n", "-F", kind, FAR)
    assert [(a["detector"], a["source"], a["destination"]) for a in told["anomalies"]] == [
        ("port_scan", NEAR, FAR)
    ]
    assert told["anomalies"][0]["count"] == 100
    assert told["completeness"] == "ok"


def write_flood(path, mac: str, count: int) -> None:
    """Write SYNs to port 80 of FAR from forged sources, each with a right checksum."""
    from scapy.layers.inet import IP, TCP
    from scapy.layers.l2 import Ether
    from scapy.utils import wrpcap

    head = Ether(dst=mac, src="02:00:00:00:00:01")
    wrpcap(
        str(path),
        [
            head / IP(src=f"10.98.{number >> 8}.{number & 255}", dst=FAR) / TCP(sport=1024 + number, dport=80)
            for number in range(count)
        ],
    )


def test_a_flood_that_the_victim_answers_with_cookies_is_found(net, needs, tmp_path):
    needs("tcpreplay")
    server = (
        "import socket; s = socket.create_server(('', 80), backlog=8); print('up', flush=True); s.accept()"
    )
    mac = net.run(net.far, "cat", "/sys/class/net/v0/address").strip()
    net.run(net.far, "ip", "route", "add", "10.98.0.0/16", "via", NEAR)
    write_flood(tmp_path / "flood.pcap", mac, 1000)
    with net.background(net.far, sys.executable, "-c", server) as process:
        assert process.stdout.readline() == "up\n"
        with net.live(net.far, LONG_SECONDS) as told:
            net.run(net.near, "tcpreplay", "-q", "-i", "v0", "-p", "500", str(tmp_path / "flood.pcap"))
    (anomaly,) = told["anomalies"]
    assert (anomaly["detector"], anomaly["source"], anomaly["destination"], anomaly["port"]) == (
        "syn_flood",
        None,
        FAR,
        80,
    )
    assert 950 <= anomaly["count"] <= 1000  # the first few may fall before the episode
    assert told["interface"]["packets"] >= 1900  # the victim answered


def test_a_scan_by_a_known_source_is_left_out_and_counted(net, needs):
    needs("nmap")
    known = [{"cidr": f"{NEAR}/32", "detectors": ["port_scan"], "reason": "our scanner"}]
    with net.live(net.far, LONG_SECONDS, known_sources=known) as told:
        net.run(net.near, "nmap", "-n", "-F", "-sS", FAR)
    assert told["anomalies"] == []
    assert "anomalies of known sources left out: 1" in told["detail"]


def test_in_the_daemon_windows_follow_each_other_without_a_gap(net, needs, tmp_path):
    needs("tcpreplay", "nmap")
    size = write_udp_capture(tmp_path / "udp.pcap", 8000)
    with net.live(net.far, 1, windows=WINDOWS) as told:
        net.run(net.near, "tcpreplay", "-q", "-K", "-i", "v0", "-p", "4000", str(tmp_path / "udp.pcap"))
        net.run(net.near, "nmap", "-n", "-F", "-sS", FAR)
    windows = told["windows"]
    assert len(windows) == WINDOWS
    assert [window["canaries"] for window in windows] == [[[None, ""]]] * WINDOWS
    assert sum(window["interface"]["dropped"] for window in windows) == 0
    assert sum(window["interface"]["bytes"] for window in windows) > size
    found = [[anomaly["source"] for anomaly in window["anomalies"]] for window in windows]
    assert [NEAR] in found
    assert found[0] == []


def test_a_quiet_link_ends_its_window_by_the_clock(net):
    with net.live(net.far, 1) as told:
        pass
    assert told["interface"]["packets"] == 0
    assert (told["completeness"], told["canaries"]) == ("ok", [[None, ""]])


def test_an_interface_that_is_not_there_is_named_with_those_that_are(net):
    with net.live(net.far, 1, name="eth9") as told:
        pass
    assert (told["completeness"], told["reason"]) == ("failed", "no_data")
    assert told["detail"] == "there is no interface eth9; there are: lo, v0"


def test_the_loopback_counts_each_frame_once(net):
    script = (
        "import socket; s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM);"
        "[s.sendto(b'x' * 100, ('127.0.0.1', 9)) for _ in range(50)]"
    )
    with net.live(net.far, 6, name="lo") as told:
        net.run(net.far, "python3", "-c", script)
    assert told["interface"]["packets"] == 100  # each datagram, and the ICMP error that answers it
    assert told["canaries"] == [[None, ""]]


def test_an_interface_that_goes_down_is_not_called_quiet(net):
    with net.live(net.far, 5) as told:
        net.run(net.far, "ip", "link", "set", "v0", "down")
    assert (told["completeness"], told["reason"]) == ("partial", "no_data")
    assert "v0 was down for a time" in told["detail"]


def test_an_interface_that_vanishes_is_not_called_quiet(net):
    with net.live(net.far, 5) as told:
        net.run(net.far, "ip", "link", "delete", "v0")
    assert told["reason"] == "no_data"
    assert told["detail"].startswith("v0 has gone")
