"""Two network namespaces joined by a veth pair, and the live probe run in one of them as nobody."""

from __future__ import annotations

import contextlib
import json
import os
import pathlib
import subprocess
import sys
import time
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.support import Seen

ROOT = pathlib.Path(__file__).parents[2]
NEAR, FAR = "10.99.0.1", "10.99.0.2"


class Lab:
    """Namespaces `near` and `far`; each has one interface, v0, with the addresses NEAR and FAR."""

    def __init__(self, tag: str) -> None:
        self.near, self.far = f"{tag}n", f"{tag}f"

    def run(self, where: str, *command: str, timeout: float = 60) -> str:
        """Run a program in a namespace to its end; returns its standard output."""
        done = subprocess.run(
            ["ip", "netns", "exec", where, *command],
            capture_output=True,
            text=True,
            check=True,
            timeout=timeout,
        )
        return done.stdout

    @contextlib.contextmanager
    def background(self, where: str, *command: str) -> Iterator[subprocess.Popen[str]]:
        """Run a program in a namespace as long as the block lasts."""
        process = subprocess.Popen(
            ["ip", "netns", "exec", where, *command],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            cwd=ROOT,
        )
        try:
            yield process
        finally:
            process.terminate()
            process.communicate(timeout=60)

    @contextlib.contextmanager
    def live(self, where: str, seconds: float, **options) -> Iterator[dict]:
        """Run the live probe on v0 while the block lasts; the dictionary is filled when it has ended."""
        told: dict = {}
        arguments = json.dumps({"seconds": seconds, **options})
        with self.background(where, sys.executable, "-m", "tests.lab.traffic_lab", arguments) as process:
            assert process.stdout.readline() == "capturing\n", process.stderr.read()
            yield told
            out = process.stdout.read()  # communicate() would miss what readline() has already buffered
            assert process.wait(timeout=seconds + 30) == 0, process.stderr.read()
            told.update(json.loads(out))


@contextlib.contextmanager
def lab(tag: str) -> Iterator[Lab]:
    """Make the two namespaces, and remove them; their names are this process' own."""
    made = Lab(f"{tag}{os.getpid()}")
    try:
        for where in (made.near, made.far):
            subprocess.run(["ip", "netns", "add", where], check=True)
        pair = ["ip", "link", "add", "v0", "netns", made.near, "type", "veth"]
        subprocess.run([*pair, "peer", "name", "v0", "netns", made.far], check=True)
        for where, address in ((made.near, NEAR), (made.far, FAR)):
            # Neighbours announce themselves over IPv6 when they please: exact counts want a quiet link.
            made.run(where, "sh", "-c", "echo 1 > /proc/sys/net/ipv6/conf/all/disable_ipv6")
            made.run(where, "ip", "address", "add", f"{address}/24", "dev", "v0")
            made.run(where, "ip", "link", "set", "lo", "up")
            made.run(where, "ip", "link", "set", "v0", "up")
        yield made
    finally:
        for where in (made.near, made.far):
            subprocess.run(["ip", "netns", "delete", where], check=False, capture_output=True)


class _EnoughError(Exception):
    """The daemon's probe goes on for ever; this ends it."""


def _capture(options: dict) -> None:
    from secmon.checks.traffic.probe import live
    from secmon.core.contract import Task
    from secmon.core.model import Form, Target
    from tests.support import Collector

    class Windows(Collector):
        """An Emit that lets a target begin again, as the daemon's does, and ends after so many windows."""

        def __init__(self) -> None:
            super().__init__()
            self.ended: list[dict] = []

        def end(self, target, *rest, **named) -> None:
            super().end(target, *rest, **named)
            self.ended.append(_told(self.seen.pop(target.text), self.canaries))
            self.canaries = []
            if len(self.ended) == options["windows"]:
                raise _EnoughError

    target = Target("lab", "traffic", Form.INTERFACE, "if:v0", options={"name": options.get("name", "v0")})
    settings = {"duration": options["seconds"], "interface": "", "window": options["seconds"]}
    known = tuple(options.get("known_sources", ()))
    once = "windows" not in options
    deadline = options["seconds"] + 20
    task = Task("traffic", "live", (target,), settings, (), known, deadline, time.time(), once)
    handles, collector = live.acquire(task), Collector() if once else Windows()
    os.setgroups([])
    os.setresgid(65534, 65534, 65534)
    os.setresuid(65534, 65534, 65534)
    print("capturing", flush=True)
    started = time.process_time()
    with contextlib.suppress(_EnoughError):
        live.observe(handles, collector)
    spent = time.process_time() - started
    if once:
        told = {**_told(collector.seen["if:v0"], collector.canaries), "cpu_seconds": spent}
    else:
        told = {"windows": collector.ended}
    print(json.dumps(told), flush=True)


def _told(seen: Seen, canaries: list) -> dict:
    facts = [{"kind": fact.kind, **fact.values} for fact in seen.facts]
    return {
        "completeness": seen.completeness,
        "reason": seen.reason,
        "detail": seen.detail,
        "looked": seen.looked,
        "interface": next((fact for fact in facts if fact["kind"] == "interface"), None),
        "anomalies": [fact for fact in facts if fact["kind"] == "anomaly"],
        "canaries": canaries,
    }


if __name__ == "__main__":
    _capture(json.loads(sys.argv[1]))
