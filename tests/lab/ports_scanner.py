"""Run the SYN engine as the agent's children run: opened with CAP_NET_RAW, used as nobody without capabilities.

    python -m tests.lab.ports_scanner '{"lanes": [["198.18.7.2", "top"]], "rate": 1000}'

prints what each lane met. `drop_first` gives the capability up before the sockets are opened.
"""

from __future__ import annotations

import json
import subprocess
import sys
import time
from dataclasses import dataclass

from secmon.agent import confine
from secmon.checks.ports import portlist
from secmon.checks.ports.pace import Pace
from secmon.checks.ports.probe import wire
from secmon.checks.ports.probe.lane import Lane
from secmon.checks.ports.probe.syn import SynEngine
from secmon.core.contract import Unavailable
from tests.lab.ports_lab import ROOT


@dataclass(frozen=True)
class Scanned:
    """What a run told.

    Attributes:
        lanes: address -> `states` (port -> state), `failure`, `detail`.
        seconds: of the run.
        cpu_seconds: of the process from the drop on.
        refusal: the reason for which there was no run, "" where there was one.
        finished: addresses in the order in which they were done.
    """

    lanes: dict[str, dict]
    seconds: float
    cpu_seconds: float
    refusal: str
    finished: list[str]

    def ports(self, address: str, state: str) -> set[int]:
        """Return the ports of an address that are in a state."""
        return {int(port) for port, met in self.lanes[address]["states"].items() if met == state}


def scan(*lanes: tuple[str, str], rate: int, timeout: float = 60.0, **options) -> Scanned:
    """Scan in a process of its own.

    Args:
        lanes: address, and ports as `portlist` reads them.
        rate: packets per second and host.
        timeout: deadline of the run, seconds.
        options: `total` packets per second; `drop_first`.
    """
    orders = json.dumps({"lanes": lanes, "rate": rate, "timeout": timeout, **options})
    done = subprocess.run(
        [sys.executable, "-m", "tests.lab.ports_scanner", orders],
        capture_output=True, text=True, timeout=timeout + 120, check=False, cwd=ROOT,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return Scanned(**json.loads(done.stdout))


def _run(orders: dict) -> dict:
    if orders.get("drop_first"):
        confine.narrow((), ())
    else:
        confine.narrow(("NET_RAW",), ())
    try:
        handles = wire.acquire()
    except Unavailable as why:
        return {"lanes": {}, "seconds": 0, "cpu_seconds": 0, "refusal": why.reason, "finished": []}
    confine.drop(confine.Limits())
    started, cpu = time.monotonic(), time.process_time()
    rate = orders["rate"]
    lanes = [
        Lane(address, Pace(rate), lambda: None, portlist.parse(ports)) for address, ports in orders["lanes"]
    ]
    engine = SynEngine(handles, Pace(orders.get("total") or rate * len(lanes)))
    unsupported = [lane.address for lane in lanes if not engine.supports(lane.address)]
    assert not unsupported, unsupported
    finished: list[str] = []
    engine.run(lanes, started + orders["timeout"], lambda lane: finished.append(lane.address), lambda: None)
    return {
        "lanes": {
            lane.address: {"states": lane.states, "failure": lane.failure, "detail": lane.detail}
            for lane in lanes
        },
        "seconds": time.monotonic() - started,
        "cpu_seconds": time.process_time() - cpu,
        "refusal": "",
        "finished": finished,
    }


if __name__ == "__main__":
    print(json.dumps(_run(json.loads(sys.argv[1]))))
