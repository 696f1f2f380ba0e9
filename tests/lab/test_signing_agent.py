"""A real agent with signed packs: what does not hold is refused, and the rules before stay in use."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tempfile
from datetime import date
from pathlib import Path

import pytest

from tests.support.agent import ROOT, Agent
from tests.support.processes import wait_for
from tests.support.signing import make_key, sign_pack

KEY = make_key("ssh-ed25519")
STRANGER = make_key("ssh-ed25519")
PROFILE = "profile: {name: all, vantage: inside, why: {vi: a, en: b}}\nrules: [{use: '*'}]\n"
RULE = """rules:
  - id: ports.site
    check: ports
    severity: high
    for_each: listener
    where: {scope: exposed, port: 1}
    require: never
    title: {vi: Tên, en: Title}
    fix: {vi: Sửa, en: Mend}
    tests:
      - {name: open, facts: {scope: exposed, port: 1}, expect: fail}
"""


def write_pack(folder, key=KEY, text=RULE, **more):
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    (folder / "rules.yml").write_text(text)
    (folder / "profile.yml").write_text(PROFILE)
    sign_pack(folder, key, **more)


def alter(folder):
    with (folder / "rules.yml").open("a") as file:
        file.write("# one line more\n")


def alter_manifest(folder):
    text = (folder / "MANIFEST").read_text()
    (folder / "MANIFEST").write_text(text.replace("2099", "2098"))


REFUSED = {
    "tampered": (alter, "rules.yml:1:1: the file was altered after the pack was signed"),
    "manifest": (alter_manifest, "MANIFEST.sig:1:1: the signature does not fit"),
    "unsigned": (
        lambda folder: (folder / "MANIFEST.sig").unlink(),
        "MANIFEST.sig:1:1: the pack is not signed: it has no MANIFEST.sig",
    ),
    "stranger": (
        lambda folder: write_pack(folder, STRANGER, serial=9),
        "MANIFEST.sig:1:1: it is signed with the key",
    ),
    "namespace": (
        lambda folder: write_pack(folder, serial=9, namespace="secmon-waivers"),
        "MANIFEST.sig:1:1: it was signed for 'secmon-waivers', and secmon-rules is wanted",
    ),
    "older": (
        lambda folder: write_pack(folder, serial=4),
        "MANIFEST:4:9: serial: the pack is older than one that was accepted: 4, after 5",
    ),
    "expired": (
        lambda folder: write_pack(folder, serial=9, expires=date(2026, 1, 2)),
        "MANIFEST:6:10: expires: the pack has expired: 2026-01-02 was its last day",
    ),
}


@pytest.fixture(scope="module")
def agent(tmp_path_factory):
    """An agent that uses serial 5 of a signed pack."""
    folder = tmp_path_factory.mktemp("signed")
    (folder / "signers").write_text(f'lead@site namespaces="secmon-rules" {KEY.line}\n')
    write_pack(folder / "site", serial=5)
    others = ", ".join(f"{check}: {{enabled: false}}" for check in ("traffic", "tls", "patches"))
    text = (
        f"agent: {{name: vm}}\nchecks: {{{others}}}\n"
        f"rules: {{paths: [{folder}/site], allowed_signers: {folder}/signers}}\n"
    )
    with Agent(folder, configuration=text) as started:
        yield started.ready()
        assert started.stop() == 0


JUDGED = 'results{asset="vm",check="ports",outcome="not_applicable"}'
"""The series that says that ports.site is judged."""


def pack_series(seen):
    return sorted(key for key in seen if key.startswith("pack_info"))


@pytest.mark.parametrize("case", REFUSED)
def test_what_does_not_hold_is_refused_and_the_old_rules_stay(agent, case):
    break_it, message = REFUSED[case]
    pack = agent.folder / "site"
    write_pack(pack, serial=5)
    agent.reload()
    seen = agent.wait_for_metric(
        lambda seen: (
            seen["rules_last_reload_successful"] == 1
            and 'pack="site"' in pack_series(seen)[0]
            and seen.get(JUDGED) == 1  # a first look may take longer than the reload
        )
    )
    (before,) = pack_series(seen)
    assert 'signed="true",version="5"' in before
    break_it(pack)
    told = len(agent.lines)
    agent.reload()
    seen = agent.wait_for_metric(lambda seen: seen["rules_last_reload_successful"] == 0)
    assert seen["config_last_reload_successful"] == 1
    assert pack_series(seen) == [before]
    assert any(f"{pack}/{message}" in line for line in agent.lines[told:]), agent.lines[told:]
    assert seen[JUDGED] == 1


def test_a_later_serial_is_taken_and_remembered_over_a_restart(agent):
    pack = agent.folder / "site"
    for serial in (5, 6):
        write_pack(pack, name="later", serial=serial, text=RULE.replace("port: 1}", f"port: {serial}}}"))
        agent.reload()
        agent.wait_for_metric(lambda seen, serial=serial: f'version="{serial}"' in pack_series(seen)[0])
    memory = agent.state / "serials.json"
    assert wait_for(lambda: json.loads(memory.read_bytes())["rules/later"] == 6)
    assert memory.stat().st_mode & 0o777 == 0o600
    write_pack(pack, name="later", serial=5)
    done = run("config", "check", "-c", str(agent.folder / "secmon.yml"), state=agent.state)
    assert done.returncode == 2
    assert "older than one that was accepted: 5, after 6" in done.stderr


def run(*arguments, state, wrapper=()):
    environment = {
        **os.environ,
        "STATE_DIRECTORY": str(state),
        "PYTHONPATH": str(ROOT),
        "LANG": "en_US.UTF-8",
    }
    command = [*wrapper, sys.executable, "-m", "secmon", *arguments]
    return subprocess.run(command, capture_output=True, text=True, env=environment, check=False)


NOBODY_KNOWS = ("setpriv", "--reuid=12345", "--regid=12345", "--clear-groups", "--inh-caps=-all")


@pytest.fixture
def folder_of_nobody(needs):
    """A folder of a user that has no passwd entry, as under systemd's DynamicUser= on a small host."""
    needs("setpriv", "ssh-keygen", root=True)
    if subprocess.run(
        [*NOBODY_KNOWS, sys.executable, "-c", "import secmon"], cwd=ROOT, check=False
    ).returncode:
        pytest.skip("needs a Python and a checkout that every user may read")
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        os.chown(folder, 12345, 12345)
        write_pack(folder / "site")
        (folder / "signers").write_text(f"lead@site {KEY.line}\n")
        yield folder


def test_a_user_without_a_passwd_entry_verifies(folder_of_nobody):
    folder = folder_of_nobody
    command = ["ssh-keygen", "-Y", "verify", "-f", "signers", "-I", "lead@site", "-n", "secmon-rules"]
    refused = subprocess.run(
        [*NOBODY_KNOWS, *command, "-s", "site/MANIFEST.sig"],
        cwd=folder,
        input=(folder / "site" / "MANIFEST").read_bytes(),
        capture_output=True,
        check=False,
    )
    assert b"No user exists for uid 12345" in refused.stderr
    verify = ("rules", "verify", str(folder / "site"), "--allowed-signers", str(folder / "signers"))
    done = run(*verify, state=folder / "state", wrapper=NOBODY_KNOWS)
    assert (done.returncode, "signed by lead@site" in done.stdout) == (0, True), done.stderr
    text = f"agent: {{name: vm}}\nrules: {{paths: [{folder}/site], allowed_signers: {folder}/signers}}\n"
    with Agent(folder, configuration=text, wrapper=NOBODY_KNOWS) as agent:
        agent.ready()
        assert 'signed="true"' in pack_series(agent.metrics())[0]
        alter(folder / "site")
        agent.reload()
        agent.wait_for_metric(lambda seen: seen["rules_last_reload_successful"] == 0)
        assert agent.stop() == 0


def test_a_scan_says_what_it_cannot_notice_and_what_is_unsigned(tmp_path):
    pack = tmp_path / "site"
    write_pack(pack)
    (tmp_path / "signers").write_text(f"lead@site {KEY.line}\n")
    (tmp_path / "secmon.yml").write_text(
        f"rules: {{paths: [{pack}], allowed_signers: {tmp_path}/signers}}\nasset: {{id: vm}}\n"
    )
    scan = ("scan", "ports", "-c", str(tmp_path / "secmon.yml"), "--format", "json")
    done = run(*scan, state=tmp_path / "state")
    assert done.returncode in {0, 3}, done.stderr
    assert '"signed": true' in done.stdout
    assert "no pack was accepted before" in done.stderr
    alter(pack)
    done = run(*scan, state=tmp_path / "state")
    assert (done.returncode, done.stdout) == (2, "")
    done = run(*scan, "--allow-unsigned", state=tmp_path / "state")
    assert done.returncode in {0, 3}, done.stderr
    assert '"signed": false' in done.stdout
    assert f"used without a valid signature: {pack}/rules.yml:1:1: the file was altered" in done.stderr
