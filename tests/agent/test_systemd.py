"""The manager hears what sd_notify(3) defines, and nobody is disturbed where there is no manager."""

from __future__ import annotations

import os
import socket

import pytest

from secmon.agent.systemd import Notifier


@pytest.mark.parametrize("name", ["path", "abstract"])
def test_state_arrives_as_one_datagram(tmp_path, name):
    address = str(tmp_path / "notify") if name == "path" else f"\0secmon-test-{os.getpid()}"
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as manager:
        manager.bind(address)
        Notifier({"NOTIFY_SOCKET": address.replace("\0", "@")}).tell("READY=1", "STATUS=bốn phép kiểm")
        assert manager.recv(4096) == "READY=1\nSTATUS=bốn phép kiểm".encode()


@pytest.mark.parametrize("environment", [{}, {"NOTIFY_SOCKET": ""}, {"NOTIFY_SOCKET": "/nonexistent/notify"}])
def test_without_a_manager_nothing_happens(environment):
    Notifier(environment).tell("READY=1")


def test_a_manager_that_does_not_read_holds_nobody_up(tmp_path):
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as manager:
        manager.bind(str(tmp_path / "notify"))
        notifier = Notifier({"NOTIFY_SOCKET": str(tmp_path / "notify")})
        for _ in range(10_000):
            notifier.tell("WATCHDOG=1")


@pytest.mark.parametrize(
    ("environment", "seconds"),
    [
        ({}, None),
        ({"WATCHDOG_USEC": "30000000"}, 30.0),
        ({"WATCHDOG_USEC": "30000000", "WATCHDOG_PID": str(os.getpid())}, 30.0),
        ({"WATCHDOG_USEC": "30000000", "WATCHDOG_PID": "1"}, None),
        ({"WATCHDOG_USEC": "0"}, None),
        ({"WATCHDOG_USEC": "soon"}, None),
        ({"WATCHDOG_USEC": "٣"}, None),
    ],
)
def test_the_watchdog_is_the_one_meant_for_this_process(environment, seconds):
    assert Notifier(environment).watchdog_seconds == seconds
