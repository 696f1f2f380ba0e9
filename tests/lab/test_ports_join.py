"""Two reports of one host, its own and an outside scanner's, joined: real sockets, a real packet filter."""

from __future__ import annotations

import json
import os
import pathlib
import subprocess
import sys

import pytest

ROOT = pathlib.Path(__file__).parents[2]
ADDRESS = "10.213.0.1"
SERVE = """
import socket, sys
kept = [socket.create_server(("0.0.0.0", port)) for port in (8443, 5432)]
print("ready", flush=True)
sys.stdin.read()
"""
FILTER = """
table inet lab {
 chain pre { type nat hook prerouting priority -100; tcp dport 9443 redirect to :8443; }
 chain in { type filter hook input priority 0; tcp dport 5432 drop; }
}
"""


def run(*command: str, **values) -> str:
    return subprocess.run(command, check=True, capture_output=True, text=True, **values).stdout


@pytest.fixture
def hosts(needs):
    """Two namespaces on one wire: the audited host and the scanner."""
    needs("ip", "nft", root=True)
    audited, scanner = f"secmon-a-{os.getpid()}", f"secmon-s-{os.getpid()}"
    try:
        for name in (audited, scanner):
            run("ip", "netns", "add", name)
        run("ip", "-n", audited, "link", "add", "w0", "type", "veth", "peer", "name", "w0", "netns", scanner)
        for name, address in ((audited, ADDRESS), (scanner, "10.213.0.2")):
            run("ip", "-n", name, "addr", "add", f"{address}/24", "dev", "w0")
            for interface in ("w0", "lo"):
                run("ip", "-n", name, "link", "set", interface, "up")
        run("ip", "netns", "exec", audited, "nft", "-f", "-", input=FILTER)
        yield audited, scanner
    finally:
        for name in (audited, scanner):
            subprocess.run(["ip", "netns", "del", name], check=False)


def scan(netns: str, *arguments: str, folder: pathlib.Path) -> dict:
    out = folder / f"{len(arguments)}.json"
    command = ["ip", "netns", "exec", netns, sys.executable, "-m", "secmon", "scan", "ports", "--quiet"]
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "STATE_DIRECTORY": str(folder)}
    done = subprocess.run(
        [*command, "--format", "json", "-o", str(out), *arguments],
        check=False,
        capture_output=True,
        text=True,
        timeout=120,
        env=environment,
    )
    assert done.returncode in (0, 1, 3), done.stderr
    return json.loads(out.read_text(encoding="utf-8"))


def joined(report: dict) -> dict[int, tuple[bool, bool]]:
    return {
        fact["port"]: (fact["listening"], fact["reachable"])
        for observation in report["observations"]
        for fact in observation["facts"]
        if fact["kind"] == "reachability"
    }


def failing(report: dict) -> set[tuple[str, int]]:
    return {
        (result["rule"], result["subject"]["port"])
        for result in report["results"]
        if result["outcome"] == "fail" and "port" in result["subject"]
    }


EXPECTED = {8443: (True, True), 5432: (True, False), 9443: (False, True)}
FINDINGS = {("ports.listener-filtered", 5432), ("ports.reached-without-listener", 9443)}


def test_what_two_reports_say_of_one_host(hosts, tmp_path: pathlib.Path):
    audited, scanner = hosts
    command = ["ip", "netns", "exec", audited, sys.executable, "-S", "-E", "-c", SERVE]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as server:
        assert server.stdout.readline() == "ready\n"
        outside = tmp_path / "4.json"
        scan(scanner, "--target", ADDRESS, "--ports", "5432,8443,9443", folder=tmp_path)
        report = scan(audited, "--join", str(outside), folder=tmp_path)
        server.stdin.close()
    assert joined(report) == EXPECTED
    assert failing(report) >= FINDINGS


def test_what_nmap_says_can_be_joined(hosts, needs, tmp_path: pathlib.Path):
    needs("nmap")
    audited, scanner = hosts
    xml = tmp_path / "nmap.xml"
    command = ["ip", "netns", "exec", audited, sys.executable, "-S", "-E", "-c", SERVE]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as server:
        assert server.stdout.readline() == "ready\n"
        ports = ("-p", "5432,8443,9443")
        run("ip", "netns", "exec", scanner, "nmap", "-n", "-Pn", "-sT", *ports, "-oX", str(xml), ADDRESS)
        report = scan(audited, "--join", str(xml), folder=tmp_path)
        server.stdin.close()
    assert joined(report) == EXPECTED
    assert failing(report) >= FINDINGS


def test_a_report_on_somebody_else_says_so(hosts, tmp_path: pathlib.Path):
    audited, _ = hosts
    other = tmp_path / "other.json"
    other.write_text('{"schema": "secmon.report/1", "observations": []}', encoding="utf-8")
    report = scan(audited, "--join", str(other), folder=tmp_path)
    (look,) = (item for item in report["observations"] if "reachability" in item["looked"])
    assert (look["reason"], "no look from outside" in look["detail"]) == ("no_data", True)
