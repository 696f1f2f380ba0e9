"""Captures that dumpcap takes of real programs between two namespaces, read by the probe for files."""

from __future__ import annotations

import subprocess
import sys
import time

import pytest

from secmon.checks.traffic.probe import capture_file
from secmon.core.contract import Task
from secmon.core.model import Completeness, Form, Target
from tests.lab.traffic_lab import FAR, NEAR, lab
from tests.support import Collector

WEB = (
    "import http.server, threading;"
    "serve = lambda port: http.server.ThreadingHTTPServer(('', port), http.server.SimpleHTTPRequestHandler);"
    "servers = [serve(port) for port in (80, 8000, 8080)];"
    "print('up', flush=True);"
    "[threading.Thread(target=server.serve_forever).start() for server in servers]"
)
NAMES = (
    "import socket; s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM); s.bind(('', 53));"
    "print('up', flush=True)\n"
    "while True: s.sendto(*s.recvfrom(512))"
)
CLIENTS = f"""
import socket, urllib.request
for number in range(60):
    port = (80, 8000, 8080)[number % 3]
    urllib.request.urlopen(f"http://{FAR}:{{port}}/", timeout=30).read()
    s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    s.settimeout(30)
    s.sendto(b"query" * 8, ("{FAR}", 53))
    s.recv(512)
for port in (22, 25, 22, 25, 22):  # services that are not there, tried again and again
    socket.socket().connect_ex(("{FAR}", port))
"""
TAKEOVERS = """
from scapy.layers.dhcp import BOOTP, DHCP
from scapy.layers.inet import IP, UDP
from scapy.layers.l2 import ARP, Ether
from scapy.layers.vrrp import VRRP
from scapy.sendrecv import sendp
BROADCAST, ROUTER = "ff:ff:ff:ff:ff:ff", "10.99.0.254"
nodes = ["02:00:00:00:01:01", "02:00:00:00:01:02"]
hosts = ["02:00:00:00:02:01", "02:00:00:00:02:02"]
frames = []
for turn in range(6):
    node, host = nodes[turn % 2], hosts[turn % 2]
    # keepalived without virtual hardware addresses: advertisement, then five announcements
    frames.append(Ether(src=node, dst="01:00:5e:00:00:12") / IP(src="10.99.0.253", dst="224.0.0.18", ttl=255)
                  / VRRP(vrid=7, addrlist=[ROUTER]))
    frames += [Ether(src=node, dst=BROADCAST) / ARP(op=2, hwsrc=node, psrc=ROUTER, pdst=ROUTER)] * 5
    # VRRP with its virtual hardware address, which moves from port to port
    frames += [Ether(src="00:00:5e:00:01:08", dst=BROADCAST)
               / ARP(op=1, hwsrc="00:00:5e:00:01:08", psrc="10.99.0.252", pdst="10.99.0.252")] * 3
    # an address that is leased to one host after the other
    chaddr = bytes.fromhex(host.replace(":", ""))
    frames.append(Ether(src="02:00:00:00:00:67", dst=host) / IP(src="10.99.0.3", dst="10.99.0.77")
                  / UDP(sport=67, dport=68) / BOOTP(op=2, yiaddr="10.99.0.77", chaddr=chaddr)
                  / DHCP(options=[("message-type", "ack"), ("router", ROUTER), "end"]))
    frames += [Ether(src=host, dst=BROADCAST) / ARP(op=1, hwsrc=host, psrc="10.99.0.77", pdst=target)
               for target in ("10.99.0.77", ROUTER)]
sendp(frames, iface="v0", inter=0.05, verbose=False)
"""
SPOOF = """
from scapy.layers.l2 import ARP, Ether
from scapy.sendrecv import sendp
attacker, victim = "02:00:00:00:06:66", "02:00:00:00:05:55"
frames = [Ether(src=attacker, dst="ff:ff:ff:ff:ff:ff") / ARP(op=1, hwsrc=attacker, psrc="10.99.0.66", pdst="10.99.0.2")]
frames += [Ether(src=attacker, dst=victim)
           / ARP(op=2, hwsrc=attacker, psrc="10.99.0.2", hwdst=victim, pdst="10.99.0.5")] * 5
sendp(frames, iface="v0", inter=0.2, verbose=False)
"""


@pytest.fixture
def net(needs):
    needs("ip", "dumpcap", root=True)
    with lab("tf") as made:
        yield made


@pytest.fixture
def capture(net, tmp_path):
    """Returns a function that captures what a block of programs causes, and reads it."""

    def take(*programs: tuple[str, ...], form: str = "pcapng"):
        path = tmp_path / f"x.{form}"
        arguments = ["dumpcap", "-q", "-i", "v0", "-w", str(path), *(["-P"] if form == "pcap" else [])]
        with net.background(net.far, *arguments) as process:
            while "File:" not in process.stderr.readline():
                assert process.poll() is None
            for program in programs:
                net.run(net.near, *program)
            time.sleep(1.5)  # what is still unanswered gets its second
        target = Target("lab", "traffic", Form.PCAP, "pcap:x", options={"path": str(path)})
        collector = Collector()
        task = Task("traffic", "capture_file", (target,), {}, (), (), 60, time.time())
        capture_file.observe(capture_file.acquire(task), collector)
        assert collector.canaries == [(None, "")]
        return path, collector.seen["pcap:x"]

    return take


def anomalies(seen) -> list[tuple]:
    fields = ("detector", "source", "destination")
    return [tuple(fact.values[field] for field in fields) for fact in seen.facts if fact.kind == "anomaly"]


@pytest.mark.parametrize("form", ["pcap", "pcapng"])
@pytest.mark.parametrize("kind", ["-sS", "-sT"])
def test_an_nmap_scan_is_one_port_scan_by_the_scanner(capture, needs, kind, form):
    needs("nmap")
    _, seen = capture(("nmap", "-n", kind, FAR), form=form)
    assert anomalies(seen) == [("port_scan", NEAR, FAR)]
    assert seen.facts[1].values["count"] == 1000
    assert seen.completeness is Completeness.OK


def test_an_nmap_scan_that_a_firewall_swallows_is_found_too(capture, net, needs):
    needs("nmap", "nft")
    rules = "add table ip t; add chain ip t i { type filter hook input priority 0; policy drop; }"
    net.run(net.far, "nft", rules)
    _, seen = capture(("nmap", "-n", "-Pn", "-F", "-sS", FAR))
    assert anomalies(seen) == [("port_scan", NEAR, FAR)]
    assert "(0 attempts refused, " in seen.facts[1].values["evidence"]


def test_ordinary_traffic_with_takeovers_in_it_is_silent(capture, net):
    with (
        net.background(net.far, sys.executable, "-c", WEB) as web,
        net.background(net.far, sys.executable, "-c", NAMES) as names,
    ):
        for server in (web, names):
            assert server.stdout.readline() == "up\n"
        _, seen = capture(
            (sys.executable, "-c", CLIENTS),
            (sys.executable, "-c", TAKEOVERS),
            (sys.executable, "-c", CLIENTS),
        )
    assert anomalies(seen) == []
    assert seen.completeness is Completeness.OK
    assert seen.facts[0].values["one_sided"] is False


def test_a_spoofed_neighbour_is_found_and_the_attacker_named(capture):
    ask = f"import socket; socket.socket().connect_ex(('{FAR}', 9))"
    _, seen = capture((sys.executable, "-c", ask), (sys.executable, "-c", SPOOF))
    assert anomalies(seen) == [("arp_spoof", "10.99.0.66", FAR)]


def test_counts_are_those_of_tshark(capture, needs):
    needs("tshark", "nmap")
    path, seen = capture(("nmap", "-n", "-F", FAR))
    command = ["tshark", "-r", str(path), "-T", "fields", "-e", "frame.len"]
    lengths = [
        int(line)
        for line in subprocess.run(command, capture_output=True, text=True, check=True).stdout.split()
    ]
    values = seen.facts[0].values
    assert (values["packets"], values["bytes"]) == (len(lengths), sum(lengths))
