"""Hosts of many tempers in network namespaces on one bridge: what every port engine is tried on.

`with lab() as made:` builds the eight hosts of HOSTS (none, 5 and 50 open ports, DROP, REJECT, UDP, IPv6 only,
5 % loss); `made["drop"].address` is where one is found. The packets stay on a bridge of this lab's own. All 44
open TCP ports that have IPv4 and a place in `top` are in nmap's first thousand too.
"""

from __future__ import annotations

import contextlib
import json
import os
import pathlib
import subprocess
import sys
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

ROOT = pathlib.Path(__file__).parents[2]
_SERVER = pathlib.Path(__file__).with_name("ports_host.py")
_COMMON = (
    21,
    22,
    23,
    25,
    80,
    110,
    111,
    135,
    139,
    143,
    389,
    443,
    445,
    465,
    587,
    631,
    993,
    995,
    3306,
    3389,
    8080,
)


@dataclass(frozen=True, slots=True)
class Host:
    """What a host is like.

    Attributes:
        name: short, unique in a lab.
        tcp: open TCP ports, over both families.
        udp: UDP port -> `dns`, `ntp`, `snmp` (answers well-formed queries only) or `silent`.
        rules: nftables rules of its input chain, after which the rest is accepted.
        script: nftables commands of its own, for what needs more than an input chain.
        ipv4: has an IPv4 address.
        delay: milliseconds that its answers are late.
        sysctls: name below /proc/sys -> value.
    """

    name: str
    tcp: tuple[int, ...] = ()
    udp: dict[int, str] = field(default_factory=dict)
    rules: tuple[str, ...] = ()
    script: str = ""
    ipv4: bool = True
    delay: int = 0
    sysctls: dict[str, str] = field(default_factory=dict)


def _only(verdict: str, *ports: int) -> str:
    return f"tcp dport != {{ {', '.join(map(str, ports))} }} {verdict}"


HOSTS = (
    Host("none"),
    Host("five", (22, 80, 443, 3306, 5432)),
    Host("fifty", (*_COMMON, *range(20101, 20130))),
    Host("drop", (22, 80, 443, 8443, 9090), rules=(_only("drop", 22, 80, 443, 8443, 9090),)),
    Host("reject", (22, 53, 8000), rules=(_only("reject", 22, 53, 8000),)),
    Host("udp", udp={53: "dns", 123: "ntp", 161: "snmp", 69: "silent", 514: "silent"}),
    Host("six", (22, 80, 443, 8080, 8443), ipv4=False),
    Host(
        "lossy",
        (21, 22, 25, 80, 110, 143, 443, 993, 3306, 8080),
        rules=("numgen random mod 100 < 5 drop",),
    ),
)

SYN_PROXY = Host(
    "proxy",
    (80,),
    # As nftables(8) has it: nothing reaches the host before the proxy has seen the handshake through.
    script="""
        table inet proxy {
            chain early { type filter hook prerouting priority raw; tcp dport 1-1000 tcp flags syn notrack; }
            chain host {
                type filter hook input priority 0;
                tcp dport 1-1000 ct state invalid,untracked synproxy mss 1460 wscale 7 timestamp sack-perm
                ct state invalid drop
            }
        }
    """,
    sysctls={"net/netfilter/nf_conntrack_tcp_loose": "0"},
)
"""Answers each SYN to ports 1-1000 itself, with window 0; behind it only port 80 is served."""


class Running:
    """A host that runs.

    Attributes:
        host: what it is like.
        netns: its namespace.
        address: where scanners find it: IPv4 where it has that, else IPv6.
        address6: its IPv6 address.
    """

    def __init__(self, host: Host, netns: str, address: str, address6: str) -> None:
        self.host, self.netns, self.address, self.address6 = host, netns, address, address6
        self._server: subprocess.Popen[bytes] | None = None

    def run(self, *command: str) -> str:
        """Run a program in its namespace; return what it prints."""
        return _run("ip", "netns", "exec", self.netns, *command)

    def nft(self, commands: str) -> None:
        """Load nftables commands in its namespace."""
        _run("ip", "netns", "exec", self.netns, "nft", "-f", "-", text=commands)

    def start(self, *, counting: bool) -> None:
        """Start its servers."""
        self._server = subprocess.Popen(
            ["ip", "netns", "exec", self.netns, sys.executable, "-S", "-E", str(_SERVER)],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE,
        )  # fmt: skip
        orders = {"tcp": self.host.tcp, "udp": self.host.udp, "count": counting}
        answer = self._ask(json.dumps(orders))
        assert answer == b"ready\n", f"{self.host.name}: {answer!r}"

    def traffic(self) -> dict[str, int]:
        """Return what reached it: `packets`, `busiest` (most in any second), `syn`, `most_syns` of a port ..."""
        return json.loads(self._ask("count"))

    def stop(self) -> None:
        """End its servers."""
        if self._server:
            self._server.stdin.close()
            self._server.wait(timeout=20)
            self._server.stdout.close()

    def _ask(self, order: str) -> bytes:
        self._server.stdin.write(f"{order}\n".encode())
        self._server.stdin.flush()
        return self._server.stdout.readline()


class Lab(dict[str, Running]):
    """Hosts by name.

    Attributes:
        networks: what the gate must let through.
        nobody: an address of the network that no host has.
        bridge: the interface of this end.
    """

    def __init__(self, number: int) -> None:
        super().__init__()
        self.networks = (f"198.18.{number}.0/24", f"fd5e:c307:{number:x}::/64")  # RFC 2544, RFC 4193
        self.nobody = f"198.18.{number}.250"
        self.bridge = f"smp{os.getpid()}"[:15]
        self.number = number

    def addresses(self, host: int) -> tuple[str, str]:
        """Return the IPv4 and IPv6 address of the host of that number; 1 is this end."""
        return f"198.18.{self.number}.{host}", f"fd5e:c307:{self.number:x}::{host:x}"


@contextlib.contextmanager
def lab(hosts: Sequence[Host] = HOSTS, *, counting: bool = False) -> Iterator[Lab]:
    """Make the hosts, and remove them.

    Args:
        hosts: at most 100.
        counting: let each count the packets that reach it (`Running.traffic`); costs it CPU.
    """
    made = Lab(os.getpid() % 250)
    _remove(made, hosts)  # what a killed run of this pid left behind
    try:
        _bridge(made)
        for number, host in enumerate(hosts, start=2):
            made[host.name] = _host(made, host, number)
            made[host.name].start(counting=counting)
        yield made
    finally:
        for running in made.values():
            running.stop()
        _remove(made, hosts)


def _bridge(made: Lab) -> None:
    address, address6 = made.addresses(1)
    _run("ip", "link", "add", made.bridge, "type", "bridge", "mcast_snooping", "0")
    _run("ip", "addr", "add", f"{address}/24", "dev", made.bridge)
    _run("ip", "addr", "add", f"{address6}/64", "dev", made.bridge, "nodad")
    _run("ip", "link", "set", made.bridge, "up")


def _host(made: Lab, host: Host, number: int) -> Running:
    address, address6 = made.addresses(number)
    running = Running(host, _netns(made, host), address if host.ipv4 else address6, address6)
    port, inside = f"smp{os.getpid()}.{number}"[:15], ("ip", "-n", running.netns)
    _run("ip", "netns", "add", running.netns)
    _run("ip", "link", "add", port, "type", "veth", "peer", "name", "eth0", "netns", running.netns)
    _run("ip", "link", "set", port, "master", made.bridge, "up")
    if host.ipv4:
        _run(*inside, "addr", "add", f"{address}/24", "dev", "eth0")
    _run(*inside, "addr", "add", f"{address6}/64", "dev", "eth0", "nodad")
    _run(*inside, "link", "set", "lo", "up")
    _run(*inside, "link", "set", "eth0", "up")
    _temper(running)
    return running


def _temper(running: Running) -> None:
    host = running.host
    if host.rules:
        rules = ("type filter hook input priority 0", "meta l4proto ipv6-icmp accept", *host.rules)
        running.nft(f"table inet host {{ chain input {{ {'; '.join(rules)}; }}; }}\n")
    if host.script:
        running.nft(host.script)
    if host.delay:
        running.run(
            "tc",
            "qdisc",
            "add",
            "dev",
            "eth0",
            "root",
            "netem",
            "limit",
            "100000",
            "delay",
            f"{host.delay}ms",
        )
    for name, value in host.sysctls.items():
        running.run("sh", "-c", f"echo {value} > /proc/sys/{name}")


def _netns(made: Lab, host: Host) -> str:
    return f"{made.bridge}-{host.name}"


def _remove(made: Lab, hosts: Sequence[Host]) -> None:
    for host in hosts:  # their ends of the links go with them
        subprocess.run(["ip", "netns", "del", _netns(made, host)], check=False, capture_output=True)
    subprocess.run(["ip", "link", "del", made.bridge], check=False, capture_output=True)


def _run(*command: str, text: str = "") -> str:
    try:
        done = subprocess.run(command, input=text, check=True, capture_output=True, text=True, timeout=30)
    except subprocess.CalledProcessError as error:
        raise AssertionError(f"{' '.join(command)}: {error.stderr.strip()}") from error
    return done.stdout
