"""Measure the promise "all recording rules together <= 1 s per evaluation at 5,000 agents".

The shipped rules run in a real Prometheus, which scrapes the pages of 5,000 agents and the page of their
inventory from one server on loopback, each once a minute. The pages are those of the real exporters, over
generated observations: four checks, some 160 series an agent, nine assets in ten not always on, some
agents that do not answer, some checks that are not recent, waived failures on one asset in ten
(BENCH_WAIVED=1 for all). The figure is the sum of what Prometheus says of each recording rule, the median of
some evaluations. Beside it stand the alerts, and one query for the scores of units as one would write it
without the rules, over the points of every check, with neither memory nor disbelief.

What it takes depends on the Prometheus: 2.42 takes longer than 2.53. BENCH_PROMETHEUS names the program. What
the rules record is compared with what Python makes of the same province. It takes five minutes and 5 GB.
"""

from __future__ import annotations

import asyncio
import contextlib
import gzip
import json
import os
import pathlib
import random
import shutil
import statistics
import subprocess
import sys
import tempfile
import threading
import time
import urllib.parse
import urllib.request
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

ROOT = pathlib.Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from secmon.checks import load  # noqa: E402  # the path is set one line above
from secmon.core import inventory as words  # noqa: E402
from secmon.core.fleet import Member, aggregate, weight_of  # noqa: E402
from secmon.core.handover import hand_over  # noqa: E402
from secmon.core.judged import RuleCount  # noqa: E402
from secmon.core.model import Asset, Outcome, Severity  # noqa: E402
from secmon.core.plan import Pack  # noqa: E402
from secmon.core.score import Points, Score, freshness, score  # noqa: E402
from secmon.core.snapshot import (  # noqa: E402
    Agent,
    AssetCheck,
    AssetState,
    CheckState,
    CheckStats,
    FindingCount,
    Snapshot,
)
from secmon.export import inventory as inventory_page  # noqa: E402
from secmon.export.metrics import Renderer  # noqa: E402

if TYPE_CHECKING:
    from collections.abc import Iterator

PROMETHEUS = os.environ.get("BENCH_PROMETHEUS", "prometheus")
AGENTS = int(os.environ.get("BENCH_AGENTS", "5000"))
EVALUATIONS = int(os.environ.get("BENCH_EVALUATIONS", "9"))
WAIVED = float(os.environ.get("BENCH_WAIVED", "0.1"))
"""Share of the assets that have waived failures."""
PROMISE_SECONDS = 1.0
UNITS = 186
CHECKS = ("ports", "tls", "patches", "traffic")
DAY = 86_400.0
PACK = Pack("builtin", "0.1.0", "ab" * 32, signed=False)
SILENT, AGEING = 0.02, 0.02
"""Shares of the agents that do not answer, and of the checks whose last complete run is not recent."""
CONFIGURATION = """
global: {{scrape_interval: 60s, scrape_timeout: 20s, evaluation_interval: 15s}}
rule_files: ["{rules}/secmon-rules.yml", "{rules}/secmon-alerts.yml"]
scrape_configs:
  - job_name: secmon
    file_sd_configs: [{{files: [agents.json]}}]
  - job_name: secmon-inventory
    honor_labels: true
    metrics_path: /inventory
    static_configs: [{{targets: ["127.0.0.1:{port}"]}}]
"""
RAW = """
sum by (unit, unit_kind, province) (
  sum by (agent, asset) (
    secmon_points_earned * clamp(2 - (time() - secmon_check_last_complete_timestamp_seconds) / 86400, 0, 1)
  ) / sum by (agent, asset) (secmon_points_possible)
  * on (agent, asset) group_left (unit, unit_kind, province) secmon_inventory_asset_info
  * on (asset) group_left () secmon_inventory_weight
)
"""


@dataclass
class Province:
    """What is served, and of which assets: what is known of each, None where its agent does not answer."""

    pages: dict[str, bytes]
    targets: list[dict[str, Any]]
    assets: list[tuple[Asset, AssetState | None, words.Availability]]

    def score(self, now: float) -> float:
        """Return what Python makes of it at an instant, in Unix seconds."""
        members = [
            Member(asset.id, asset.level, None if state is None else expect(state, availability, now))
            for asset, state, availability in self.assets
        ]
        return aggregate(members).raw_score / 100


def generate(port: int, now: float) -> Province:
    """Make the pages of every agent and of the inventory."""
    chance = random.Random(2026)
    renderer = Renderer(load())
    profiles = [{check: chance.randint(20, 300) for check in CHECKS} for _ in range(40)]
    pages, targets, rows, assets = {}, [], [], []
    for number in range(AGENTS):
        unit, possible = number % UNITS, profiles[number % len(profiles)]
        asset = Asset(f"may-chu-{number:05}", f"don-vi-{unit:03}", level=1 + number % 4)
        availability = words.Availability.ALWAYS if unit < UNITS // 10 else words.Availability.OFFICE
        state = imagine(asset, possible, chance, now)
        agent = f"tac-tu-{number:05}"
        silent = chance.random() < SILENT
        if not silent:
            pages[f"/{number}"] = renderer.render(snapshot(state, now)).gzipped
        labels = {"agent": agent, "site": f"diem-{unit:03}", "__metrics_path__": f"/{number}"}
        targets.append({"targets": [f"127.0.0.1:{port}"], "labels": labels})
        rows.append(row(asset, agent, possible, availability))
        assets.append((asset, None if silent else state, availability))
    packs = [{"pack": PACK.name, "sha256": PACK.sha256, "accepted": True}]
    page = inventory_page.render({"made": now, "assets": rows, "packs": packs})
    pages["/inventory"] = gzip.compress(page.encode(), 1)
    return Province(pages, targets, assets)


def imagine(asset: Asset, possible: dict[str, int], chance: random.Random, now: float) -> AssetState:
    """Imagine what one agent knows of its asset."""
    checks = []
    waivers = chance.random() < WAIVED
    for check, most in possible.items():
        covered = most if chance.random() < 0.8 else chance.randint(0, most)
        accepted = chance.randint(0, covered)
        earned = chance.randint(0, accepted) if waivers else accepted
        age = chance.uniform(0.6, 1.8) * DAY if chance.random() < AGEING else chance.uniform(0, 6 * 3600)
        points = Points(earned, accepted, covered, most)
        outcomes = {outcome.value: chance.randint(0, 9) for outcome in Outcome}
        checks.append(AssetCheck(check, points, freshness(now - age, now), now - age, None, outcomes, {}))
    points = {check.check: check.points for check in checks}
    fresh = {check.check: check.freshness for check in checks}
    return AssetState(
        asset=asset,
        score=score(points, fresh, critical_in_order=True),
        checks=tuple(checks),
        findings=tuple(
            FindingCount(check, severity, state, chance.randint(0, 3))
            for check in CHECKS
            for severity in Severity
            for state in ("open", "waived")
        ),
        rules=tuple(
            RuleCount(asset.id, f"ports.rule-{number}", Severity.HIGH, Outcome.FAIL, 1) for number in range(6)
        ),
        handover=hand_over(points, possible, {check.check: check.last_complete for check in checks}, now),
    )


def snapshot(state: AssetState, now: float) -> Snapshot:
    """Return the picture of an agent that watches one asset."""
    return Snapshot(
        at=now,
        name="",
        agent=Agent("0.1.0"),
        assets=(state,),
        checks=tuple(CheckState(check, 3600.0, True, CheckStats(now, 1.0, now)) for check in CHECKS),
        gauges=(),
        counters=(),
        waivers=(),
        packs=(PACK,),
        insecure=False,
    )


def row(
    asset: Asset, agent: str, possible: dict[str, int], availability: words.Availability
) -> dict[str, Any]:
    """Return what the inventory says of an asset."""
    return {
        "info": {
            "asset": asset.id,
            "agent": agent,
            "unit": asset.unit,
            "unit_kind": "department" if availability is words.Availability.ALWAYS else "commune",
            "province": "tinh-vi-du",
            "level": str(asset.level),
            "platform": asset.platform.value,
            "roles": ",".join(asset.roles),
            "site": asset.unit,
        },
        "max_age": availability.max_age_seconds,
        "speaks": availability.speaks_seconds,
        "watchers": [],
        "weight": weight_of(asset.level),
        "maintenance": False,
        "possible": possible,
    }


def expect(state: AssetState, availability: words.Availability, now: float) -> Score:
    """Return the score that the province owes an asset, check by check."""
    age = availability.max_age_seconds
    fresh = {check.check: freshness(check.last_complete, now, age) for check in state.checks}
    return score({check.check: check.points for check in state.checks}, fresh, critical_in_order=True)


class Server:
    """Serves the pages on loopback; what has no page is closed without an answer."""

    def __init__(self) -> None:
        self.pages: dict[str, bytes] = {}
        self._loop = asyncio.new_event_loop()
        started = threading.Event()
        self._thread = threading.Thread(target=self._run, args=(started,), daemon=True)
        self._thread.start()
        started.wait()

    def _run(self, started: threading.Event) -> None:
        server = self._loop.run_until_complete(
            asyncio.start_server(self._answer, "127.0.0.1", 0, backlog=1024)
        )
        self.port = server.sockets[0].getsockname()[1]
        started.set()
        self._loop.run_forever()

    async def _answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = b"HTTP/1.1 200 OK\r\nContent-Type: text/plain; version=0.0.4\r\nContent-Encoding: gzip\r\n"
        with contextlib.suppress(asyncio.IncompleteReadError, ConnectionError):
            while request := await reader.readuntil(b"\r\n\r\n"):
                page = self.pages.get(request.split(b" ", 2)[1].decode())
                if page is None:
                    break
                writer.write(head + b"Content-Length: %d\r\n\r\n" % len(page) + page)
                await writer.drain()
        writer.close()


class Prometheus:
    """A Prometheus in a process of its own."""

    def __init__(self, folder: pathlib.Path, port: int) -> None:
        self._base = f"http://127.0.0.1:{port}"
        with (folder / "log").open("wb") as log:
            self.process = subprocess.Popen(
                [
                    PROMETHEUS,
                    f"--config.file={folder}/prometheus.yml",
                    f"--storage.tsdb.path={folder}/data",
                    f"--web.listen-address=127.0.0.1:{port}",
                    "--log.level=warn",
                ],
                stderr=log,
                stdout=log,
            )

    def get(self, path: str, **values: str) -> Any:
        """Return the data of an answer of the query API."""
        body = urllib.parse.urlencode(values).encode() if values else None
        with urllib.request.urlopen(f"{self._base}/api/v1/{path}", body, timeout=120) as answer:
            return json.load(answer)["data"]

    def value(self, query: str) -> float:
        """Return the one value of a query, NaN for none."""
        found = self.get("query", query=query)["result"]
        return float(found[0]["value"][1]) if found else float("nan")

    def memory_gib(self) -> float:
        """Return the largest resident memory so far."""
        status = pathlib.Path(f"/proc/{self.process.pid}/status").read_text()
        return int(status.split("VmHWM:")[1].split()[0]) / 2**20


@contextlib.contextmanager
def running(folder: pathlib.Path, port: int) -> Iterator[Prometheus]:
    """Run a Prometheus until the context ends."""
    prometheus = Prometheus(folder, port)
    try:
        yield prometheus
    finally:
        prometheus.process.kill()
        prometheus.process.wait()


def wait_until_scraped(prometheus: Prometheus) -> None:
    """Wait until every target was scraped and the rules have seen it."""
    end = time.monotonic() + 240
    while time.monotonic() < end:
        time.sleep(5)
        with contextlib.suppress(OSError):
            if prometheus.value("count(up)") == AGENTS + 1:
                time.sleep(30)
                return
    raise TimeoutError("not every target was scraped within four minutes")


def evaluations(prometheus: Prometheus, kind: str) -> list[dict[str, float]]:
    """Return of some evaluations how many seconds each rule took; `kind`: record or alert."""
    seen: dict[str, dict[str, float]] = {}
    while len(seen) < EVALUATIONS:
        (group,) = (group for group in prometheus.get(f"rules?type={kind}")["groups"] if group["rules"])
        faults = [rule["lastError"] for rule in group["rules"] if rule.get("lastError")]
        if faults:
            raise RuntimeError(faults[0])
        rules = {rule["name"]: rule["evaluationTime"] for rule in group["rules"]}
        seen.setdefault(group["lastEvaluation"], rules)
        time.sleep(3)
    return list(seen.values())[1:]


def measure(folder: pathlib.Path) -> dict[str, Any]:
    """Return every figure."""
    server = Server()
    now = time.time()
    province = generate(server.port, now)
    server.pages = province.pages
    (folder / "agents.json").write_text(json.dumps(province.targets))
    rules = ROOT / "deploy" / "prometheus"
    (folder / "prometheus.yml").write_text(CONFIGURATION.format(rules=rules, port=server.port))
    with running(folder, free_port()) as prometheus:
        wait_until_scraped(prometheus)
        rounds = evaluations(prometheus, "record")
        alerts = evaluations(prometheus, "alert")
        raw = statistics.median(seconds(prometheus, RAW) for _ in range(3))
        sums = [sum(rules.values()) for rules in rounds]
        each = {name: statistics.median(rules[name] for rules in rounds) for name in rounds[0]}
        return {
            "prometheus": prometheus.get("status/buildinfo")["version"],
            "waived": WAIVED,
            "rules": len(each),
            "rules_seconds": statistics.median(sums),
            "rules_seconds_least": min(sums),
            "slowest_ms": {
                name: round(1000 * each[name], 1) for name in sorted(each, key=each.__getitem__)[-8:][::-1]
            },
            "alerts_seconds": statistics.median(sum(rules.values()) for rules in alerts),
            "raw_unit_scores_seconds": raw,
            "series": prometheus.get("status/tsdb")["headStats"]["numSeries"],
            "memory_gib": prometheus.memory_gib(),
            "score": prometheus.value("province:secmon_score:ratio"),
            "score_python": province.score(prometheus.value("timestamp(province:secmon_score:ratio)")),
        }


def seconds(prometheus: Prometheus, query: str) -> float:
    """Return how long a query takes."""
    began = time.perf_counter()
    prometheus.get("query", query=query)
    return time.perf_counter() - began


def free_port() -> int:
    """Return a port of loopback on which nobody listens."""
    import socket

    with socket.create_server(("127.0.0.1", 0)) as free:
        return int(free.getsockname()[1])


def main() -> int:
    if shutil.which(PROMETHEUS) is None:
        sys.exit(f"needs {PROMETHEUS}")
    with tempfile.TemporaryDirectory() as folder:
        seen = measure(pathlib.Path(folder))
    exact = abs(seen["score"] - seen["score_python"]) <= 1e-6
    kept = exact and seen["rules_seconds"] <= PROMISE_SECONDS
    seen = {name: round(value, 6) if isinstance(value, float) else value for name, value in seen.items()}
    load_average = round(os.getloadavg()[0], 2)
    print(
        json.dumps(
            {"agents": AGENTS, **seen, "load_average": load_average, "promise": PROMISE_SECONDS, "kept": kept}
        )
    )
    return 0 if kept else 1


if __name__ == "__main__":
    sys.exit(main())
