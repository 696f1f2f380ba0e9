"""Start an agent in a process of its own, as a service manager would, and look at it from outside."""

from __future__ import annotations

import contextlib
import json
import os
import selectors
import signal
import socket
import subprocess
import sys
import threading
import urllib.error
import urllib.request
from pathlib import Path
from typing import TYPE_CHECKING, Self

from prometheus_client.parser import text_string_to_metric_families

from tests.support.entries import ACTS
from tests.support.misbehaving import PORT, STATE
from tests.support.processes import wait_for

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT = Path(__file__).resolve().parents[2]
PATIENCE_SECONDS = 90.0
"""For what takes a second on an idle machine: on a busy one Python alone starts in several."""


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return listener.getsockname()[1]


class Agent:
    """One run of the agent.

    Attributes:
        folder: its configuration and state.
        port: of its page.
        lines: what it has logged.
        told: what it has told the service manager.
    """

    def __init__(
        self,
        folder: Path,
        acts: dict[str, dict] | None = None,
        *,
        configuration: str | None = None,
        watchdog_seconds: float = 0.0,
        wrapper: tuple[str, ...] = (),
        python: tuple[str, ...] = (),
        port: int = 0,
    ) -> None:
        self.folder = folder
        self.state = folder / "state"
        self.port = port or free_port()
        self.lines: list[str] = []
        self.told: list[str] = []
        self._manager = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        notify = folder / "notify"
        notify.unlink(missing_ok=True)
        self._manager.bind(str(notify))
        notify.chmod(0o777)
        environment = {
            **os.environ,
            "NOTIFY_SOCKET": str(notify),
            "STATE_DIRECTORY": str(self.state),
            "PYTHONPATH": str(ROOT),
        }
        if watchdog_seconds:
            environment["WATCHDOG_USEC"] = str(int(watchdog_seconds * 1e6))
        command = ["secmon", "run", "-c", str(folder / "secmon.yml")]
        if acts is not None:
            command = ["tests.support.misbehaving"]
            environment |= {ACTS: json.dumps(acts), STATE: str(self.state), PORT: str(self.port)}
        elif configuration is not None or not (folder / "secmon.yml").exists():
            self.configure(configuration or "")
        self._tail = b""
        self._log_ended = threading.Event()
        self.process = subprocess.Popen(
            [*wrapper, sys.executable, *python, "-m", *command],
            stderr=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            env=environment,
            cwd=folder,
        )
        os.set_blocking(self.process.stderr.fileno(), False)
        self._thread = threading.Thread(target=self._listen)
        self._thread.start()

    def _listen(self) -> None:
        """Read what it tells and logs: when a word of it is in `told`, what it logged before is in `lines`."""
        with selectors.DefaultSelector() as waiting:
            for source in (self._manager, self.process.stderr):
                waiting.register(source, selectors.EVENT_READ)
            data = b""
            while data != b"end":
                ready = [key.fileobj for key, _ in waiting.select()]
                data = self._manager.recv(4096) if self._manager in ready else b""
                if not self._log_ended.is_set() and self._read_log():
                    waiting.unregister(self.process.stderr)
                    self._log_ended.set()
                if data != b"end":
                    self.told += data.decode().splitlines()

    def _read_log(self) -> bool:
        """Keep the lines that are there now; whether there will be no more."""
        while True:
            try:
                data = os.read(self.process.stderr.fileno(), 65536)
            except BlockingIOError:
                return False
            *lines, self._tail = (self._tail + data).split(b"\n")
            self.lines += [line.decode(errors="replace") for line in lines]
            if not data:
                return True

    def configure(self, text: str) -> None:
        """Write its configuration: its address, and more sections."""
        (self.folder / "secmon.yml").write_text(f"listen: {{port: {self.port}}}\n{text}")

    def reload(self) -> None:
        """Have the configuration read again, and wait until it was."""
        ready = self.told.count("READY=1")
        self.process.send_signal(signal.SIGHUP)
        assert wait_for(lambda: self.told.count("READY=1") > ready, PATIENCE_SECONDS), self.lines

    def ready(self) -> Self:
        """Wait until it says that it is ready."""
        assert wait_for(lambda: "READY=1" in self.told or self.process.poll() is not None, PATIENCE_SECONDS)
        assert self.process.poll() is None, self.lines
        return self

    def get(self, path: str) -> tuple[int, str]:
        url = f"http://127.0.0.1:{self.port}{path}"
        try:
            with urllib.request.urlopen(url, timeout=30) as response:
                return response.status, response.read().decode()
        except urllib.error.HTTPError as error:
            with error:
                return error.code, error.read().decode()

    def metrics(self) -> dict[str, float]:
        """Return series as `name{label="value",...}` without the prefix, labels sorted."""
        return dict(self._series())

    def _series(self) -> Iterator[tuple[str, float]]:
        for family in text_string_to_metric_families(self.get("/metrics")[1]):
            for sample in family.samples:
                labels = ",".join(f'{name}="{value}"' for name, value in sorted(sample.labels.items()))
                name = sample.name.removeprefix("secmon_")
                yield (f"{name}{{{labels}}}" if labels else name), sample.value

    def wait_for_metric(self, wanted, seconds: float = PATIENCE_SECONDS) -> dict[str, float]:
        """Wait until a condition on the metrics holds."""
        seen: dict[str, float] = {}

        def holds() -> bool:
            nonlocal seen
            seen = self.metrics()
            return bool(wanted(seen))

        assert wait_for(holds, seconds), (seen, self.lines[-20:])
        return seen

    def family(self) -> list[int]:
        """Return the pids of the core and of all that descend from it."""
        pids, found = [self.process.pid], []
        while pids:
            pid = pids.pop()
            found.append(pid)
            with contextlib.suppress(OSError):
                for task in Path(f"/proc/{pid}/task").iterdir():
                    pids += map(int, (task / "children").read_text().split())
        return found

    def stop(self) -> int:
        """Tell it to end, and return its exit status."""
        if self.process.poll() is None:
            self.process.terminate()
        return self.ended()

    def ended(self) -> int:
        """Wait for its end and for all that it has logged, and return its exit status."""
        status = self.process.wait(PATIENCE_SECONDS)
        assert self._log_ended.wait(PATIENCE_SECONDS), self.lines
        return status

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait(PATIENCE_SECONDS)
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as end:
            end.sendto(b"end", self._manager.getsockname())
        self._thread.join()
        self._manager.close()
        self.process.stderr.close()


def is_alive(pid: int) -> bool:
    """Say whether a process exists and is no zombie."""
    try:
        return Path(f"/proc/{pid}/stat").read_bytes().rpartition(b")")[2].split()[0] != b"Z"
    except OSError:
        return False
