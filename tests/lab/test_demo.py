"""The demo as a person runs it, with the real Prometheus."""

from __future__ import annotations

import contextlib
import math
import os
import pathlib
import signal
import socket
import subprocess
import sys
import time
import urllib.request

import pytest

from tools.demo import plants, stack
from tools.demo.api import Prometheus
from tools.docs import ROOT

START_SECONDS = 150
ALERTS_SECONDS = 240


def demo(folder, port, *arguments):
    """Start the demo; its temporary files are in the folder."""
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "TMPDIR": str(folder), "LC_ALL": "en_GB.UTF-8"}
    command = [sys.executable, "-m", "tools.demo", "--port", str(port), *arguments]
    return subprocess.Popen(
        command, env=environment, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )


@contextlib.contextmanager
def running(folder, *arguments):
    """Run the demo; it is ended whatever happens."""
    port = stack.free_port()
    process = demo(folder, port, *arguments)
    try:
        yield process, Prometheus("127.0.0.1", port)
    finally:
        if process.poll() is None:
            process.send_signal(signal.SIGTERM)
            process.communicate(timeout=180)


def using(folder):
    """Return the ids of processes that name a folder in their command line."""
    found = []
    for path in pathlib.Path("/proc").glob("[0-9]*/cmdline"):
        with contextlib.suppress(OSError):
            if os.fsencode(folder) in path.read_bytes():
                found.append(int(path.parent.name))
    return found


def until(holds, seconds):
    end = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < end, f"not within {seconds} s"
        time.sleep(0.2)


def read_until(stream, last):
    """Return what a stream says up to a line."""
    text = ""
    for line in stream:
        text += line
        if last in line:
            return text
    raise AssertionError(text)


def test_a_person_sees_a_province_and_its_faults(needs, tmp_path):
    needs("prometheus", "promtool")
    with running(tmp_path, "--seconds", str(START_SECONDS + ALERTS_SECONDS)) as (process, api):
        said = read_until(process.stdout, "Ctrl-C")
        assert api.query('count(up{job="secmon"} == 1)')[0].value == 39
        check_scores(api, said)
        check_past(api)
        wanted = {plant.alert for plant in plants.PLANTS if plant.alert}
        until(lambda: wanted <= {each.labels["alertname"] for each in api.query("ALERTS")}, ALERTS_SECONDS)
        check_alerts(api, said)
        check_page(said)
        process.send_signal(signal.SIGINT)
        rest, errors = process.communicate(timeout=180)
    assert (process.returncode, errors) == (0, "")
    assert "no process and no file is left" in rest
    assert list(tmp_path.iterdir()) == []
    assert using(tmp_path) == []


def check_scores(api, said):
    """Every unit is in the table with a score that is one, and those that lack data stand without a place."""
    for level, count in (("unit", 10), ("unit_kind", 4), ("province", 1), ("asset", 51)):
        for metric in ("score", "accepted", "coverage"):
            found = api.query(f"{level}:secmon_{metric}:ratio")
            assert len(found) == count, (level, metric)
            assert all(math.isfinite(each.value) and 0 <= each.value <= 1 for each in found)
    (province,) = api.query("province:secmon_score:ratio")
    assert 0.5 < province.value < 0.95
    assert "Finance Department" in said
    lacking = [line for line in said.splitlines() if "not enough data" in line]
    assert [line.split()[1] for line in lacking] == ["Nui"]


def check_past(api):
    """The scores of the day before are there, and the present ones go on from them, in the same series."""
    hours = "[24h:1h] offset 10m"
    for level in ("asset", "unit", "unit_kind", "province"):
        for metric in ("score", "accepted", "coverage"):
            for part in ("ratio", "numerator", "denominator") if level != "asset" else ("ratio",):
                now = f"{level}:secmon_{metric}:{part}"
                past = f"last_over_time({now}[1h] offset 10m)"
                assert api.query(f"count({past} and {now})")[0].value == len(api.query(now)), now
                assert api.query(f"{past} unless {now}") == [], now
    assert api.query(f"count_over_time(province:secmon_score:ratio{hours})")[0].value >= 23
    assert api.query(f"stddev_over_time(province:secmon_score:ratio{hours})")[0].value > 0
    for level in ("unit", "province"):
        score = f"{level}:secmon_score:ratio"
        jumps = api.query(f"abs({score} - avg_over_time({score}[1h]))")
        assert max(jump.value for jump in jumps) < 0.2


def check_alerts(api, said):
    """Each planted fault raises its alert on its own machine, and maintenance raises none."""
    alerts = [each.labels for each in api.query("ALERTS")]
    raised = {(each["alertname"], name) for each in alerts for name in (each.get("asset"), each.get("agent"))}
    meant = {each.get("asset", each.get("agent")) for each in alerts}  # an agent may watch other assets too
    for line in said.partition("FAULTS PLANTED")[2].splitlines()[1:]:
        if not line.startswith("  "):
            break
        machine, what = line.split(maxsplit=1)
        alert = what.rpartition("(")[2].rstrip(")") if what.endswith(")") else ""
        assert not alert or (alert, machine) in raised, line
        assert "maintenance" not in what or machine not in meant, line


def check_page(said):
    """A page of an agent is what promtool likes, but for what the format of secmon does on purpose."""
    (address,) = {word for word in said.split() if word.startswith("http://127.20.1.1:")}
    with urllib.request.urlopen(address, timeout=30) as answer:
        page = answer.read()
    done = subprocess.run(["promtool", "check", "metrics"], input=page, capture_output=True, check=False)
    assert (done.returncode, done.stdout, done.stderr) == (0, b"", b"")


def test_a_port_in_use_is_told(needs, tmp_path):
    needs("prometheus")
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        process = demo(tmp_path, port)
        _, errors = process.communicate(timeout=180)
    assert process.returncode == 2
    assert f"port {port} cannot be had: Address already in use" in errors
    assert list(tmp_path.iterdir()) == []


def test_an_address_in_use_is_told(needs, tmp_path):
    needs("prometheus", "promtool")
    port = stack.free_port()
    with socket.create_server(("127.20.1.1", port)):
        process = demo(tmp_path, port)
        _, errors = process.communicate(timeout=180)
    assert process.returncode == 2
    assert f"127.20.1.1:{port}: Address already in use" in errors
    assert list(tmp_path.iterdir()) == []


def test_it_ends_when_prometheus_does(needs, tmp_path):
    needs("prometheus", "promtool")
    with running(tmp_path) as (process, _):
        until(lambda: any("prometheus" in name(pid) for pid in using(tmp_path)), START_SECONDS)
        (pid,) = [pid for pid in using(tmp_path) if "prometheus" in name(pid)]
        os.kill(pid, signal.SIGKILL)
        _, errors = process.communicate(timeout=180)
    assert process.returncode == 1
    assert "prometheus ended with status -9" in errors
    assert list(tmp_path.iterdir()) == []


def name(pid):
    try:
        return pathlib.Path(f"/proc/{pid}/comm").read_text()
    except OSError:
        return ""


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_it_can_be_stopped_before_it_has_begun(needs, tmp_path, number):
    needs("prometheus", "promtool")
    with running(tmp_path) as (process, _):
        read_until(process.stdout, "Making")
        process.send_signal(number)
        _, errors = process.communicate(timeout=180)
    assert (process.returncode, errors) == (0, "")
    assert list(tmp_path.iterdir()) == []


def test_bad_usage_is_told(tmp_path):
    for arguments in (("--agents", "3"), ("--port", "70000"), ("--seed", "x")):
        process = demo(tmp_path, 1, *arguments)
        _, errors = process.communicate(timeout=180)
        assert process.returncode == 2
        assert arguments[0] in errors
