"""The shipped unit under a real systemd: sandboxed, and everything works all the same."""

from __future__ import annotations

import json
import re
import subprocess
from pathlib import Path

import pytest

from tests.support.processes import wait_for

UNIT = Path(__file__).parents[2] / "secmon.service"
FAST = "agent: {name: vm}\nchecks:\n  ports: {interval: 10s}\n  traffic: {interval: 10s, window: 10s}\n"


@pytest.fixture(scope="module")
def booted(debian):
    (debian.root / "etc/secmon").mkdir(mode=0o755)
    debian.boot()
    debian.run("ip", "link", "add", "lan0", "type", "veth", "peer", "name", "lan1")
    for name, address in (("lan0", "10.99.0.1/24"), ("lan1", "10.99.1.1/24")):
        debian.run("ip", "address", "add", address, "dev", name)
        debian.run("ip", "link", "set", name, "up")
    return debian


@pytest.fixture
def container(booted):
    """The container with the unit at work, whatever a test before did to it."""
    (booted.root / "etc/secmon/secmon.yml").write_text(FAST)
    booted.run("systemctl", "reset-failed", "secmon")
    started = booted.run("systemctl", "start", "secmon")
    assert started.returncode == 0, log(booted)
    return booted


def log(container, *options):
    return container.run("journalctl", "-u", "secmon", "--no-pager", *options).stdout


def show(container, name):
    return container.run("systemctl", "show", "-P", name, "secmon").stdout.strip()


def metrics(container):
    code = "import urllib.request as u; print(u.urlopen('http://127.0.0.1:9877/metrics', timeout=5).read().decode())"
    return container.run("python3", "-c", code).stdout


def wait_active(container, other_than=""):
    assert wait_for(
        lambda: show(container, "ActiveState") == "active" and show(container, "MainPID") != other_than, 180
    ), log(container)[-3000:]


def test_its_exposure_is_at_most_2_5(needs):
    needs("systemd-analyze")
    done = subprocess.run(
        ["systemd-analyze", "security", "--offline=true", "--threshold=25", "--no-pager", UNIT],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout[-200:]


def test_no_thread_of_the_core_has_a_capability_and_its_user_is_its_own(container):
    pid = show(container, "MainPID")
    status = container.run("sh", "-c", f"cat /proc/{pid}/task/*/status").stdout
    held = re.findall(r"^Cap(?:Eff|Prm|Inh|Amb):\s+(\w+)$", status, re.MULTILINE)
    assert len(held) >= 8
    assert set(held) == {"0000000000000000"}
    assert "0" not in re.findall(r"^Uid:\s+(\d+)", status, re.MULTILINE)
    assert set(re.findall(r"^NoNewPrivs:\s+(\d)$", status, re.MULTILINE)) == {"1"}


def up(page):
    return set(re.findall(r'^secmon_check_up\{check="(\w+)"\} 1\.0$', page, re.MULTILINE))


def test_every_check_can_see_in_its_sandbox(container):
    assert wait_for(lambda: len(up(metrics(container))) == 4, 180), metrics(container)
    page = metrics(container)
    assert not re.findall(r'^secmon_observation_reasons\{.*reason="permission".*', page, re.MULTILINE)
    assert not re.findall(r"^secmon_check_failures_total\{.* [1-9].*", page, re.MULTILINE)
    assert "secmon_state_write_errors_total 0.0" in page


def test_status_reads_its_state_as_root(container):
    done = container.run("/opt/secmon/bin/secmon", "status", "--lang", "en")
    assert done.returncode == 0, done.stderr
    assert re.search(rf"running.*\b{show(container, 'MainPID')}\b", done.stdout)
    assert "root" not in done.stdout
    owners = container.run(
        "sh", "-c", "stat -Lc '%U %a' /var/lib/private/secmon /var/lib/private/secmon/*"
    ).stdout.split("\n")[:-1]
    assert len({line.split()[0] for line in owners}) == 1
    assert {line.split()[1] for line in owners} == {"700", "600"}


def test_a_reload_takes_a_good_configuration_and_keeps_the_old_one_before_a_bad(container):
    pid = show(container, "MainPID")
    config = container.root / "etc/secmon/secmon.yml"
    config.write_text(FAST + "nonsense: 1\n")
    container.run("systemctl", "reload", "secmon")
    assert wait_for(lambda: "secmon_config_last_reload_successful 0.0" in metrics(container), 90)
    assert wait_for(lambda: "/etc/secmon/secmon.yml:5:1" in log(container))  # the journal follows
    config.write_text(FAST)
    container.run("systemctl", "reload", "secmon")
    assert wait_for(lambda: "secmon_config_last_reload_successful 1.0" in metrics(container), 90)
    assert show(container, "MainPID") == pid
    assert show(container, "ActiveState") == "active"


def test_levels_reach_the_journal(container):
    (container.root / "etc/secmon/secmon.yml").write_text("nonsense: 1\n")
    container.run("systemctl", "reload", "secmon")

    def errors():
        return [
            json.loads(line)["MESSAGE"] for line in log(container, "-p", "err", "-o", "json").splitlines()
        ]

    assert wait_for(lambda: any("configuration refused" in text for text in errors()), 90)
    assert not any(text.startswith("<") for text in errors())


def test_a_core_that_is_killed_comes_back(container):
    pid = show(container, "MainPID")
    container.run("kill", "-9", pid)
    wait_active(container, other_than=pid)
    assert wait_for(lambda: "secmon_build_info" in metrics(container), 90)


@pytest.fixture
def impatient(container):
    """A watchdog of three seconds instead of a minute."""
    folder = "/run/systemd/system/secmon.service.d"
    setting = "[Service]\\nWatchdogSec=3\\nRestartSec=1\\n"
    container.run("sh", "-c", f"mkdir -p {folder} && printf '{setting}' > {folder}/quick.conf")
    container.run("systemctl", "daemon-reload")
    assert container.run("systemctl", "restart", "secmon").returncode == 0
    yield container
    container.run("rm", "-r", folder)
    container.run("systemctl", "daemon-reload")
    container.run("systemctl", "restart", "secmon")


def test_a_core_that_hangs_is_restarted_by_the_watchdog(impatient):
    pid = show(impatient, "MainPID")
    impatient.run("kill", "-STOP", pid)
    wait_active(impatient, other_than=pid)
    assert wait_for(lambda: "Watchdog timeout" in log(impatient))  # the journal follows


def test_it_stops_within_five_seconds_and_leaves_nothing(container):
    group = show(container, "ControlGroup")
    stop = container.run("sh", "-ec", "date +%s.%N; systemctl stop secmon; date +%s.%N")
    assert stop.returncode == 0
    began, ended = map(float, stop.stdout.split())  # by one shell, lest ways into the container count
    assert ended - began < 5
    assert show(container, "Result") == "success"
    assert (
        container.run(
            "sh", "-c", f"cat /sys/fs/cgroup{group}/cgroup.procs /sys/fs/cgroup/systemd{group}/cgroup.procs"
        ).stdout
        == ""
    )
    assert "secmon-spawner" not in container.run("ps", "-A", "-o", "comm").stdout
