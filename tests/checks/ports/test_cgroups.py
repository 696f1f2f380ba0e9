"""The systemd unit of a cgroup's path."""

from __future__ import annotations

import os

import pytest

from secmon.checks.ports.probe.cgroups import unit_of, units


@pytest.mark.parametrize(
    ("path", "unit"),
    [
        ("/system.slice/ssh.service", "ssh.service"),
        ("/system.slice/system-getty.slice/getty@tty1.service", "getty@tty1.service"),
        ("/system.slice/docker-0a1b.scope", "docker-0a1b.scope"),
        ("/user.slice/user-1000.slice/user@1000.service/app.slice/x.service", "user@1000.service"),
        ("/user.slice/user-1000.slice/session-3.scope", "session-3.scope"),
        ("/init.scope", "init.scope"),
        ("/system.slice/_cgroup.service", "cgroup.service"),
        ("/system.slice/nginx.service/worker", "nginx.service"),
        ("/docker/0a1b2c", None),
        ("/system.slice", None),
        ("/", None),
        ("", None),
    ],
)
def test_the_first_unit_below_the_slices_counts(path, unit):
    assert unit_of(path) == unit


def test_ids_are_the_inodes_of_folders(tmp_path):
    service = tmp_path / "system.slice" / "ssh.service"
    service.mkdir(parents=True)
    plain = tmp_path / "machine"
    plain.mkdir()
    ids = {path.stat().st_ino: path for path in (service, plain)}
    top = os.open(tmp_path, os.O_RDONLY | os.O_DIRECTORY)
    try:
        gone = max(ids) + 1_000_000
        assert units(top, {*ids, gone}) == {service.stat().st_ino: "ssh.service", plain.stat().st_ino: None}
    finally:
        os.close(top)
