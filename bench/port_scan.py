"""Promise: ports of 8 mixed hosts in <= 6 s, all ports of 4 hosts in <= 0.8x nmap, none missed at 5 % loss.

The hosts live in network namespaces that this program makes (tests/lab/ports_lab.py); secmon and nmap take
turns.

- mixed: the eight hosts of the lab, `top`, at 1,000 packets per second and host, against `nmap -sS -T4` with
  its first thousand ports. nmap is not told of the host that has IPv6 only; 44 open ports are left.
- clean: all ports of four hosts that drop nothing, at 100,000 packets per second and host, against
  `nmap -sS -T4 -p-`.
- lossy: all ports of a host that loses 5 % of what reaches it, ten times; each open port, each time.

secmon runs as in the agent: the probe opens its sockets with CAP_NET_RAW and sends as nobody; what open ports
serve is not asked. Its times are those of the look, which begins where the agent has forked a child and has
loaded the probe; those of the whole process, with what Python takes to start, are told beside them, and hold
for the 6 s.
"""

from __future__ import annotations

import json
import pathlib
import re
import resource
import shutil
import statistics
import subprocess
import sys
import time
from dataclasses import dataclass

ROOT = pathlib.Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from secmon.agent import confine  # noqa: E402  # the path is set one line above
from secmon.checks.ports import CHECK  # noqa: E402
from secmon.checks.ports.probe import remote  # noqa: E402
from secmon.core.contract import Task  # noqa: E402
from secmon.core.model import Form, Target, Vantage  # noqa: E402
from tests.lab.ports_lab import HOSTS, Host, Lab, lab  # noqa: E402
from tests.support import Collector  # noqa: E402

MIXED_RATE, MIXED_ROUNDS, MIXED_SECONDS, MIXED_CPU_SECONDS = 1000, 2, 6.0, 0.3
CLEAN_RATE, CLEAN_ROUNDS, CLEAN_RATIO = 100_000, 5, 0.8
LOSSY_RUNS = 10
CLEAN = tuple(Host(f"clean{number}", (22, 80, 443, 8080 + number)) for number in range(4))
NMAP = ("nmap", "-n", "-Pn", "-sS", "-T4", "-oG", "-")


@dataclass(frozen=True)
class Cost:
    """What something took.

    Attributes:
        seconds: by the wall.
        cpu_seconds: of user and system.
    """

    seconds: float
    cpu_seconds: float


@dataclass(frozen=True)
class Run:
    """One run of a program.

    Attributes:
        found: (address, port) of each open port.
        look: from the first step of the look to its last; of nmap, the whole process.
        process: from the start of the process to its end.
    """

    found: frozenset[tuple[str, int]]
    look: Cost
    process: Cost


def timed(command: list[str]) -> tuple[Cost, str]:
    """Run a program; return what it took, and its output."""
    before, start = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
    done = subprocess.run(command, check=True, capture_output=True, text=True, cwd=ROOT)
    seconds, after = time.perf_counter() - start, resource.getrusage(resource.RUSAGE_CHILDREN)
    cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return Cost(seconds, cpu), done.stdout


def secmon(made: Lab, ports: str, rate: int) -> Run:
    """Let the probe look at every host of a lab, in a process of its own."""
    orders = json.dumps([[host.address for host in made.values()], ports, rate, made.networks])
    process, text = timed([sys.executable, __file__, orders])
    told = json.loads(text)
    return Run(frozenset((address, port) for address, port in told["found"]), Cost(*told["cost"]), process)


def nmap(made: Lab, *ports: str) -> Run:
    """Let nmap look at every host of a lab that has IPv4."""
    addresses = [host.address for host in made.values() if host.host.ipv4]
    process, text = timed([*NMAP, *ports, *addresses])
    found = set()
    for line in text.splitlines():
        if match := re.match(r"Host: (\S+) .*Ports: (.*)", line):
            found |= {(match[1], int(port)) for port in re.findall(r"(\d+)/open/tcp", match[2])}
    return Run(frozenset(found), process, process)


def probe(addresses: list[str], ports: str, rate: int, networks: list[str]) -> None:
    """Run the probe in this process, as a child of the agent does, and print what it found."""
    targets = tuple(
        Target("bench", "ports", Form.HOST, address, Vantage.OUTSIDE, {"host": address})
        for address in addresses
    )
    settings = {spec.name: spec.default for spec in CHECK.settings}
    settings |= {"ports": ports, "rate": rate, "udp_ports": "none", "identify": False}
    start, cpu = time.perf_counter(), time.process_time()
    confine.narrow(("NET_RAW",), ())
    handles = remote.acquire(
        Task("ports", "remote", targets, settings, tuple(networks), (), 300.0, time.time())
    )
    confine.drop(confine.Limits())
    collector = Collector()
    remote.observe(handles, collector)
    cost = (time.perf_counter() - start, time.process_time() - cpu)
    found = [
        (address, fact.values["port"])
        for address in addresses
        for fact in collector.seen[address].facts
        if fact.values["state"] == "open"
    ]
    print(json.dumps({"cost": cost, "found": found}))


def truth(made: Lab, ports: range = range(1, 65536)) -> frozenset[tuple[str, int]]:
    """Return every open port of a lab."""
    return frozenset(
        (host.address, port) for host in made.values() for port in host.host.tcp if port in ports
    )


def mixed() -> dict[str, object]:
    """Look at eight mixed hosts."""
    ours, theirs = [], []
    with lab(HOSTS) as made:
        open_ports = truth(made, range(1, 20_000))  # what is above is in nobody's first thousand
        for _ in range(MIXED_ROUNDS):
            ours.append(secmon(made, "top", MIXED_RATE))
            theirs.append(nmap(made, "--top-ports", "1000"))
        with_ipv4 = {(address, port) for address, port in open_ports if ":" not in address}
    right = all(run.found == open_ports for run in ours)
    slowest = max(run.process.seconds for run in ours)
    dearest = max(run.look.cpu_seconds for run in ours)
    return {
        "open_ports": {"ipv4": len(with_ipv4), "ipv6": len(open_ports) - len(with_ipv4)},
        "secmon": {
            **medians(ours),
            "missed": sum(len(open_ports - run.found) for run in ours),
            "invented": sum(len(run.found - open_ports) for run in ours),
        },
        "nmap": {**medians(theirs), "missed": sum(len(with_ipv4 - run.found) for run in theirs)},
        "kept": right and slowest <= MIXED_SECONDS and dearest <= MIXED_CPU_SECONDS,
    }


def clean() -> dict[str, object]:
    """Look at all ports of four clean hosts."""
    ours, theirs = [], []
    with lab(CLEAN) as made:
        for _ in range(CLEAN_ROUNDS):
            ours.append(secmon(made, "all", CLEAN_RATE))
            theirs.append(nmap(made, "-p-"))
        right = all(run.found == truth(made) for run in (*ours, *theirs))
    pairs = list(zip(ours, theirs, strict=True))
    wall = statistics.median(mine.look.seconds / other.look.seconds for mine, other in pairs)
    cpu = statistics.median(mine.look.cpu_seconds / other.look.cpu_seconds for mine, other in pairs)
    return {
        "secmon": medians(ours),
        "nmap": medians(theirs),
        "ratio": {"wall": round(wall, 2), "cpu": round(cpu, 2)},
        "all_found": right,
        "kept": right and wall <= CLEAN_RATIO and cpu <= CLEAN_RATIO,
    }


def lossy() -> dict[str, object]:
    """Look at all ports of a host that loses packets."""
    with lab([host for host in HOSTS if host.name == "lossy"]) as made:
        runs = [secmon(made, "all", CLEAN_RATE) for _ in range(LOSSY_RUNS)]
        found = [len(run.found & truth(made)) for run in runs]
        right = all(run.found == truth(made) for run in runs)
    return {"secmon": medians(runs), "found": found, "kept": right}


def medians(runs: list[Run]) -> dict[str, float]:
    """Return what runs took in the middle."""
    middle = {
        "seconds": [run.look.seconds for run in runs],
        "cpu_seconds": [run.look.cpu_seconds for run in runs],
        "process_seconds": [run.process.seconds for run in runs],
        "process_cpu_seconds": [run.process.cpu_seconds for run in runs],
    }
    return {name: round(statistics.median(numbers), 2) for name, numbers in middle.items()}


def main() -> int:
    """Measure, print JSON, and return 0 where the promises are kept."""
    if lacks := [name for name in ("nmap", "ip", "nft") if shutil.which(name) is None]:
        sys.exit(f"needs {', '.join(lacks)}")
    parts = {"mixed": mixed(), "clean": clean(), "lossy": lossy()}
    kept = all(part["kept"] for part in parts.values())
    limits = {
        "mixed": {"seconds": MIXED_SECONDS, "cpu_seconds": MIXED_CPU_SECONDS},
        "clean": {"ratio": CLEAN_RATIO},
    }
    print(json.dumps({"bench": "port_scan", "limit": limits, **parts, "kept": kept}, indent=2))
    return 0 if kept else 1


if __name__ == "__main__":
    if len(sys.argv) > 1:
        probe(*json.loads(sys.argv[1]))
    else:
        sys.exit(main())
