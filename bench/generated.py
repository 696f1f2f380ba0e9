"""Run the real core over a generated plan and generated judgements: what benches of the daemon stand on.

Everything is the program's own: spawner, pipes, decoding, store, memory, page and HTTP front. Only the two
modules that children run are these: one writes a plan of 500 rules, the other judgements of 5,000 results.
"""

from __future__ import annotations

import contextlib
import json
import os
import pathlib
import signal
import socket
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, BinaryIO

ROOT = pathlib.Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from secmon.core.codec import decode, encode  # noqa: E402  # the path is set one line above
from secmon.core.contract import ProbeSpec, Registry, Sample  # noqa: E402
from secmon.core.identity import fingerprint  # noqa: E402
from secmon.core.judgement import Judgement, WaivedUntil, encode_lines  # noqa: E402
from secmon.core.model import Asset, Form, Outcome, Reason, Result, Run, Severity, Verdict  # noqa: E402
from secmon.core.plan import CheckPlan, ChildPlan, CorePlan, Invocation, Listen, Pack  # noqa: E402
from secmon.core.rule import Place, Waiver  # noqa: E402

if TYPE_CHECKING:
    import selectors
    from collections.abc import Iterator

    from secmon.core.web import Web

RULES = int(os.environ.get("BENCH_RULES", "500"))
RESULTS = int(os.environ.get("BENCH_RESULTS", "5000"))
CHECKS = ("ports", "tls", "patches", "traffic")
ASSET = "vp-so-noi-vu-01"
INTERVAL = float(os.environ.get("BENCH_INTERVAL", "300"))


# What the configuration child runs.


def acquire(*_: object) -> None:
    """Open nothing: a probe of this bench sees nothing, the plan is made up."""


def rules_of(check: str) -> list[tuple[str, Severity]]:
    return [(f"{check}.generated-rule-{n:03}", list(Severity)[n % 5]) for n in range(RULES // len(CHECKS))]


def _waiver(name: str) -> Waiver:
    now = time.time()
    place = Place("/etc/secmon/waivers/site.yml", 10, 5)
    return Waiver(
        name,
        "ports.generated-rule-001",
        "",
        ASSET,
        {},
        "replaced in spring",
        "an",
        "binh",
        now,
        now + 1e6,
        place,
    )


def observe(_: object, out: object) -> int:
    """Write a plan as the configuration child; see nothing as a probe."""
    if not hasattr(out, "write"):
        return 0
    rules = {check: rules_of(check) for check in CHECKS}
    plan = CorePlan(
        agent=ASSET,
        lang="vi",
        state_dir=os.environ["BENCH_STATE"],
        listen=decode(Listen, json.loads(os.environ["BENCH_LISTEN"])),
        assets=(Asset(ASSET, "so-noi-vu"),),
        checks={check: CheckPlan(True, INTERVAL, 60.0, ("local",), (ASSET,)) for check in CHECKS},
        possible={ASSET: {check: sum(s.points for _, s in rules[check]) for check in CHECKS}},
        critical={
            ASSET: tuple(rule for check in CHECKS for rule, s in rules[check] if s is Severity.CRITICAL)
        },
        rules={rule: severity for check in CHECKS for rule, severity in rules[check]},
        waivers=tuple(_waiver(f"waiver-{n}") for n in range(20)),
        packs=(Pack("builtin", "0.1.0", "ab" * 32, signed=False),),
        digest="ab" * 32,
    )
    child = ChildPlan((), {}, (), (), plan.assets, (), ())
    for half in (plan, child):
        out.write(json.dumps(encode(half)).encode() + b"\n")
    out.flush()
    return 0


# What the judge child runs.


def prepare(_: str) -> None:
    """Import nothing more."""


def result(check: str, rule: str, severity: Severity, number: int) -> Result:
    subject = {
        "netns": "host",
        "proto": "tcp",
        "address": f"10.{number >> 8 & 255}.{number & 255}.7",
        "port": 1024 + number,
    }
    outcome = (Outcome.FAIL, Outcome.FAIL, Outcome.UNKNOWN)[number % 3]
    return Result(
        asset=ASSET,
        rule=rule,
        check=check,
        severity=severity,
        target="local",
        subject=subject,
        outcome=outcome,
        reason=Reason.PERMISSION if outcome is Outcome.UNKNOWN else None,
        evidence={
            **subject,
            "scope": "exposed",
            "process": f"service-{number % 50}",
            "systemd_unit": f"service-{number % 50}.service",
        },
        missing={"package": Reason.PERMISSION} if outcome is Outcome.UNKNOWN else {},
        fingerprint=fingerprint(ASSET, rule, "local", list(subject.values())),
    )


def judged(check: str, now: float) -> Judgement:
    rules = rules_of(check)
    results = [result(check, *rules[n % len(rules)], n) for n in range(RESULTS // len(CHECKS))]
    failing: dict[str, list[str]] = {}
    for item in results:
        if item.outcome is Outcome.FAIL:
            failing.setdefault(item.rule, []).append(item.fingerprint)
    verdicts = tuple(
        Verdict(
            ASSET,
            rule,
            check,
            severity,
            severity.points,
            severity is Severity.CRITICAL,
            Outcome.FAIL,
            True,
            tuple(failing.get(rule, ())),
            ("local",),
        )
        for rule, severity in rules
    )
    return Judgement(
        check=check,
        runs=(Run(ASSET, check, now - 1, now, attempted_all=True, canary=None),),
        verdicts=verdicts,
        results=tuple(results),
        waived=tuple(
            WaivedUntil(item.fingerprint, "waiver-1", now + 1e6)
            for item in results[:200]
            if item.outcome is Outcome.FAIL
        ),
        samples=(Sample("secmon_ports_open", (ASSET,), 7.0),),
        outcomes={ASSET: {"fail": len(results) * 2 // 3, "unknown": len(results) // 3, "pass": 300}},
        changes_at=now + 1e6,
    )


def run(*arguments: object) -> int:
    """Judge, as the judge child."""
    *_, check, _, out = arguments
    assert isinstance(check, str)
    writer: BinaryIO = out  # type: ignore[assignment]  # the last argument of a judge's run
    writer.writelines(encode_lines(judged(check, time.time())))
    writer.flush()
    return 0


# The core, and how a bench drives it.


def registry() -> Registry:
    """Return the shipped checks with a probe that sees nothing in place of theirs."""
    from secmon.checks import load

    probe = ProbeSpec("local", "bench.generated", (Form.LOCAL,), ())
    checks = load().checks
    return Registry(
        {name: replace(spec, probes=(probe,), long_lived_probe="") for name, spec in checks.items()}
    )


def core() -> int:
    """Run the core as the composition root does."""
    from secmon import __version__
    from secmon.agent import spawner
    from secmon.agent.child import Entries

    checks = registry()
    channel = spawner.start(checks, Invocation("run"), Entries("bench.generated", "bench.generated"))
    from secmon.agent import daemon
    from secmon.export.http import Front
    from secmon.export.metrics import Renderer

    def front(selector: selectors.BaseSelector) -> Front:
        return Front(selector, Renderer(checks).render)

    return daemon.run(channel, daemon.Setup(checks, __version__, front, os.environ))


@dataclass
class Core:
    """A core in a process of its own.

    Attributes:
        process: it.
        address: where its page is.
        lines: what it has logged.
    """

    process: subprocess.Popen[bytes]
    address: tuple[str, int]
    lines: list[str]

    def wait_for(self, event: str, count: int, seconds: float = 60.0) -> None:
        """Wait until so many log lines hold a text, counted from the start."""
        end = time.monotonic() + seconds
        while sum(event in line for line in self.lines) < count:
            if time.monotonic() > end:
                raise TimeoutError(f"{event}: {self.lines[-5:]}")
            line = self.process.stderr.readline()  # type: ignore[union-attr]  # a pipe
            if not line:
                raise RuntimeError("".join(self.lines[-5:]))
            self.lines.append(line.decode())

    def reload(self) -> None:
        """Have it read its configuration again."""
        self.process.send_signal(signal.SIGHUP)


@contextlib.contextmanager
def running(web: Web | None = None, **settings: str) -> Iterator[Core]:
    """Run a core until the context ends, every check judged once at its beginning."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    with tempfile.TemporaryDirectory() as folder:
        listen = json.dumps(encode(Listen(port=port, web=web)))
        environment = {**os.environ, "BENCH_STATE": folder, "BENCH_LISTEN": listen, **settings}
        process = subprocess.Popen(
            [sys.executable, "-c", "import sys; from bench.generated import core; sys.exit(core())"],
            stderr=subprocess.PIPE,
            cwd=ROOT,
            env=environment,
        )
        try:
            started = Core(process, ("127.0.0.1", port), [])
            started.wait_for("event=judged", len(CHECKS))
            yield started
        finally:
            process.terminate()
            process.communicate(timeout=10)
