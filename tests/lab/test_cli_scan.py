"""The audit from its command line to its exit code, on this host's own loopback and files."""

from __future__ import annotations

import json
import os
import pathlib
import pty
import signal
import stat
import subprocess
import sys
import time

import pytest
from jsonschema import Draft202012Validator

from secmon.core.model import Severity
from secmon.export.report.exit import exit_code

ROOT = pathlib.Path(__file__).parents[2]
SCHEMA = json.loads((ROOT / "secmon" / "data" / "report.schema.json").read_text())
COMMAND = (sys.executable, "-m", "secmon")
ENVIRONMENT = {"PATH": os.environ["PATH"], "LANG": "en_US.UTF-8", "TERM": "xterm"}


def secmon(*arguments, **options):
    options = {"capture_output": True, "text": True, "cwd": ROOT, "env": ENVIRONMENT} | options
    return subprocess.run((*COMMAND, *arguments), check=False, timeout=120, **options)


def test_json_is_one_document_that_meets_its_schema():
    done = secmon("scan", "ports", "patches", "tls", "--format", "json")
    report = json.loads(done.stdout)
    Draft202012Validator(SCHEMA, format_checker=Draft202012Validator.FORMAT_CHECKER).validate(report)
    assert done.stderr == ""
    assert done.returncode == exit_code(report, Severity.HIGH)
    assert {run["check"] for run in report["runs"]} == {"ports", "patches", "tls"}
    assert sum(report["summary"].values()) - report["summary"]["waived"] == len(report["results"])


def test_the_page_and_the_document_say_the_same():
    page = secmon("scan", "patches")
    report = json.loads(secmon("scan", "patches", "--format", "json").stdout)
    score = report["assets"][0]["score"]
    assert f"Score {score['raw']:.1f}/100   Grade {score['grade']}" in page.stdout
    assert f"In all: {report['summary']['fail']} failed" in page.stdout
    assert f"Exit code {page.returncode}:" in page.stdout
    assert max(map(len, page.stdout.splitlines())) <= 80


def test_fail_on_decides_between_one_and_the_rest(tmp_path):
    (tmp_path / "rules.yml").write_text(
        "rules:\n"
        "  - id: ports.any\n"
        "    check: ports\n"
        "    severity: low\n"
        "    for_each: listener\n"
        "    count: {ge: 0}\n"
        "    title: {vi: một, en: one}\n"
        "    fix: {vi: hai, en: two}\n"
        "  - id: ports.none\n"
        "    check: ports\n"
        "    severity: medium\n"
        "    for_each: listener\n"
        "    count: {lt: 0}\n"
        "    title: {vi: ba, en: three}\n"
        "    fix: {vi: bốn, en: four}\n"
    )
    (tmp_path / "profile.yml").write_text(
        'profile: {name: all, vantage: inside, why: {vi: a, en: b}}\nrules: [{use: "*"}]\n'
    )
    rules = ("scan", "ports", "--rules", str(tmp_path))
    assert secmon(*rules).returncode == 0
    assert secmon(*rules, "--fail-on", "critical").returncode == 0
    assert secmon(*rules, "--fail-on", "medium").returncode == 1
    assert "three" in secmon(*rules).stdout


def test_a_file_is_written_whole_for_its_owner(tmp_path):
    path = tmp_path / "report.json"
    done = secmon("scan", "ports", "--format", "json", "-o", str(path))
    assert (done.stdout, done.stderr) == ("", "")
    assert json.loads(path.read_text())["schema"] == "secmon.report/1"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_faults_are_told_each_on_its_line_and_nothing_runs(tmp_path):
    path = tmp_path / "secmon.yml"
    path.write_text("lang: fr\nlisten: {prot: 1}\nchecks: {ports: {rate: many}}\n")
    kept = tmp_path / "report.json"
    kept.write_text("before")
    done = secmon("scan", "-c", str(path), "-o", str(kept))
    assert (done.returncode, done.stdout, kept.read_text()) == (2, "", "before")
    lines = done.stderr.splitlines()
    assert [line.split(" ")[1] for line in lines] == [f"{path}:{place}:" for place in ("1:7", "2:10", "3:24")]
    assert "did you mean port?" in lines[1]
    assert secmon("config", "check", "-c", str(path)).stderr == done.stderr


def test_the_example_configuration_works_as_it_is(tmp_path):
    path = tmp_path / "secmon.yml"
    assert secmon("config", "init", "-o", str(path)).returncode == 0
    done = secmon("config", "check", "-c", str(path))
    assert (done.returncode, done.stdout) == (0, "The configuration is valid.\n")
    assert secmon("scan", "patches", "-c", str(path)).returncode == secmon("scan", "patches").returncode


def test_watches_stand_in_the_same_report(tmp_path):
    path = tmp_path / "secmon.yml"
    path.write_text(
        "asset: {id: here}\n"
        "watches: [{id: beside, address: 127.0.0.1, platform: network, roles: [appliance]}]\n"
        "checks: {ports: {targets: [{address: local}, {asset: beside, port: 9}]}}\n"
    )
    report = json.loads(secmon("scan", "ports", "-c", str(path), "--format", "json").stdout)
    assert [asset["id"] for asset in report["assets"]] == ["here", "beside"]
    assert {run["asset"] for run in report["runs"]} == {"here", "beside"}


def start(*arguments):
    return subprocess.Popen(
        (*COMMAND, *arguments),
        cwd=ROOT,
        env=ENVIRONMENT,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )


def children(session):
    listed = subprocess.run(
        ("ps", "-o", "pid=", "-s", str(session)), check=False, capture_output=True, text=True
    )
    return listed.stdout.split()


def wait_for(condition):
    deadline = time.monotonic() + 60
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.02)


def test_ctrl_c_ends_at_once_and_leaves_nothing(needs):
    needs("ps", root=True)
    scan = start("scan", "traffic", "--interface", "lo", "--duration", "60s")
    wait_for(lambda: len(children(scan.pid)) >= 3)
    os.killpg(scan.pid, signal.SIGINT)
    out, err = scan.communicate(timeout=60)
    assert (scan.returncode, out, err) == (130, "", "")
    wait_for(lambda: not children(scan.pid))


def test_a_reader_that_left_does_not_change_the_exit_code():
    read, write = os.pipe()
    os.close(read)
    done = secmon("scan", "patches", stdout=write, stderr=subprocess.PIPE, capture_output=False)
    os.close(write)
    assert done.stderr == ""
    assert done.returncode == secmon("scan", "patches").returncode


def test_a_terminal_sees_progress_and_colour():
    try:
        leader, follower = pty.openpty()
    except OSError:
        pytest.skip("needs a pseudo-terminal (devpts)")
    scan = subprocess.Popen(
        (*COMMAND, "scan", "ports"), cwd=ROOT, env=ENVIRONMENT, stdout=follower, stderr=follower
    )
    os.close(follower)
    shown = b""
    while True:
        try:
            part = os.read(leader, 65536)
        except OSError:  # EIO: the other end is closed
            break
        shown += part
    os.close(leader)
    scan.wait(timeout=60)
    assert b"SECURITY AUDIT" in shown
    assert b"\x1b[1m" in shown


@pytest.mark.parametrize("arguments", [("--pcap", "/absent.pcap"), ("--root", "/absent")])
def test_a_named_file_that_is_absent_is_two(arguments):
    done = secmon("scan", *arguments)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.count("\n") == 1
    assert "/absent" in done.stderr
