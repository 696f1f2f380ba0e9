"""Run the probe of other hosts as nobody, without a capability, and print what it saw as JSON."""

from __future__ import annotations

import json
import os
import pathlib
import resource
import subprocess
import sys
from typing import TYPE_CHECKING

from secmon.checks.ports import CHECK
from secmon.checks.ports.probe import remote
from secmon.core.contract import Task
from secmon.core.model import Form, Target, Vantage
from tests.support import Collector

if TYPE_CHECKING:
    from collections.abc import Sequence

ROOT = pathlib.Path(__file__).parents[2]
NOBODY = 65534


def make_task(targets: Sequence[Target], networks: Sequence[str] = (), deadline=60.0, **settings) -> Task:
    """Make a task; settings not given have their default, and nothing is asked of services."""
    defaults = {spec.name: spec.default for spec in CHECK.settings}
    settings = defaults | {"identify": False} | settings
    return Task("ports", "remote", tuple(targets), settings, tuple(networks), (), deadline, 0.0)


def host(address: str, **options: object) -> Target:
    """Return a target that is a host."""
    return Target("fw", "ports", Form.HOST, address, Vantage.OUTSIDE, {"host": address, **options})


def run_as_nobody(
    hosts: Sequence[str], *, before: str = "", namespaces: str = "", **options
) -> dict[str, dict]:
    """Run the probe in a program of its own.

    Args:
        hosts: targets.
        before: shell commands to run first, as root.
        namespaces: options of unshare(1).
        options: arguments of `make_task`, and `descriptors`, how many may be open.
    """
    script = f'{before}\nexec {sys.executable} -m tests.lab.ports_probe "$1"'
    unshare = ["unshare", *namespaces.split()] if namespaces else []
    done = subprocess.run(
        [*unshare, "sh", "-ec", script, "sh", json.dumps({"hosts": list(hosts), **options})],
        check=False, capture_output=True, text=True, timeout=240, cwd=ROOT,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def opened(seen) -> list[tuple[str, int]]:
    """Return protocol and number of each port that is told as open."""
    told = [fact.values for fact in seen.facts]
    return [(fact["proto"], fact["port"]) for fact in told if fact["state"] == "open"]


def _main(options: dict) -> None:
    hosts, descriptors = options.pop("hosts"), options.pop("descriptors", 0)
    task = make_task([host(name) for name in hosts], **options)
    remote.acquire(task)  # imports what nobody may not be able to read here
    os.setgroups([])
    os.setresgid(NOBODY, NOBODY, NOBODY)
    os.setresuid(NOBODY, NOBODY, NOBODY)
    if descriptors:
        resource.setrlimit(resource.RLIMIT_NOFILE, (descriptors, descriptors))
    collector = Collector()
    remote.observe(remote.acquire(task), collector)
    told = {
        text: {
            "reason": seen.reason,
            "completeness": seen.completeness,
            "detail": seen.detail,
            "open": [port for proto, port in opened(seen) if proto == "tcp"],
            "open_udp": [port for proto, port in opened(seen) if proto == "udp"],
            "addresses": sorted({fact.values["address"] for fact in seen.facts}),
        }
        for text, seen in collector.seen.items()
    }
    assert collector.canaries == [(None, "")], collector.canaries
    print(json.dumps(told))


if __name__ == "__main__":
    _main(json.loads(sys.argv[1]))
