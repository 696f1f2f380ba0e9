"""Devices of a network: on a link, behind a router, silent to echoes, gone; against an inventory."""

from __future__ import annotations

import json
import os
import pathlib
import subprocess
import sys
import time

import pytest

from tests.support.agent import wait_for

ROOT = pathlib.Path(__file__).parents[2]
FILTER = """
table inet lab {
 chain in { type filter hook input priority 0; ip daddr 10.214.1.3 icmp type echo-request drop; }
}
"""
INVENTORY = """
province: {id: p, names: {vi: "Tỉnh", en: Province}}
packs: []
units: [{id: u, kind: department, names: {vi: "Sở", en: Department}}]
systems: [{id: s, owner_unit: u, level: 2, roles: [server]}]
assets:
  - {id: router, operator_unit: u, systems: [s], platform: network, addresses: [10.214.0.1], watched_by: [probe]}
  - {id: probe, operator_unit: u, systems: [s], platform: linux, addresses: [10.214.0.2], agent: probe}
  - {id: web, operator_unit: u, systems: [s], platform: other, addresses: [10.214.1.2], watched_by: [probe]}
  - {id: gone, operator_unit: u, systems: [s], platform: other, addresses: [10.214.1.4], watched_by: [probe]}
"""


def ip(*words: str) -> None:
    subprocess.run(["ip", *words], check=True, capture_output=True)


@pytest.fixture
def scanner(needs):
    """A scanner, a router on its link, and a host behind it."""
    needs("ip", "nft", "sysctl", root=True)
    scanner, router, host = (f"secmon-{name}-{os.getpid()}" for name in ("scan", "rout", "host"))
    try:
        for name in (scanner, router, host):
            ip("netns", "add", name)
            ip("-n", name, "link", "set", "lo", "up")
        ip("-n", scanner, "link", "add", "w0", "type", "veth", "peer", "name", "w0", "netns", router)
        ip("-n", router, "link", "add", "w1", "type", "veth", "peer", "name", "w0", "netns", host)
        for name, link, addresses in (
            (scanner, "w0", ("10.214.0.2/28", "fd00:214::2/120")),
            (router, "w0", ("10.214.0.1/28", "10.214.0.5/28", "fd00:214::1/120")),
            (router, "w1", ("10.214.1.1/28",)),
            (host, "w0", ("10.214.1.2/28", "10.214.1.3/28")),
        ):
            for address in addresses:
                ip("-n", name, "addr", "add", address, "dev", link, *(("nodad",) if ":" in address else ()))
            ip("-n", name, "link", "set", link, "up")
        ip("-n", scanner, "route", "add", "default", "via", "10.214.0.1")
        ip("-n", host, "route", "add", "default", "via", "10.214.1.1")
        subprocess.run(
            ["ip", "netns", "exec", router, "sysctl", "-q", "-w", "net.ipv4.ip_forward=1"], check=True
        )
        subprocess.run(["ip", "netns", "exec", host, "nft", "-f", "-"], input=FILTER, text=True, check=True)
        yield scanner
    finally:
        for name in (scanner, router, host):
            subprocess.run(["ip", "netns", "del", name], check=False)


def scan(netns: str, folder: pathlib.Path, *targets: str, nobody: bool = False, config: str = "") -> dict:
    out = folder / "out.json"
    (folder / "secmon.yml").write_text(config or "{}", encoding="utf-8")
    named = [word for target in targets for word in ("--target", target)]
    program = [sys.executable, "-m", "secmon", "scan", "ports", "--quiet", "-c", str(folder / "secmon.yml")]
    done = subprocess.run(
        ["ip", "netns", "exec", netns, *program, "--format", "json", "-o", str(out), *named],
        check=False,
        capture_output=True,
        text=True,
        timeout=150,
        env={**os.environ, "PYTHONPATH": str(ROOT), "STATE_DIRECTORY": str(folder)},
    )
    assert done.returncode in (0, 1, 3), done.stderr
    return json.loads(out.read_text(encoding="utf-8"))


def devices(report: dict, target: str) -> dict[str, dict]:
    (seen,) = (item for item in report["observations"] if item["target"] == target)
    assert (seen["outcome"], seen["reason"]) == ("ok", None), seen["detail"]
    return {fact["address"]: fact for fact in seen["facts"]}


def failing(report: dict, rule: str) -> set[str]:
    rows = (result for result in report["results"] if result["rule"] == rule and result["outcome"] == "fail")
    return {result["subject"]["address"] for result in rows}


def test_devices_are_found_and_held_against_the_inventory(scanner: str, tmp_path: pathlib.Path):
    (tmp_path / "inventory.yml").write_text(INVENTORY, encoding="utf-8")
    config = f"checks: {{ports: {{inventory: [{tmp_path}/inventory.yml]}}}}"
    report = scan(scanner, tmp_path, "10.214.0.0/28", "10.214.1.0/28", config=config)
    link, routed = devices(report, "10.214.0.0/28"), devices(report, "10.214.1.0/28")
    assert {address: fact["answers"] for address, fact in link.items()} == {
        "10.214.0.1": ["arp"],
        "10.214.0.2": ["own"],
        "10.214.0.5": ["arp"],
    }
    assert len(link["10.214.0.5"]["hardware"]) == len("02:00:00:00:00:01")
    assert {address: (fact["answers"], fact["present"]) for address, fact in routed.items()} == {
        "10.214.1.1": (["icmp"], True),
        "10.214.1.2": (["icmp"], True),
        "10.214.1.3": (["tcp"], True),
        "10.214.1.4": ([], False),
    }
    assert failing(report, "ports.unknown-device") == {"10.214.0.5", "10.214.1.1", "10.214.1.3"}
    assert failing(report, "ports.device-gone") == {"10.214.1.4"}


def meet(netns: str, address: str) -> None:
    """Have the kernel resolve a neighbour, however long the link of a busy machine takes to carry frames."""
    send = f"import socket; socket.socket(socket.AF_INET6, socket.SOCK_DGRAM).sendto(b'', ('{address}', 9))"

    def known() -> bool:
        subprocess.run(["ip", "netns", "exec", netns, sys.executable, "-c", send], check=False)
        time.sleep(0.3)  # a solicitation is out, and answered where the link is up
        shown = subprocess.run(
            ["ip", "-j", "-n", netns, "-6", "neigh", "show", "to", address],
            check=True,
            capture_output=True,
            text=True,
        )
        return any("lladdr" in entry for entry in json.loads(shown.stdout or "[]"))

    assert wait_for(known, 60)


def test_of_ipv6_the_neighbours_are_asked(scanner: str, tmp_path: pathlib.Path):
    meet(scanner, "fd00:214::1")
    found = devices(scan(scanner, tmp_path, "fd00:214::/120"), "fd00:214::/120")
    assert found["fd00:214::1"]["answers"] in (["arp"], ["icmp"])


def test_a_network_that_is_not_allowed_is_not_asked(scanner: str, tmp_path: pathlib.Path):
    config = "watches: [{id: net, platform: other}]\nchecks: {ports: {targets: [{asset: net, address: 10.214.1.0/28}]}}"
    report = scan(scanner, tmp_path, config=config)
    (seen,) = (item for item in report["observations"] if item["target"] == "10.214.1.0/28")
    assert (seen["outcome"], seen["reason"], seen["facts"]) == ("failed", "not_allowed", [])


def test_a_bad_inventory_is_told(scanner: str, tmp_path: pathlib.Path):
    (tmp_path / "inventory.yml").write_text("province: {id: p}\nasets: []\n", encoding="utf-8")
    config = f"checks: {{ports: {{inventory: [{tmp_path}/inventory.yml]}}}}"
    report = scan(scanner, tmp_path, "10.214.0.0/28", config=config)
    (seen,) = report["observations"]
    assert (seen["reason"], "inventory.yml:" in seen["detail"]) == ("bad_data", True)
