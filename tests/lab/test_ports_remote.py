"""TCP ports of hosts in network namespaces, against `nmap -sT`; and what is told of hosts that hide."""

from __future__ import annotations

import os
import re
import resource
import socket
import subprocess
import time

import pytest

from secmon.checks.ports.probe import remote
from secmon.core.contract import Task, Unavailable
from secmon.core.model import Completeness, Form, Reason, Target, Vantage
from tests.support import Collector

HERE, THERE, NOBODY = "198.18.7.1", "198.18.7.2", "198.18.7.9"  # RFC 2544, on a veth pair of our own
HERE6, THERE6 = "fd5e:c307::1", "fd5e:c307::2"
NETWORKS = ("198.18.7.0/24", "fd5e:c307::/64")
OPEN = (22, 23, 80, 443, 3306, 8080, 8443, 27017)
SERVE = """
import socket, sys, time
keep = []
for port in map(int, sys.argv[1].split(",")):
    keep.append(socket.create_server(("0.0.0.0", port)))
keep.append(socket.create_server(("::", 8081), family=socket.AF_INET6))
print("ready", flush=True)
sys.stdin.read()
"""


def host(name: str, **options: object) -> Target:
    return Target("fw", "ports", Form.HOST, name, Vantage.OUTSIDE, {"host": name, **options})


def endpoint(name: str, port: int, **options: object) -> Target:
    return Target(
        "fw",
        "ports",
        Form.ENDPOINT,
        f"{name}:{port}",
        Vantage.OUTSIDE,
        {"host": name, "port": port, **options},
    )


def look(*targets: Target, ports="top", rate=5000, deadline=60.0, networks=NETWORKS) -> Collector:
    collector = Collector()
    task = Task("ports", "remote", targets, {"ports": ports, "rate": rate}, networks, (), deadline, 0.0)
    remote.observe(remote.acquire(task), collector)
    return collector


def found(collector: Collector, text: str, state="open") -> set[int]:
    return {fact.values["port"] for fact in collector.seen[text].facts if fact.values["state"] == state}


@pytest.fixture
def lab(needs):
    """A host in a namespace of its own, with TCP servers; calling it runs a command there."""
    needs("ip", "nft", root=True)
    name = f"secmon-{os.getpid()}"
    near, far = f"sm{os.getpid() % 100000}a", f"sm{os.getpid() % 100000}b"

    def run(*command: str) -> None:
        subprocess.run(command, check=True, capture_output=True)

    def inside(*command: str) -> None:
        run("ip", "netns", "exec", name, *command)

    run("ip", "netns", "add", name)
    server = None
    try:
        run("ip", "link", "add", near, "type", "veth", "peer", "name", far, "netns", name)
        run("ip", "addr", "add", f"{HERE}/24", "dev", near)
        run("ip", "addr", "add", f"{HERE6}/64", "dev", near, "nodad")
        run("ip", "link", "set", near, "up")
        inside("ip", "addr", "add", f"{THERE}/24", "dev", far)
        inside("ip", "addr", "add", f"{THERE6}/64", "dev", far, "nodad")
        inside("ip", "link", "set", far, "up")
        inside("ip", "link", "set", "lo", "up")
        server = subprocess.Popen(
            ["ip", "netns", "exec", name, "python3", "-c", SERVE, ",".join(map(str, OPEN))],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
        )  # fmt: skip
        assert server.stdout.readline() == "ready\n"
        yield inside
    finally:
        if server:
            server.communicate()
        subprocess.run(["ip", "link", "del", near], check=False, capture_output=True)
        run("ip", "netns", "del", name)


def nft(inside, rule: str) -> None:
    inside(
        "nft",
        f"add table inet t; add chain inet t c {{ type filter hook input priority 0; }}; add rule inet t c {rule}",
    )


def nmap(address: str, ports: str) -> set[int]:
    text = subprocess.run(
        ["nmap", "-sT", "-n", "-Pn", "-p", ports, "-oG", "-", address],
        check=True,
        capture_output=True,
        text=True,
    ).stdout
    return {int(port) for port in re.findall(r"(\d+)/open/tcp", text)}


def test_open_ports_equal_those_of_nmap(lab, needs):
    needs("nmap")
    seen = look(host(THERE), ports="1-10000,27017", rate=20_000)
    assert found(seen, THERE) == nmap(THERE, "1-10000,27017") == set(OPEN)
    assert seen.seen[THERE].detail.endswith("Of 10001 ports: 8 open, 9993 closed.")
    assert seen.canaries == [(None, "")]


def test_top_finds_what_it_lists(lab):
    seen = look(host(THERE))
    assert found(seen, THERE) == set(OPEN)
    assert (seen.seen[THERE].completeness, seen.seen[THERE].looked) == (Completeness.OK, {"port": None})


def test_one_port_is_told_but_is_no_look_at_the_host(lab):
    alone = look(endpoint(THERE, 24)).seen[f"{THERE}:24"]
    assert [fact.values["state"] for fact in alone.facts] == ["closed"]
    assert (alone.completeness, alone.looked) == (Completeness.PARTIAL, {"port": Reason.NOT_CONFIGURED})
    beside = look(host(THERE), endpoint(THERE, 24)).seen[f"{THERE}:24"]
    assert (beside.completeness, beside.looked) == (Completeness.OK, {"port": None})


def test_ipv6_is_looked_at(lab):
    assert found(look(host(THERE6), ports="8080-8082"), THERE6) == {8081}


def test_a_dropping_firewall_leaves_ports_without_reply(lab):
    nft(lab, "tcp dport 1000-1999 drop")
    seen = look(host(THERE), ports="22,1000-1099", rate=20_000).seen[THERE]
    assert seen.detail.endswith("Of 101 ports: 1 open, 100 without reply.")


def test_an_icmp_error_is_filtered(lab):
    nft(lab, "tcp dport 1000 reject with icmpx type admin-prohibited")
    seen = look(endpoint(THERE, 1000), endpoint(THERE, 22), endpoint(THERE, 1)).seen
    states = {text: [fact.values["state"] for fact in one.facts] for text, one in seen.items()}
    assert states == {f"{THERE}:1000": ["filtered"], f"{THERE}:22": ["open"], f"{THERE}:1": ["closed"]}
    alone = look(endpoint(THERE, 1000)).seen[f"{THERE}:1000"]
    assert alone.reason is Reason.UNREACHABLE, "the error may come from a router"


def test_a_silent_host_is_never_closed(lab):
    nft(lab, "drop")
    seen = look(host(THERE), endpoint(THERE, 23), ports="1-50").seen
    assert (seen[THERE].completeness, seen[THERE].looked) == (Completeness.FAILED, {"port": Reason.TIMEOUT})
    assert [fact.values["state"] for fact in seen[f"{THERE}:23"].facts] == ["no_reply"]
    assert seen[f"{THERE}:23"].looked == {"port": Reason.TIMEOUT}


def test_an_address_that_nobody_has_is_down(lab):
    seen = look(host(NOBODY), ports="1-50").seen[NOBODY]
    assert seen.completeness is Completeness.FAILED
    assert seen.reason in (Reason.TIMEOUT, Reason.UNREACHABLE)


def test_one_lost_packet_hides_no_port(lab):
    # Each connection's first SYN is lost: the kernel's conntrack is not needed, a set remembers who knocked.
    lab("nft", "add table inet t; add set inet t seen { type inet_service; flags dynamic; timeout 60s; };"
        "add chain inet t c { type filter hook input priority 0; };"
        "add rule inet t c tcp flags & (syn|ack) == syn tcp dport != @seen add @seen { tcp dport } drop")  # fmt: skip
    assert found(look(host(THERE), ports=",".join(map(str, OPEN))), THERE) == set(OPEN)


def test_a_syn_proxy_invents_no_open_port(lab):
    lab("nft", "add table inet t; add chain inet t p { type filter hook prerouting priority raw; };"
        "add rule inet t p tcp dport 1-400 tcp flags syn notrack;"
        "add chain inet t c { type filter hook input priority 0; };"
        "add rule inet t c tcp dport 1-400 ct state invalid,untracked synproxy mss 1460 wscale 7 timestamp sack-perm;"
        "add rule inet t c ct state invalid drop")  # fmt: skip
    seen = look(host(THERE), ports="1-400").seen[THERE]
    assert (seen.facts, seen.reason, seen.completeness) == ([], Reason.TARPIT, Completeness.FAILED)


def test_the_rate_is_a_budget_of_packets(lab):
    lab("nft", "add table inet t; add chain inet t c { type filter hook input priority -10; };"
        "add rule inet t c tcp flags & (syn|ack) == syn counter")  # fmt: skip
    started = time.monotonic()
    seen = look(host(THERE), ports="1-250", rate=100).seen[THERE]
    assert seen.reason is Reason.NOT_CONFIGURED
    # 250 SYNs and two more packets for each of three open ports: the last SYN goes 2.5 s after the first.
    assert time.monotonic() - started >= 250 / 100 - 0.1


def test_the_deadline_leaves_the_rest_not_measured(lab):
    seen = look(host(THERE), endpoint(THERE, 22), ports="1-5000", rate=100, deadline=2.0).seen
    assert (seen[THERE].completeness, seen[THERE].reason) == (Completeness.PARTIAL, Reason.TIMEOUT)
    assert "were not measured before the deadline" in seen[THERE].detail
    assert [fact.values["state"] for fact in seen[f"{THERE}:22"].facts] == ["open"], "narrow looks go first"


def test_the_gate_stops_what_is_not_allowed():
    targets = (
        host("192.0.2.77"),
        host("192.0.2.78", named=False),
        endpoint("169.254.169.254", 80, named=True),
    )
    started = time.monotonic()
    seen = look(*targets, ports="22", networks=(), deadline=60.0).seen
    assert time.monotonic() - started < 30, "there is nothing to wait for"
    assert {one.reason for one in seen.values()} == {Reason.NOT_ALLOWED}
    assert all(one.completeness is Completeness.FAILED and not one.facts for one in seen.values())


def test_targets_that_cannot_be_looked_at_say_why():
    network = Target(
        "fw", "ports", Form.NETWORK, "198.18.0.0/24", Vantage.OUTSIDE, {"network": "198.18.0.0/24"}
    )
    seen = look(network, host("no\x1bname"), host("127.0.0.1"), ports="1").seen
    assert seen["198.18.0.0/24"].reason is Reason.UNSUPPORTED
    assert seen["no\x1bname"].reason is Reason.DNS_FAILURE
    assert seen["127.0.0.1"].reason is Reason.NOT_CONFIGURED


def test_bad_ports_are_named():
    with pytest.raises(Unavailable) as caught:
        look(host("127.0.0.1"), ports="22,htp")
    assert caught.value.reason is Reason.NOT_CONFIGURED
    assert "'htp'" in caught.value.detail


def test_no_port_of_this_host_reaches_itself():
    """A socket that is given its own destination as source port connects to itself: no listener."""
    with open("/proc/sys/net/ipv4/ip_local_port_range", encoding="ascii") as file:
        low, high = map(int, file.read().split())
    seen = look(host("127.0.0.1"), ports=f"{low}-{high}", rate=100_000)
    for port in found(seen, "127.0.0.1"):  # whatever others serve here meanwhile
        with socket.socket() as probe, pytest.raises(OSError, match="in use"):
            probe.bind(("127.0.0.1", port))


def test_few_descriptors_slow_the_look_but_lose_nothing():
    before = resource.getrlimit(resource.RLIMIT_NOFILE)
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        few = max(map(int, os.listdir("/proc/self/fd"))) + 40  # beyond what this process already holds
        resource.setrlimit(resource.RLIMIT_NOFILE, (few, before[1]))
        try:
            seen = look(host("127.0.0.1"), ports=f"1-2000,{port}", rate=100_000).seen["127.0.0.1"]
        finally:
            resource.setrlimit(resource.RLIMIT_NOFILE, before)
    assert seen.reason is Reason.NOT_CONFIGURED
    assert port in {fact.values["port"] for fact in seen.facts}
