"""Ports that a host hands on: rules written by nft and iptables, read from the kernel."""

from __future__ import annotations

import json
import os
import pathlib
import subprocess
import sys

import pytest

ASK = """
import json, os
from secmon.checks.ports.probe import published
from secmon.core.contract import Task
from secmon.core.model import Form, Target
from tests.support import Collector
task = Task("ports", "published", (Target("me", "ports", Form.LOCAL, "local"),), {}, (), (), 60.0, 0.0)
if os.environ.get("AS_NOBODY"):
    os.setresuid(65534, 65534, 65534)
handles = published.acquire(task)
if not os.environ.get("AS_NOBODY"):
    os.setresuid(65534, 65534, 65534)
collector = Collector()
published.observe(handles, collector)
seen = collector.seen["local"]
print(json.dumps([seen.completeness, seen.reason, [[fact.values, fact.missing] for fact in seen.facts]]))
"""

NFT = """
table ip mine {
 chain pre {
  type nat hook prerouting priority -100;
  tcp dport 2222 dnat to 10.0.0.5:22
  iifname "eth0" udp dport 500-510 dnat to 10.0.0.6
  tcp dport { 80, 443 } dnat to 10.0.0.7
  ip daddr 192.0.2.9 tcp dport 3306 counter dnat to 10.0.0.8
 }
}
table inet both {
 chain pre {
  type nat hook prerouting priority -90;
  tcp dport 7000 dnat ip to 10.0.0.9:70
  tcp dport 7001 dnat ip6 to [fd00::9]:71
  tcp dport 7002 accept
 }
}
"""

IPTABLES = [
    "-N DOCKER",
    "-A PREROUTING -m addrtype --dst-type LOCAL -j DOCKER",
    "-A DOCKER ! -i docker0 -p tcp -m tcp --dport 8080 -j DNAT --to-destination 172.17.0.2:80",
    "-A DOCKER -d 127.0.0.1/32 ! -i docker0 -p udp -m udp --dport 5353 -j DNAT --to-destination 172.17.0.3:53",
    "-A POSTROUTING -s 172.17.0.0/16 -j MASQUERADE",
    "-A OUTPUT -p tcp --dport 1 -j DNAT --to-destination 172.17.0.4",
]


class Host:
    """A network namespace."""

    def __init__(self, name: str) -> None:
        self.name = name

    def run(self, *command: str, text: str = "", **environment: str) -> str:
        return subprocess.run(
            ["ip", "netns", "exec", self.name, *command],
            input=text,
            check=True,
            capture_output=True,
            text=True,
            env={**os.environ, **environment},
        ).stdout

    def forward(self, *, ipv6: bool = False) -> None:
        self.run("sysctl", "-q", "-w", "net.ipv4.ip_forward=1")
        if ipv6:
            self.run("sysctl", "-q", "-w", "net.ipv6.conf.all.forwarding=1")

    def look(self, **environment: str) -> tuple[str, str | None, list[tuple[dict, dict]]]:
        here = str(pathlib.Path(__file__).parents[2])
        return json.loads(self.run(sys.executable, "-c", ASK, PYTHONPATH=here, **environment))


@pytest.fixture
def host(needs):
    needs("ip", "nft", "sysctl", root=True)
    name = f"secmon-nat-{os.getpid()}"
    subprocess.run(["ip", "netns", "add", name], check=True)
    yield Host(name)
    subprocess.run(["ip", "netns", "del", name], check=True)


def told(facts: list) -> set[tuple]:
    return {
        tuple(values.get(name) for name in ("proto", "address", "port", "to_address", "to_port", "scope"))
        for values, _ in facts
    }


def test_rules_of_nft_are_read(host: Host):
    host.forward(ipv6=True)
    host.run("nft", "-f", "-", text=NFT)
    completeness, reason, facts = host.look()
    assert (completeness, reason) == ("ok", None)
    assert told(facts) == {
        ("tcp", "0.0.0.0", 2222, "10.0.0.5", 22, "exposed"),
        ("udp", "0.0.0.0", 500, "10.0.0.6", 500, "exposed"),
        ("tcp", "0.0.0.0", None, "10.0.0.7", None, "exposed"),
        ("tcp", "192.0.2.9", 3306, "10.0.0.8", 3306, "exposed"),
        ("tcp", "0.0.0.0", 7000, "10.0.0.9", 70, "exposed"),
        ("tcp", "::", 7001, "fd00::9", 71, "exposed"),
    }
    (ports,) = (missing for values, missing in facts if values["to_address"] == "10.0.0.7")
    assert ports == {"port": "unsupported", "to_port": "unsupported"}


def test_rules_of_docker_are_read(host: Host, needs):
    needs("iptables-nft")
    host.forward()
    for rule in IPTABLES:
        host.run("iptables-nft", "-t", "nat", *rule.split())
    _, reason, facts = host.look()
    assert reason is None
    assert told(facts) == {
        ("tcp", "0.0.0.0", 8080, "172.17.0.2", 80, "exposed"),
        ("udp", "127.0.0.1", 5353, "172.17.0.3", 53, "loopback"),
    }


def test_a_host_that_does_not_forward_hands_nothing_on(host: Host):
    host.run("nft", "-f", "-", text=NFT)
    assert host.look() == ["ok", None, []]


def test_only_the_family_that_is_forwarded_counts(host: Host):
    host.forward()
    host.run("nft", "-f", "-", text=NFT)
    assert ("tcp", "::", 7001, "fd00::9", 71, "exposed") not in told(host.look()[2])


def test_without_the_right_it_is_unknown_where_something_may_be_handed_on(host: Host):
    assert host.look(AS_NOBODY="1") == ["ok", None, []]
    host.forward()
    assert host.look(AS_NOBODY="1") == ["failed", "permission", []]
