"""Run a real Prometheus over a fleet, with the shipped rules and the shipped configuration, adapted."""

from __future__ import annotations

import json
import shutil
import socket
import subprocess
import time
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import yaml

from tools.demo.api import Prometheus, Unanswered
from tools.demo.history import openmetrics
from tools.demo.serving import INVENTORY_ADDRESS, Serving
from tools.docs import ROOT

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from tools.demo.fleet import Fleet

ADDRESS: Final = "127.0.0.1"
SHIPPED: Final = ROOT / "deploy" / "prometheus"
INTERVAL_SECONDS: Final = 5
"""Between scrapes and between evaluations; shorter than anybody's, so that one sees something."""
_DATA: Final = "data"
_SEARCH: Final = "/usr/local/bin:/usr/bin:/bin:/usr/sbin:/sbin"
_END_SECONDS: Final = 20.0
_POLL_SECONDS: Final = 0.2


class CannotRunError(Exception):
    """Prometheus cannot be started; the message says why and what to do."""


class EndedError(Exception):
    """Prometheus has ended, or does not do what it should; the message has its last words."""


@dataclass(frozen=True, slots=True)
class Stack:
    """A running Prometheus.

    Attributes:
        url: where it answers.
        api: its API.
        folder: its configuration, its data and its log.
        process: the running program.
        past_seconds: for how long before it began it has computed scores.
        pause: waits some seconds, or raises where the waiting is to end.
    """

    url: str
    api: Prometheus
    folder: Path
    process: subprocess.Popen[bytes]
    past_seconds: float = 0.0
    pause: Callable[[float], object] = time.sleep

    def wait_until(self, holds: Callable[[], bool], seconds: float, what: str) -> None:
        """Wait for something to become true.

        Args:
            holds: asks.
            seconds: how long to wait at most.
            what: what is waited for, for the message.

        Raises:
            EndedError: Prometheus has ended, or it did not become true in time.
        """
        end = time.monotonic() + seconds
        while True:
            self.check()
            said = ""
            try:
                if holds():
                    return
            except Unanswered as error:
                said = f" ({error})"
            if time.monotonic() > end:
                raise EndedError(f"after {seconds:.0f} s still not there: {what}{said}{self._last_words()}")
            self.pause(_POLL_SECONDS)

    def wait_for_scores(self, agents: int, units: int, seconds: float = 90.0) -> None:
        """Wait until every agent was scraped, and units have scores that were recorded after that.

        Args:
            agents: how many agents answer.
            units: how many units there are.
            seconds: how long to wait at most for either.

        Raises:
            EndedError: Prometheus has ended, or there are no scores in time.
        """
        up = 'count(up{job="secmon"} == 1)'
        self.wait_until(lambda: bool(self.api.query(f"{up} == {agents}")), seconds, "the pages of all agents")
        since = time.time() + INTERVAL_SECONDS
        recorded = f"count(timestamp(unit:secmon_score:ratio) > {since})"
        self.wait_until(
            lambda: bool(self.api.query(f"{recorded} == {units}")), seconds, "the scores of all units"
        )

    def check(self) -> None:
        """Raise EndedError where Prometheus has ended."""
        status = self.process.poll()
        if status is not None:
            raise EndedError(f"prometheus ended with status {status}{self._last_words()}")

    def _last_words(self) -> str:
        log = (self.folder / "prometheus.log").read_text(encoding="utf-8", errors="replace")
        return "".join(f"\n  {line}" for line in log.splitlines()[-5:])


def find(program: str) -> str:
    """Return the path of a program of the package prometheus.

    Args:
        program: `prometheus` or `promtool`.

    Raises:
        CannotRunError: it is not installed.
    """
    path = shutil.which(program) or shutil.which(program, path=_SEARCH)
    if path is None:
        raise CannotRunError(f"{program} is not installed: sudo apt-get install prometheus")
    return path


def free_port() -> int:
    """Return a port that is free on loopback now."""
    with socket.create_server((ADDRESS, 0)) as server:
        return int(server.getsockname()[1])


@contextmanager
def run(
    fleet: Fleet,
    folder: Path,
    port: int | None = None,
    *,
    past_seconds: float = 0.0,
    pause: Callable[[float], object] = time.sleep,
) -> Iterator[Stack]:
    """Serve a fleet, and run Prometheus over it.

    Args:
        fleet: what is served.
        folder: an empty folder for all files.
        port: TCP port of Prometheus and of every page, each at its own loopback address; None for a free one.
        past_seconds: for how long before now Prometheus is given computed scores.
        pause: waits some seconds, or raises where the waiting is to end.

    Yields:
        The running Prometheus; it may not have scraped anything yet.

    Raises:
        CannotRunError: Prometheus is not installed, or a port is in use.
        EndedError: Prometheus does not answer.
    """
    program = find("prometheus")
    port = port or free_port()
    pages = folder / "www"
    pages.mkdir()
    (pages / "inventory.yml").write_text(fleet.inventory_yaml, encoding="utf-8")
    write_configuration(fleet, folder, port)
    _claim(port)
    _remember(fleet, folder, past_seconds)
    pause(0)
    with _serve(fleet, port, pages), _running(program, folder, port) as process:
        stack = Stack(
            f"http://{ADDRESS}:{port}", Prometheus(ADDRESS, port), folder, process, past_seconds, pause
        )
        stack.wait_until(stack.api.is_ready, 60, "an answer of Prometheus")
        yield stack


def write_configuration(fleet: Fleet, folder: Path, port: int) -> None:
    """Write prometheus.yml and what it names.

    Args:
        fleet: its inventory names the agents.
        folder: where to write.
        port: TCP port of every page.
    """
    for name in ("secmon-rules.yml", "secmon-alerts.yml"):
        shutil.copy(SHIPPED / name, folder)
    (folder / "targets").mkdir()
    targets = fleet.targets(port, fleet.world.start)
    (folder / "targets" / "secmon.json").write_text(json.dumps(targets), encoding="utf-8")
    example = yaml.safe_load((SHIPPED / "prometheus.example.yml").read_text(encoding="utf-8"))
    text = yaml.safe_dump(adapt(example, port), sort_keys=False, allow_unicode=True)
    (folder / "prometheus.yml").write_text(text, encoding="utf-8")


def adapt(example: dict[str, Any], port: int) -> dict[str, Any]:
    """Return the shipped example without TLS and Alertmanager, in a hurry, and with the demo's addresses.

    Args:
        example: content of prometheus.example.yml.
        port: TCP port of every page.
    """
    hurry = {
        "scrape_interval": f"{INTERVAL_SECONDS}s",
        "scrape_timeout": f"{INTERVAL_SECONDS}s",
        "evaluation_interval": f"{INTERVAL_SECONDS}s",
    }
    agents, inventory = (dict(job) for job in example["scrape_configs"])
    agents["scheme"] = "http"
    del agents["tls_config"]
    inventory["static_configs"] = [{"targets": [f"{INVENTORY_ADDRESS}:{port}"]}]
    return {
        "global": example["global"] | hurry,
        "rule_files": example["rule_files"],
        "scrape_configs": [agents, inventory],
    }


def _claim(port: int) -> None:
    """See that Prometheus can have its port before seconds are spent on anything else."""
    try:
        socket.create_server((ADDRESS, port)).close()
    except OSError as error:
        raise CannotRunError(f"port {port} cannot be had: {error.strerror}; try --port") from error


def _serve(fleet: Fleet, port: int, folder: Path) -> Serving:
    try:
        return Serving(fleet, port, folder)
    except OSError as error:
        raise CannotRunError(f"the pages cannot be served: {error}; try --port") from error


def _remember(fleet: Fleet, folder: Path, seconds: float) -> None:
    """Give Prometheus the scores of the time before the demo."""
    if not seconds:
        return
    text = folder / "past.om"
    with text.open("w", encoding="ascii") as out:
        out.writelines(openmetrics(fleet, seconds))
    command = [find("promtool"), "tsdb", "create-blocks-from", "openmetrics", str(text), str(folder / _DATA)]
    done = subprocess.run(command, capture_output=True, text=True, check=False, start_new_session=True)
    text.unlink()
    if done.returncode:
        raise CannotRunError(f"promtool could not write the past: {done.stderr.strip()}")


@contextmanager
def _running(program: str, folder: Path, port: int) -> Iterator[subprocess.Popen[bytes]]:
    """Run Prometheus in a session of its own: Ctrl-C is for us, and we end it by its id."""
    command = [
        program,
        f"--config.file={folder / 'prometheus.yml'}",
        f"--storage.tsdb.path={folder / _DATA}",
        f"--web.listen-address={ADDRESS}:{port}",
        "--log.level=warn",
    ]
    with (folder / "prometheus.log").open("wb") as log:
        process = subprocess.Popen(
            command, stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True
        )
    try:
        yield process
    finally:
        process.terminate()
        try:
            process.wait(_END_SECONDS)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
