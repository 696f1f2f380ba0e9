"""Waivers from their file to what a person sees: the agent's log, `status`, metrics, and the page of a scan."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from datetime import UTC, datetime, timedelta

import pytest

from tests.support.agent import ROOT, Agent

TODAY = datetime.now(UTC).date() - timedelta(days=1)  # yesterday in every zone
PROFILE = """profile: {name: all, vantage: inside, why: {vi: a, en: b}}
rules: [{use: '*'}]
"""
RULES = """rules:
  - id: ports.any
    check: ports
    severity: high
    for_each: listener
    where: {port: {between: [1, 65535]}}
    require: never
    title: {vi: Cổng mở, en: Something listens}
    fix: {vi: Tắt, en: Stop it}
    tests:
      - {name: open, facts: {port: 1}, expect: fail}
  - id: ports.none
    check: ports
    severity: low
    for_each: listener
    where: {port: 0}
    require: never
    title: {vi: Cổng 0, en: Port 0}
    fix: {vi: Tắt, en: Stop it}
    tests:
      - {name: open, facts: {port: 0}, expect: fail}
"""
OTHERS = ", ".join(f"{check}: {{enabled: false}}" for check in ("traffic", "tls", "patches"))


def entry(name, *, rule="ports.any", match="{asset: vm}", days=30):
    last = TODAY + timedelta(days=days)
    first = min(TODAY, last) - timedelta(days=9)
    return (
        f"  - {{id: {name}, rule: {rule}, match: {match}, reason: R, author: an, approved_by: binh, "
        f"created: {first}, expires: {last}}}\n"
    )


OVER = entry("W-over", days=-5)
BROAD = entry("W-broad", match="{unit: so}")


@pytest.fixture
def site(tmp_path):
    """A folder with rules that the agent's own page fails; returns a function that writes its waivers."""
    (tmp_path / "rules").mkdir()
    (tmp_path / "rules" / "p.yml").write_text(PROFILE)
    (tmp_path / "rules" / "r.yml").write_text(RULES)

    def write(*entries):
        (tmp_path / "w.yml").write_text("waivers:\n" + "".join(entries))
        return tmp_path

    return write


CONFIGURATION = """agent: {{name: vm}}
asset: {{id: vm, unit: so}}
state_dir: {0}/state
checks: {{{1}}}
rules: {{paths: [{0}/rules], waivers: [{0}/w.yml]}}
"""


def secmon(*arguments, folder):
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "LANG": "en_US.UTF-8"}
    command = [sys.executable, "-m", "secmon", *arguments, "-c", str(folder / "secmon.yml")]
    return subprocess.run(
        command, capture_output=True, text=True, env=environment, cwd=folder, timeout=120, check=False
    )


def told(agent):
    return [line.partition('warning="')[2] for line in agent.lines if "event=waiver" in line]


def test_the_agent_tells_each_once_and_again_when_it_changes(site):
    folder = site(OVER, BROAD, entry("W-fine"))
    with Agent(folder, configuration=CONFIGURATION.format(folder, OTHERS)) as agent:
        agent.ready()
        first = told(agent)
        assert [line.partition(" ")[0] for line in first] == [f"{folder}/w.yml:2:5:", f"{folder}/w.yml:3:5:"]
        assert "W-over: the waiver ended on" in first[0]
        assert "W-broad: the waiver is too broad" in first[1]
        agent.reload()
        assert told(agent) == first
        status = secmon("status", folder=folder).stdout
        assert "failures count again: W-over. " in status
        assert "too broad: W-broad. " in status
        site(OVER, entry("W-fine", match="{unit: so}"))
        agent.reload()
        (again,) = told(agent)[len(first) :]
        assert "W-fine: the waiver is too broad" in again
        series = {f'waiver_expires_timestamp_seconds{{waiver="{name}"}}' for name in ("W-over", "W-fine")}
        seen = agent.wait_for_metric(
            lambda seen: {key for key in seen if key.startswith("waiver_expires")} == series
        )
        assert seen["rules_last_reload_successful"] == 1, "an expired waiver is no fault"
        assert agent.stop() == 0


def test_a_scan_says_what_each_was_good_for(site):
    unused = entry("W-unused", rule="ports.none")
    folder = site(OVER, unused, entry("W-tls", rule="ports.any", match="{asset: other}"))
    with Agent(folder, configuration=CONFIGURATION.format(folder, OTHERS)) as agent:  # something listens
        agent.ready()
        done = secmon("scan", "ports", "--format", "json", folder=folder)
        waivers = json.loads(done.stdout)["waivers"]
        assert [(item["id"], item["state"]) for item in waivers] == [
            ("W-over", "expired"),
            ("W-unused", "unused"),
            ("W-tls", "undecided"),
        ]
        assert waivers[0]["findings"] > 0
        assert waivers[0]["place"] == f"{folder}/w.yml:2"
        assert done.returncode == 1
        page = secmon("scan", "ports", "--lang", "en", folder=folder).stdout
        assert "WAIVERS TO REVIEW (2)" in page
        (folder / "more").mkdir()
        (folder / "more" / "w.yml").write_text("waivers:\n" + entry("W-all"))
        named = secmon("scan", "ports", "--lang", "en", "--waivers", str(folder / "more"), folder=folder)
        assert named.returncode in {0, 3}, "every failure is accepted"
        assert "WAIVERS TO REVIEW" not in named.stdout
        assert "accepted by W-all" in named.stdout
        assert agent.stop() == 0


def test_they_are_warnings_where_files_are_checked(site):
    folder = site(OVER, BROAD)
    (folder / "secmon.yml").write_text(CONFIGURATION.format(folder, OTHERS))
    checked = secmon("config", "check", folder=folder)
    assert checked.returncode == 0
    assert checked.stdout == "The configuration is valid.\n"
    assert [line.split(": ")[:4] for line in checked.stderr.splitlines()] == [
        ["secmon", f"{folder}/w.yml:2:5", "warning", "W-over"],
        ["secmon", f"{folder}/w.yml:3:5", "warning", "W-broad"],
    ]
    rules = secmon("rules", "check", "--lang", "en", folder=folder)
    assert (rules.returncode, rules.stderr) == (0, "")
    lines = rules.stdout.splitlines()
    assert [line.split(": ")[:3] for line in lines[:2]] == [
        [f"{folder}/w.yml:2:5", "warning", "W-over"],
        [f"{folder}/w.yml:3:5", "warning", "W-broad"],
    ]
    assert lines[2] == "No faults. 3 files: 2 rules, 1 profiles, 0 overrides, 2 waivers. 2 warnings."
