from __future__ import annotations

import io
import json
import os
import pathlib
import subprocess
import sys

import pytest

from secmon.agent import config, settingsfile
from secmon.checks import load
from secmon.core.codec import decode
from secmon.core.plan import ChildPlan, CorePlan, Invocation
from tests.support.pki import make
from tests.support.rulebook import REGISTRY
from tests.support.signing import make_key, sign_pack

DATA = pathlib.Path(__file__).parent.parent / "data" / "bad"
PROFILE = "profile: {name: all, vantage: inside, why: {vi: a, en: b}}\nrules: [{use: '*'}]\n"
RULE = """rules:
  - id: ports.a
    check: ports
    severity: high
    params: {limit: {type: integer, default: 10, tighten: down}}
    for_each: listener
    require: {port: {lt: $limit}}
    title: {vi: Tên, en: Title}
    fix: {vi: Sửa, en: Mend}
    tests:
      - {name: low, facts: {port: 5}, expect: pass}
"""


@pytest.fixture(autouse=True)
def _no_netlink(monkeypatch):
    """The lab looks at real interfaces."""
    monkeypatch.setattr(settingsfile, "own_addresses", lambda: frozenset({"127.0.0.1", "192.0.2.7"}))


@pytest.fixture
def site(tmp_path):
    """A folder with a configuration, a rule and a profile; returns a function that writes further files."""

    def write(name, text):
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text.replace("HERE", str(tmp_path)))
        return str(path)

    write("secmon.yml", "agent: {name: agent}\nrules: {paths: [HERE/rules]}\n")
    write("rules/a.yml", RULE)
    write("rules/p.yml", PROFILE)
    return write


def run(path, registry=REGISTRY, **more):
    """Return the exit code and the decoded lines."""
    out = io.BytesIO()
    invocation = Invocation(**({"command": "scan", "config": str(path)} | more))
    code = config.observe(config.acquire(registry, invocation), out)
    return code, [json.loads(line) for line in out.getvalue().splitlines()]


def plan(path, registry=REGISTRY, **more):
    code, lines = run(path, registry, **more)
    assert code == 0, lines
    return decode(CorePlan, lines[0]), decode(ChildPlan, lines[1])


def faults(path, registry=REGISTRY, **more):
    code, lines = run(path, registry, **more)
    assert code == 2
    return [
        f"{pathlib.Path(line['file']).name}:{line['line']}:{line['column']}: {line['key']}: {line['message']}; {line['advice']}"
        for line in lines
    ]


def test_a_plan_is_two_lines(site, tmp_path):
    core, child = plan(
        tmp_path / "secmon.yml", environment={"LANG": "en_US.UTF-8", "STATE_DIRECTORY": "/state"}
    )
    assert (core.agent, core.lang, core.state_dir) == ("agent", "en", "/state")
    assert core.possible == {"agent": {"ports": 6}}
    assert core.expected["agent"]["ports"] == 6
    assert [(item.name, item.version, item.signed) for item in core.packs] == [("rules", "", False)]
    assert [(item.asset, item.rule, item.params) for item in child.bindings] == [
        ("agent", "ports.a", {"limit": 10})
    ]
    assert child.bindings[0].origin["limit"] == f"{tmp_path}/rules/a.yml:2:5"
    assert child.rules[0].tests == ()


def test_the_digest_covers_every_file(site, tmp_path):
    digests = [plan(tmp_path / "secmon.yml")[0].digest]
    site("rules/p.yml", PROFILE + "# a comment\n")
    digests.append(plan(tmp_path / "secmon.yml")[0].digest)
    site("secmon.yml", "agent: {name: agent}\nrules: {paths: [HERE/rules]}\n# a comment\n")
    digests.append(plan(tmp_path / "secmon.yml")[0].digest)
    assert len(set(digests)) == 3
    assert plan(tmp_path / "secmon.yml")[0].digest == digests[2]


def test_without_a_file_the_defaults_hold_and_the_own_rules_load(monkeypatch):
    monkeypatch.setattr(config.paths, "CONFIGURATION", "/nowhere/secmon.yml")
    core, child = plan("", load())
    assert core.packs[0].name == "builtin"
    assert set(core.checks) == set(load().checks)
    assert len(child.rules) > 10
    assert {item.text for item in child.targets} == {"local"}


@pytest.mark.parametrize(
    ("environment", "lang", "configured", "expected"),
    [
        ({}, "", "", "vi"),
        ({"LANG": "C.UTF-8"}, "", "", "vi"),
        ({"LANG": "vi_VN.UTF-8"}, "", "", "vi"),
        ({"LANG": "en_GB.UTF-8"}, "", "", "en"),
        ({"LANG": "en_GB", "LC_ALL": "vi_VN"}, "", "", "vi"),
        ({"LANG": "en_GB"}, "", "lang: vi\n", "vi"),
        ({"LANG": "en_GB"}, "en", "lang: vi\n", "en"),
    ],
)
def test_the_language(site, tmp_path, environment, lang, configured, expected):
    path = site("secmon.yml", f"{configured}rules: {{paths: [HERE/rules]}}\n")
    assert plan(path, environment=environment, lang=lang)[0].lang == expected


def test_twenty_mistakes_in_one_folder_are_told_in_one_run(tmp_path):
    for path in DATA.iterdir():
        (tmp_path / path.name).write_bytes(path.read_bytes().replace(b"HERE", bytes(tmp_path)))
    found = [line.replace(str(tmp_path), "HERE") for line in faults(tmp_path / "secmon.yml")]
    expected = (DATA / "expected.txt").read_text(encoding="utf-8").splitlines()
    assert found == expected
    assert len(found) >= 20


def test_a_file_that_everybody_may_write_is_refused(site, tmp_path):
    os.chmod(tmp_path / "secmon.yml", 0o666)
    (only,) = faults(tmp_path / "secmon.yml", rules=(str(tmp_path / "rules"),))
    assert only == f"secmon.yml:1:1: : everybody may write this file; chmod o-w {tmp_path}/secmon.yml"


def test_what_is_named_and_not_there_is_told(site, tmp_path):
    rules = (str(tmp_path / "rules"),)
    (only,) = faults(tmp_path / "none.yml", rules=rules)
    assert only.startswith("none.yml:1:1: : ")
    assert "does not exist" in only
    for more, key in (
        ({"rules": ("/nowhere",)}, "--rules"),
        ({"waivers": ("/nowhere",)}, "--waivers"),
        ({"root": "/nowhere"}, "--root"),
        ({"pcap": "/nowhere/a.pcap"}, "--pcap"),
        ({"targets": ("file:/nowhere",)}, "--target"),
        ({"trust": ("/nowhere",)}, "--trust"),
        ({"root": f"{tmp_path}/secmon.yml"}, "--root"),
    ):
        (only,) = faults(tmp_path / "secmon.yml", **({"rules": rules} | more))
        assert only.startswith(f"command line:0:0: {key}: /")


def test_the_rules_own_tests_are_run(site, tmp_path):
    site("rules/a.yml", RULE.replace("expect: pass", "expect: fail"))
    assert faults(tmp_path / "secmon.yml") == [
        'a.yml:11:9: ports.a: the test "low" expects fail and got pass; '
    ]


def test_unsigned_packs_are_refused_where_signatures_are_asked_for(site, tmp_path):
    path = site("secmon.yml", "rules: {paths: [HERE/rules], allowed_signers: HERE/signers}\n")
    site("signers", f"a@b {make_key('ssh-ed25519').line}\n")
    (only,) = faults(path)
    assert only == (
        "MANIFEST:1:1: : the pack is not signed: it has no MANIFEST; `secmon rules sign` makes it"
    )
    core, _ = plan(path, allow_unsigned=True)
    assert [(pack.name, pack.version, pack.signed) for pack in core.packs] == [("rules", "", False)]
    assert [note.partition(": ")[0] for note in core.notes] == ["used without a valid signature"]


KEY = make_key("ssh-ed25519")
SIGNED = "agent: {name: agent}\nrules: {paths: [HERE/rules], waivers: [HERE/waivers], allowed_signers: HERE/signers}\n"
WAIVER = (
    "waivers:\n  - {id: W-1, rule: ports.a, match: {asset: agent}, reason: R, author: a, approved_by: Boss@Site, "
    "created: 2026-01-01, expires: 2026-02-01}\n"
)


@pytest.fixture
def signed(site, tmp_path):
    """The same folder with two packs, both signed by the same person."""
    site("signers", f"boss@site {KEY.line}\n")
    site("waivers/w.yml", WAIVER)
    sign_pack(tmp_path / "rules", KEY, serial=4)
    sign_pack(tmp_path / "waivers", KEY, "waivers", serial=2)
    (tmp_path / "state").mkdir()
    (tmp_path / "state" / "serials.json").write_text('{"rules/site": 3, "rules/gone": 9}')
    return site("secmon.yml", SIGNED)


def test_signed_packs_reach_the_plan_with_their_serials(signed, tmp_path):
    core, _ = plan(signed, environment={"STATE_DIRECTORY": f"{tmp_path}/state"})
    assert [(item.name, item.version, item.signed) for item in core.packs] == [
        ("site", "4", True),
        ("site", "2", True),
    ]
    assert core.serials == {"rules/site": 4, "rules/gone": 9, "waivers/site": 2}
    assert core.notes == ()


def test_the_approver_is_who_signed(signed, site, tmp_path):
    site("waivers/w.yml", WAIVER.replace("Boss@Site", "chief@site"))
    sign_pack(tmp_path / "waivers", KEY, "waivers", serial=2)
    (only,) = faults(signed)
    assert only == (
        'w.yml:2:88: waivers[0].approved_by: "chief@site" has not signed this; '
        "the approver is whose key signed the pack: boss@site"
    )
    (tmp_path / "waivers" / "MANIFEST.sig").unlink()
    assert plan(signed, allow_unsigned=True)


def test_of_refused_packs_nothing_else_is_told(signed, site, tmp_path):
    site("rules/a.yml", "rules: [mistake]\n")
    assert [fault.partition(";")[0][:60] for fault in faults(signed)] == [
        "a.yml:1:1: : the file was altered after the pack was signed:"
    ]


def test_an_older_pack_and_a_damaged_memory_are_refused(signed, tmp_path):
    memory = tmp_path / "state" / "serials.json"
    memory.write_text('{"rules/site": 5}')
    environment = {"STATE_DIRECTORY": str(memory.parent)}
    (only,) = faults(signed, environment=environment)
    assert only.startswith("MANIFEST:4:9: serial: the pack is older than one that was accepted: 4, after 5")
    memory.write_text("damaged")
    (only,) = faults(signed, environment=environment)
    assert only.startswith("serials.json:1:1: : the highest serials cannot be read from it")


def test_two_packs_of_one_name_are_refused(signed, site, tmp_path):
    site("more/b.yml", "overrides: []\n")
    sign_pack(tmp_path / "more", KEY, name="site")
    path = site("secmon.yml", SIGNED.replace("HERE/rules", "HERE/rules, HERE/more"))
    assert any(
        fault.startswith("MANIFEST:2:7: name: two packs are named site; one is ") for fault in faults(path)
    )


def test_a_folder_that_is_called_builtin_is_not_the_installations_own(signed, site, tmp_path):
    (tmp_path / "rules").rename(tmp_path / "builtin")
    (tmp_path / "builtin" / "MANIFEST.sig").unlink()
    (only,) = faults(site("secmon.yml", SIGNED.replace("HERE/rules", "HERE/builtin")))
    assert only.startswith("MANIFEST.sig:1:1: : the pack is not signed")


def test_a_damaged_file_of_signers_is_told_alone(signed, site):
    site("signers", "boss@site nonsense\n")
    (only,) = faults(signed)
    assert only.startswith("signers:1:1: : it holds no key of a known type")
    (again,) = faults(signed, allow_unsigned=True)
    assert again == only


def test_waivers_and_overrides_reach_the_plan(site, tmp_path):
    path = site(
        "secmon.yml",
        "agent: {name: agent}\nrules: {paths: [HERE/rules], waivers: [HERE/w.yml], overrides: [HERE/o.yml]}\n",
    )
    site(
        "w.yml",
        "waivers:\n  - {id: W-1, rule: ports.a, match: {asset: agent}, reason: R, author: a, approved_by: b, "
        "created: 2026-01-01, expires: 2026-02-01}\n",
    )
    site("o.yml", "overrides:\n  - {match: {asset: agent}, rule: ports.a, params: {limit: 3}, reason: R}\n")
    core, child = plan(path)
    assert [(item.id, str(item.place)) for item in core.waivers] == [("W-1", f"{tmp_path}/w.yml:2:5")]
    assert core.waivers == child.waivers
    assert [(item.name, item.sha256 != "") for item in core.packs] == [
        ("rules", True),
        ("w.yml", True),
        ("o.yml", True),
    ]
    assert child.bindings[0].params == {"limit": 3}


def test_a_scan_of_another_host_asks_about_that_host_only(site, tmp_path):
    core, child = plan(tmp_path / "secmon.yml", targets=("203.0.113.9:443",))
    assert [asset.id for asset in core.assets] == ["203.0.113.9"]
    assert {item.check for item in child.targets} == {"ports", "tls"}
    assert child.bindings == ()


def test_paths_that_are_no_text_are_told(site, tmp_path):
    bad = os.fsencode(tmp_path / "rules") + b"/\xff.yml"
    with open(bad, "wb") as file:
        file.write(b"rules: [5]")
    code, lines = run(tmp_path / "secmon.yml")
    assert code == 2
    assert lines[0]["file"].endswith("\udcff.yml")


def test_nothing_is_imported_once_privileges_are_gone():
    """What lies under a folder that only root may enter cannot be imported any more."""
    script = (
        "import io, sys\n"
        "from secmon.agent import config, settingsfile\n"
        "from secmon.checks import load\n"
        "from secmon.core.plan import Invocation\n"
        "settingsfile.own_addresses = frozenset\n"
        "for more in ({'targets': ('tỉnh.vn:443', '203.0.113.0/28')}, {'config': sys.argv[1]}):\n"
        "    handles = config.acquire(load(), Invocation('scan', **more))\n"
        "    before = set(sys.modules)\n"
        "    config.observe(handles, io.BytesIO())\n"
        "    assert set(sys.modules) == before, set(sys.modules) - before\n"
    )
    root = pathlib.Path(__file__).parents[2]
    done = subprocess.run(
        [sys.executable, "-c", script, str(DATA / "secmon.yml")],
        cwd=root,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr


def test_how_the_page_is_served_matters_only_to_who_serves_it(site):
    path = site(
        "secmon.yml", "listen: {address: 192.0.2.7, web_config: HERE/web.yml}\nrules: {paths: [HERE/rules]}\n"
    )
    assert plan(path, command="scan")[0].listen.web is None
    for command in ("run", "config check"):
        (fault,) = faults(path, command=command)
        assert "secmon.yml:1:42: listen.web_config: " in fault
    site("web.yml", "tls_server_config: {cert_file: a.crt}\n")
    found = faults(path, command="run")
    assert any("web.yml:1:20: tls_server_config: the key key_file is missing" in fault for fault in found)
    assert any("secmon.yml:1:42: listen.web_config: others can reach 192.0.2.7" in fault for fault in found)


def test_faults_of_the_web_configuration_are_faults_of_the_agents_own_settings(site):
    path = site(
        "secmon.yml", "chekcs: {}\nlisten: {web_config: HERE/web.yml}\nrules: {paths: [HERE/rules]}\n"
    )
    site("web.yml", "nonsense: 1\n")
    site("rules/b.yml", "nonsense: 1\n")
    _, lines = run(path, command="run")
    told = {pathlib.Path(line["file"]).name: line["settings"] for line in lines}
    assert told == {"secmon.yml": True, "web.yml": True, "b.yml": False}


def test_what_can_be_served_with_all_the_same_is_a_warning_of_the_plan(site, tmp_path):
    make("agent", until=1_700_000_000.0, since=1_600_000_000.0, sans=("agent",)).write(tmp_path, "agent")
    path = site("secmon.yml", "listen: {web_config: HERE/web.yml}\nrules: {paths: [HERE/rules]}\n")
    site("web.yml", "tls_server_config: {cert_file: agent.crt, key_file: agent.key}\n")
    core, _ = plan(path, command="run")
    (warning,) = core.warnings
    assert warning.warning
    assert "agent.crt: it expired on 2023-11-14" in warning.message
    assert core.listen.tls
