"""Compare with systemd, which asks the kernel the same way."""

from __future__ import annotations

import subprocess

import pytest

from secmon.checks.patches.probe.clock import load_libc, time_synchronised


def test_as_timedatectl_says(needs):
    needs("timedatectl")
    command = ["timedatectl", "show", "-p", "NTPSynchronized", "--value"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        pytest.skip("needs a running systemd")
    assert time_synchronised(load_libc()) is (done.stdout.strip() == "yes")
