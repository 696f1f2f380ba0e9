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
import shutil
import subprocess
import sys
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from tests.lab.ports_relay import tap
from tests.support.processes import wait_for

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

ROOT = pathlib.Path(__file__).parents[2]
_PATH = os.environ.get("PATH", "") + ":/usr/sbin:/sbin"
_SERVER = pathlib.Path(__file__).with_name("ports_host.py")
_RELAY = pathlib.Path(__file__).with_name("ports_relay.py")
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

_EVERYWHERE = """
    table ip everywhere {
        chain early { type nat hook prerouting priority dstnat; tcp dport 1-65535 redirect to :80; }
        chain late { type filter hook output priority 0; tcp sport 80 tcp window set WINDOW; }
    }
"""

HARD = (
    SYN_PROXY,
    Host("silent", rules=("drop",)),
    Host("reset", (22, 80), rules=(_only("reject with tcp reset", 22, 80),)),
    Host("prohibited", (22, 80), rules=(_only("reject with icmpx type admin-prohibited", 22, 80),)),
    Host("late", (22, 80, 443), delay=1200),
    Host("tarpit", (80,), script=_EVERYWHERE.replace("WINDOW", "0")),
    Host(
        "sticky",
        (80,),
        script=_EVERYWHERE.replace("WINDOW", "5"),
        sysctls={"net/ipv4/tcp_window_scaling": "0"},
    ),
    Host("mirror", (80,), script=_EVERYWHERE.replace(" tcp window set WINDOW", " accept")),
)
"""Behind `tarpit`, `sticky` and `mirror` every port opens, with a window of 0, of 5, and an honest one."""


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
        self._relay: subprocess.Popen[bytes] | None = None

    def run(self, *command: str) -> str:
        """Run a program in its namespace; return what it prints."""
        return _run("ip", "netns", "exec", self.netns, *command)

    def nft(self, commands: str) -> None:
        """Load nftables commands in its namespace."""
        _run("ip", "netns", "exec", self.netns, "nft", "-f", "-", text=commands)

    def link_late(self, port: str) -> None:
        """Join its `eth0` to a bridge port by a link that lets what it sends out late."""
        outer = tap(port)
        script = [sys.executable, "-S", "-E", str(_RELAY), str(outer), "eth0", str(self.host.delay)]
        self._relay = subprocess.Popen(
            ["ip", "netns", "exec", self.netns, *script],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, pass_fds=[outer],
        )  # fmt: skip
        os.close(outer)
        assert self._relay.stdout.readline() == b"ready\n", f"{self.host.name}: no late link"

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
        for process in filter(None, (self._server, self._relay)):
            process.stdin.close()
            process.wait(timeout=60)
            process.stdout.close()

    def _ask(self, order: str) -> bytes:
        self._server.stdin.write(f"{order}\n".encode())
        self._server.stdin.flush()
        return self._server.stdout.readline()


def missing() -> str:
    """Say what this machine lacks to run a lab, "" for nothing."""
    if os.geteuid() != 0:
        return "needs root"
    absent = [program for program in ("ip", "nft") if shutil.which(program, path=_PATH) is None]
    return f"needs the program {absent[0]}" if absent else ""


class Lab(dict[str, Running]):
    """Hosts by name.

    Attributes:
        networks: what the gate must let through.
        nobody: an address of the network that no host has.
        bridge: the interface of this end.
    """

    def __init__(self, number: int) -> None:
        super().__init__()
        self.number = number
        self.networks = (f"198.18.{number}.0/24", f"fd5e:c307:{number:x}::/64")  # RFC 2544, RFC 4193
        self.nobody = f"198.18.{number}.250"
        self.bridge = f"smports{number}"

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
    made = _claim()
    try:
        for number, host in enumerate(hosts, start=2):
            address, address6 = made.addresses(number)
            running = Running(host, _netns(made, host), address if host.ipv4 else address6, address6)
            made[host.name] = running
            _build(made, running, number)
            running.start(counting=counting)
        ports = [f"{made.bridge}.{number}" for number in range(2, len(made) + 2)]
        assert wait_for(lambda: all(map(_forwards, ports))), "a link does not come up"
        yield made
    finally:
        for running in made.values():
            running.stop()
        _remove(made, hosts)


def _claim() -> Lab:
    """Make the bridge of a lab that has a number of its own: two may be made at the same moment."""
    for number in range(os.getpid() % 250, os.getpid() % 250 + 250):
        made = Lab(number % 250)
        # An address of its own, or it would take the lowest of its ports', which changes.
        link = ["ip", "link", "add", made.bridge, "address", f"02:00:00:00:07:{number % 250:02x}"]
        bridge = [*link, "type", "bridge", "mcast_snooping", "0"]
        if subprocess.run(bridge, check=False, capture_output=True).returncode == 0:
            address, address6 = made.addresses(1)
            _run("ip", "addr", "add", f"{address}/24", "dev", made.bridge)
            _run("ip", "addr", "add", f"{address6}/64", "dev", made.bridge, "nodad")
            _run("ip", "link", "set", made.bridge, "up")
            return made
    raise AssertionError("no bridge can be made; remove labs that were left behind (ip link, smports...)")


def _build(made: Lab, running: Running, number: int) -> None:
    host, inside = running.host, ("ip", "-n", running.netns)
    address, address6 = made.addresses(number)
    port = f"{made.bridge}.{number}"
    _run("ip", "netns", "add", running.netns)
    if host.delay:
        running.link_late(port)
    else:
        _run("ip", "link", "add", port, "type", "veth", "peer", "name", "eth0", "netns", running.netns)
    _run("ip", "link", "set", port, "master", made.bridge, "up")
    if host.ipv4:
        _run(*inside, "addr", "add", f"{address}/24", "dev", "eth0")
    _run(*inside, "addr", "add", f"{address6}/64", "dev", "eth0", "nodad")
    _run(*inside, "link", "set", "lo", "up")
    _run(*inside, "link", "set", "eth0", "up")
    if host.delay:  # a host as far away is behind a router, and neither has to look for that
        near = json.loads(_run("ip", "-json", "link", "show", made.bridge))[0]["address"]
        far = json.loads(_run(*inside, "-json", "link", "show", "eth0"))[0]["address"]
        for here, there in zip(made.addresses(1), made.addresses(number), strict=True):
            _run("ip", "neigh", "replace", there, "lladdr", far, "dev", made.bridge, "nud", "permanent")
            _run(*inside, "neigh", "replace", here, "lladdr", near, "dev", "eth0", "nud", "permanent")
    _temper(running)


def _forwards(port: str) -> bool:
    """Say whether a port of the bridge carries frames: the kernel sees to that when it finds the time."""
    return pathlib.Path(f"/sys/class/net/{port}/brport/state").read_text() == "3\n"


def _temper(running: Running) -> None:
    host = running.host
    if host.rules:
        rules = ("type filter hook input priority 0", "meta l4proto ipv6-icmp accept", *host.rules)
        running.nft(f"table inet host {{ chain input {{ {'; '.join(rules)}; }}; }}\n")
    if host.script:
        running.nft(host.script)
    for name, value in host.sysctls.items():
        running.run("sh", "-c", f"echo {value} > /proc/sys/{name}")


def _netns(made: Lab, host: Host) -> str:
    return f"{made.bridge}-{host.name}"


def _remove(made: Lab, hosts: Sequence[Host]) -> None:
    # A namespace goes when the kernel finds the time, and its end of a link with it; the next lab wants the names.
    for number, host in enumerate(hosts, start=2):
        port = f"{made.bridge}.{number}"
        subprocess.run(["ip", "link", "del", port], check=False, capture_output=True)
        subprocess.run(["ip", "netns", "del", _netns(made, host)], check=False, capture_output=True)
    subprocess.run(["ip", "link", "del", made.bridge], check=False, capture_output=True)


def _run(*command: str, text: str = "") -> str:
    try:
        done = subprocess.run(command, input=text, check=True, capture_output=True, text=True, timeout=60)
    except subprocess.CalledProcessError as error:
        raise AssertionError(f"{' '.join(command)}: {error.stderr.strip()}") from error
    return done.stdout
