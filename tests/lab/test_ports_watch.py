"""The watch over this host's listeners, on real sockets, as its own process."""

from __future__ import annotations

import json
import os
import select
import signal
import socket
import time

import pytest

from secmon.agent.frames import FrameWriter
from secmon.checks.ports.probe import local
from secmon.core.contract import Task
from secmon.core.model import Form, Target

TARGET = Target("me", "ports", Form.LOCAL, "local")
LIMIT_SECONDS = 120.0


class Watch:
    """A child that watches, and the facts of the windows that it told."""

    def __init__(self, window_seconds: float) -> None:
        reading, writing = os.pipe()
        self.pid = os.fork()
        if self.pid == 0:
            try:
                task = Task("ports", "local", (TARGET,), {}, (), (), 3 * window_seconds, 0.0, once=False)
                local.observe(
                    local.acquire(task), FrameWriter(lambda data: os.write(writing, data), time.time)
                )
            finally:
                os._exit(1)
        os.close(writing)
        self.pipe = reading
        self._tail = b""

    def window(self) -> dict[int, dict]:
        """Wait for the end of a window; its facts by port."""
        facts: dict[int, dict] = {}
        until = time.monotonic() + LIMIT_SECONDS
        while True:
            line, newline, rest = self._tail.partition(b"\n")
            if not newline:
                ready, _, _ = select.select([self.pipe], [], [], max(0.0, until - time.monotonic()))
                assert ready, "no window was told"
                self._tail += os.read(self.pipe, 1 << 16)
                continue
            self._tail = rest
            frame = json.loads(line)
            if frame.get("canary", None) is not None:
                pytest.fail(frame["detail"])
            facts |= {fact["port"]: fact for fact in frame.get("facts", ())}
            if "end" in frame:
                return facts

    def close(self) -> None:
        os.kill(self.pid, signal.SIGKILL)
        os.waitpid(self.pid, 0)
        os.close(self.pipe)


@pytest.fixture
def watch():
    child = Watch(window_seconds=12.0)
    yield child
    child.close()


def test_a_listener_that_lives_two_seconds_is_told_with_its_process(watch: Watch):
    watch.window()
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
        time.sleep(2.0)
    seen = watch.window()
    assert (seen[port]["pid"], seen[port]["present"]) == (os.getpid(), False)
    while port in (seen := watch.window()):
        assert seen[port]["present"] is False


def test_a_new_listener_is_told_long_before_the_window_is_over():
    child = Watch(window_seconds=600.0)
    try:
        child.window()
        with socket.create_server(("127.0.0.1", 0)) as listener:
            assert child.window()[listener.getsockname()[1]]["present"] is True
    finally:
        child.close()
