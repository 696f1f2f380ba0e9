"""Follow docs/province.md to the letter: its commands and files, in network namespaces of our own.

The addresses of the page are those of the namespaces, so only two things are changed: `/etc/secmon` becomes a
folder for each server, and minutes become seconds, lest the test take an hour. Rules, intervals and patience
are scaled alike, so that what comes first on the page comes first here.
"""

from __future__ import annotations

import contextlib
import json
import os
import pathlib
import re
import subprocess
import sys
import time
from typing import TYPE_CHECKING, Self

if TYPE_CHECKING:
    from collections.abc import Callable

ROOT = pathlib.Path(__file__).parents[2]
PAGE = ROOT / "docs" / "province.md"
AGENTS = {"may-01": "192.0.2.11", "may-02": "192.0.2.12"}
PROMETHEUS = "192.0.2.1"
PATIENCE_SECONDS = 150.0
# Looks every ten seconds, the least that the configuration takes, and nothing of the machine's own traffic.
QUICK = "checks: {ports: {interval: 10s}, traffic: {enabled: false}}\n"

_BLOCK = re.compile(r"(?:^`(\S+)`\n\n)?^```(\w+)\n(.*?)^```$", re.DOTALL | re.MULTILINE)
_MINUTES = re.compile(r"\b(\d+)(m|h)\b")


def read_page() -> tuple[dict[str, str], list[str], list[str]]:
    """Return the page's files by name, its commands and its queries, in order."""
    files: dict[str, str] = {}
    commands, queries = [], []
    for name, language, text in _BLOCK.findall(PAGE.read_text(encoding="utf-8")):
        if name:
            files[name] = text
        elif language == "sh":
            commands.append(text)
        elif language == "promql":
            queries.append(text.strip())
    return files, commands, queries


def scaled(text: str) -> str:
    """Return a configuration or rules of Prometheus in which a minute is a second."""
    text = _MINUTES.sub(lambda found: f"{int(found[1]) * (60 if found[2] == 'h' else 1)}s", text)
    return text.replace("scrape_timeout: 20s", "scrape_timeout: 1s").replace("- 600", "- 10")


class Province:
    """Two servers and the machine of Prometheus, each in a namespace, on one bridge.

    Args:
        folder: holds everything that is written.
        tag: begins the names of the namespaces.
    """

    def __init__(self, folder: pathlib.Path, tag: str) -> None:
        self.folder = folder
        self.centre = folder / "centre"
        self.files, self.commands, self.queries = read_page()
        self._spaces = {name: f"{tag}{number}" for number, name in enumerate(("centre", *AGENTS))}
        self._running: dict[str, subprocess.Popen[bytes]] = {}
        self._made = contextlib.ExitStack()
        self.environment = {
            **{name: value for name, value in os.environ.items() if name != "SECMON_CONFIG"},
            "PATH": f"{folder}/bin:{os.environ['PATH']}:/usr/sbin:/sbin",
            "LC_ALL": "C.UTF-8",
            "PYTHONPATH": str(ROOT),
            "secmon": str(ROOT),
        }

    def __enter__(self) -> Self:
        with contextlib.ExitStack() as made:
            program = self.folder / "bin" / "secmon"
            for place in (self.centre, program.parent):
                place.mkdir()
            program.write_text(f'#!/bin/sh\nexec {sys.executable} -m secmon "$@"\n')
            program.chmod(0o755)
            for space in self._spaces.values():
                _ip("netns", "add", space)
                made.callback(_ip, "netns", "del", space)
            made.callback(self._stop_all)
            self._connect()
            self._made = made.pop_all()
        return self

    def __exit__(self, *_: object) -> None:
        self._made.close()

    def _connect(self) -> None:
        centre = self._spaces["centre"]
        _ip("-n", centre, "link", "add", "br0", "type", "bridge")
        for name, address in AGENTS.items():
            space = self._spaces[name]
            _ip("link", "add", "eth0", "netns", space, "type", "veth", "peer", "name", name, "netns", centre)
            _ip("-n", centre, "link", "set", name, "master", "br0", "up")
            _ip("-n", space, "address", "add", f"{address}/24", "dev", "eth0")
            _ip("-n", space, "link", "set", "eth0", "up")
            _ip("-n", space, "link", "set", "lo", "up")
        _ip("-n", centre, "address", "add", f"{PROMETHEUS}/24", "dev", "br0")
        _ip("-n", centre, "link", "set", "br0", "up")
        _ip("-n", centre, "link", "set", "lo", "up")

    # What the page says.

    def write(self, name: str, agent: str = "") -> pathlib.Path:
        """Write a file of the page, for one of the servers or for the centre."""
        path = self.folder / agent / "etc" / pathlib.Path(name).name if agent else self.centre / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(self._of(agent, self.files[name]))
        return path

    def run(self, wanted: str, agent: str = "", where: str = "centre") -> str:
        """Run the command block of the page that holds a text, to its end."""
        done = subprocess.run(
            [
                "ip",
                "netns",
                "exec",
                self._spaces[where],
                "sh",
                "-e",
                "-c",
                self._of(agent, self._find(wanted)),
            ],
            cwd=self.centre,
            env=self.environment,
            capture_output=True,
            text=True,
            check=False,
            timeout=180,
        )
        assert done.returncode == 0, (wanted, done.stdout, done.stderr)
        return done.stdout + done.stderr

    def start(self, name: str, command: str, where: str = "centre") -> None:
        """Run a command until the end or `stop`; its log is NAME.log."""
        with (self.folder / f"{name}.log").open("wb") as log:
            self._running[name] = subprocess.Popen(
                ["ip", "netns", "exec", self._spaces[where], "sh", "-c", f"exec {command}"],
                cwd=self.centre,
                env=self.environment,
                stdout=log,
                stderr=log,
            )

    def start_block(self, wanted: str) -> None:
        """Run the command block of the page that holds a text, until the end."""
        self.start(wanted.split(maxsplit=1)[0], self._find(wanted).strip())

    def start_agent(self, agent: str) -> None:
        """Run an agent with the configuration of the page, which looks more often than it would."""
        etc, state = self.folder / agent / "etc", self.folder / agent / "state"
        with (etc / "secmon.yml").open("a") as file:
            file.write(f"state_dir: {state}\n{QUICK}")
        self.start(agent, f"secmon run -c {etc}/secmon.yml", agent)

    def stop(self, name: str) -> None:
        """End what was started."""
        process = self._running.pop(name)
        process.terminate()
        try:
            process.wait(60)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()

    def log(self, name: str) -> str:
        """Return what something that was started has said."""
        return (self.folder / f"{name}.log").read_text(errors="replace")

    def _stop_all(self) -> None:
        for name in list(self._running):
            self.stop(name)

    def _find(self, wanted: str) -> str:
        found = [text for text in self.commands if wanted in text]
        assert len(found) == 1, (wanted, found)
        return found[0]

    def _of(self, agent: str, text: str) -> str:
        """Return a text of the page as it is for one of the servers."""
        if not agent:
            return text
        text = text.replace("may-01", agent).replace(AGENTS["may-01"], AGENTS[agent])
        return text.replace("so-01", agent.replace("may", "so")).replace(
            "/etc/secmon", f"{self.folder}/{agent}/etc"
        )

    # What Prometheus knows.

    def curl(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """Run curl where Prometheus is."""
        command = [
            "ip",
            "netns",
            "exec",
            self._spaces["centre"],
            "curl",
            "--silent",
            "--max-time",
            "10",
            *arguments,
        ]
        return subprocess.run(
            command, cwd=self.centre, capture_output=True, text=True, check=False, timeout=30
        )

    def query(self, expression: str) -> list[tuple[dict[str, str], float]]:
        """Return the samples of an instant query, in Prometheus' order; none while it cannot be asked."""
        url = "http://127.0.0.1:9090/api/v1/query"
        done = self.curl("--get", "--data-urlencode", f"query={expression}", url)
        if done.returncode != 0 or not done.stdout.startswith("{"):  # it starts, and says so in plain text
            return []
        answer = json.loads(done.stdout)
        assert answer["status"] == "success", answer
        return [(row["metric"], float(row["value"][1])) for row in answer["data"]["result"]]

    def value(self, expression: str) -> float | None:
        """Return the only sample of a query, None where there is none."""
        rows = self.query(expression)
        assert len(rows) <= 1, rows
        return rows[0][1] if rows else None

    def until(self, holds: Callable[[], object], what: str, seconds: float = PATIENCE_SECONDS) -> float:
        """Wait until something holds, and return how long that took."""
        began = time.monotonic()
        while not holds():
            waited = time.monotonic() - began
            assert waited < seconds, (what, {name: self.log(name)[-2000:] for name in self._running})
            time.sleep(0.3)
        return time.monotonic() - began


def _ip(*arguments: str) -> None:
    subprocess.run(["ip", *arguments], check=True, timeout=60)
