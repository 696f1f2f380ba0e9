from __future__ import annotations

import io
import json
import pathlib
import subprocess
import sys

import pytest

from secmon.agent import config, rulework, settingsfile
from secmon.checks import load
from secmon.core.plan import Invocation
from tests.support.rulebook import REGISTRY

DATA = pathlib.Path(__file__).parent.parent / "data" / "bad"
PROFILE = "profile: {name: NAME, vantage: inside, why: {vi: a, en: b}}\nrules: [{use: '*'}]\n"
RULE = """rules:
  - id: ports.a
    check: ports
    severity: high
    params: {limit: {type: integer, default: 10, level_4: 6, tighten: down}}
    for_each: listener
    require: {port: {lt: $limit}}
    title: {vi: Tên, en: Title}
    fix: {vi: Sửa, en: Mend}
    tests:
      - {name: low, facts: {port: 5}, expect: pass}
      - {name: wrong, facts: {port: 5}, expect: fail}
"""


@pytest.fixture(autouse=True)
def _no_netlink(monkeypatch):
    """The lab looks at real interfaces."""
    monkeypatch.setattr(settingsfile, "own_addresses", lambda: frozenset({"127.0.0.1"}))
    monkeypatch.setattr(config.paths, "CONFIGURATION", "/nowhere/secmon.yml")


@pytest.fixture
def site(tmp_path):
    def write(name, text):
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text.replace("HERE", str(tmp_path)))
        return str(path)

    write(
        "secmon.yml",
        "asset: {id: own, unit: so}\nrules: {paths: [HERE/rules], overrides: [HERE/o.yml], waivers: [HERE/w.yml]}\n",
    )
    write("rules/a.yml", RULE)
    write("rules/p.yml", PROFILE.replace("NAME", "all"))
    write("o.yml", "overrides:\n  - {match: {unit: so}, rule: ports.a, params: {limit: 3}, reason: R}\n")
    write("w.yml", "waivers: []\n")
    return write


def ask(command, registry=REGISTRY, **more):
    """Return the exit code and the decoded lines."""
    out = io.BytesIO()
    code = rulework.observe(rulework.acquire(registry, Invocation(f"rules {command}", **more)), out)
    return code, [json.loads(line) for line in out.getvalue().splitlines()]


def answer(command, **more):
    code, lines = ask(command, **more)
    assert code == 0, lines
    (value,) = lines
    return value


def faults(command, **more):
    code, lines = ask(command, **more)
    assert code == 2
    return [
        f"{pathlib.Path(line['file']).name}:{line['line']}:{line['column']}: {line['key']}: {line['message']}; "
        f"{line['advice']}"
        for line in lines
    ]


def test_check_counts_what_the_configuration_names(site, tmp_path):
    assert answer("check", config=str(tmp_path / "secmon.yml")) == {
        "files": 4,
        "rules": 1,
        "profiles": 1,
        "overrides": 1,
        "waivers": 0,
        "fingerprints": 0,
    }


FINGERPRINT = """fingerprints:
  - text: ssh
    match: '^Example_(?P<version>[0-9.]+)'
    product: Example
    examples:
      - {text: Example_1.2, version: '%s'}
"""


def test_check_reads_fingerprints_in_their_folder_and_wherever_they_are_named(tmp_path):
    (tmp_path / "fingerprints").mkdir()
    (tmp_path / "fingerprints" / "a.yml").write_text(FINGERPRINT % "1.2")
    assert answer("check", registry=load(), rules=(str(tmp_path),))["fingerprints"] == 1
    (tmp_path / "b.yml").write_text(FINGERPRINT.replace("Example", "Other") % "1.2")
    assert answer("check", registry=load(), rules=(str(tmp_path),))["fingerprints"] == 2
    (tmp_path / "fingerprints" / "a.yml").write_text(FINGERPRINT % "1.3")
    assert faults("check", registry=load(), rules=(str(tmp_path),)) == [
        'a.yml:6:9: version: "1.3" is expected, and "1.2" is told; '
    ]
    (tmp_path / "fingerprints" / "a.yml").write_text("fingerprint: []\n")
    assert [line.split(": ")[0] for line in faults("check", registry=load(), rules=(str(tmp_path),))] == [
        "a.yml:1:1"
    ] * 2


OVER = (
    "waivers:\n  - {id: W-1, rule: ports.a, match: {asset: own}, reason: R, author: a, approved_by: b, "
    "created: 2026-01-01, expires: 2026-02-01}\n"
)


def test_check_warns_of_waivers_and_they_are_no_faults(site, tmp_path):
    site("w.yml", OVER)
    code, (counts, warning) = ask("check", config=str(tmp_path / "secmon.yml"))
    assert (code, counts["waivers"]) == (0, 1)
    assert warning | {"file": "w.yml"} == {
        "file": "w.yml",
        "line": 2,
        "column": 5,
        "key": "W-1",
        "message": "the waiver ended on 2026-02-01, and what it covered counts again",
        "advice": "remove it, or have the risk approved anew",
        "warning": True,
    }


def test_warnings_stand_among_the_faults(site, tmp_path):
    site(
        "w.yml", OVER + OVER.removeprefix("waivers:\n").replace("W-1", "W-2").replace("approved_by: b, ", "")
    )
    code, lines = ask("check", rules=(str(tmp_path / "rules"), str(tmp_path / "w.yml")))
    assert code == 2
    assert [(line["line"], line["warning"]) for line in lines] == [(2, True), (3, False)]


def test_check_tells_every_seeded_mistake_of_a_folder():
    found = faults("check", registry=load(), rules=(str(DATA),))
    expected = [
        line.replace("HERE", str(DATA))
        for line in (DATA / "expected.txt").read_text(encoding="utf-8").splitlines()
        if not line.startswith("secmon.yml")
    ]
    assert [line for line in found if line not in expected] == [
        (
            "secmon.yml:1:1: : a configuration holds no rules; "
            f"check it with `secmon config check -c {DATA}/secmon.yml`"
        ),
        (
            "waivers.yml:18:5: W-3: the waiver ended on 2026-02-01, and what it covered counts again; "
            "remove it, or have the risk approved anew"
        ),
    ]
    assert [line for line in expected if line not in found] == []


def test_a_typed_path_is_read_for_what_it_is_whatever_is_configured(site, tmp_path):
    site("secmon.yml", "nonsense: 1\n")
    assert answer("check", rules=(str(tmp_path / "rules"), str(tmp_path / "o.yml")))["overrides"] == 1
    assert faults("check", registry=load(), rules=(str(tmp_path / "secmon.yml"),)) == [
        'secmon.yml:1:1: nonsense: unknown key "nonsense"; one of rules',
        "secmon.yml:1:1: : the key rules is missing; ",
    ]


def test_overrides_alone_are_checked_against_the_rules_of_the_installation(site):
    good = site(
        "mine/o.yml", "overrides:\n  - {match: {unit: so}, rule: '*', severity: critical, reason: R}\n"
    )
    counts = answer("check", registry=load(), rules=(good,))
    assert (counts["files"], counts["rules"], counts["profiles"], counts["overrides"]) == (1, 0, 0, 1)
    bad = site(
        "mine/o.yml",
        "overrides:\n  - {match: {unit: so}, rule: ports.telnet-exposd, severity: high, reason: R}\n"
        "  - {match: {unit: so}, rule: ports.telnet-exposed, severity: low, reason: R}\n",
    )
    unknown = faults("check", registry=load(), rules=(bad,))
    assert unknown == [
        'o.yml:2:31: overrides[0].rule: no rule is named "ports.telnet-exposd"; did you mean ports.telnet-exposed?',
        (
            "o.yml:3:5: ports.telnet-exposed: the severity critical would be lowered; "
            "a site only tightens; to accept a risk write a waiver"
        ),
    ]


def test_a_profile_of_ones_own_may_have_the_name_of_a_shipped_one(site):
    path = site("mine/server.yml", PROFILE.replace("NAME", "server"))
    assert answer("check", registry=load(), rules=(path,))["profiles"] == 1


def test_profiles_that_contradict_each_other_are_told_with_both_places(site, tmp_path):
    site("rules/a.yml", RULE.replace(", tighten: down", ""))
    for name, limit in (("p", 5), ("q", 6)):
        lines = f"rules: [{{use: '*', params: {{limit: {limit}}}}}]"
        site(f"rules/{name}.yml", PROFILE.replace("NAME", name).replace("rules: [{use: '*'}]", lines))
    (only,) = faults("check", rules=(str(tmp_path / "rules"),))
    assert "two profiles give $limit different values" in only
    assert "p.yml:2:9" in only
    assert "q.yml:2:9" in only


def test_test_runs_the_rules_that_were_picked(site, tmp_path):
    path = str(tmp_path / "secmon.yml")
    result = answer("test", config=path)
    assert (result["rules"], result["cases"]) == (1, 2)
    assert [(item["case"], item["expected"], item["got"], item["line"]) for item in result["failures"]] == [
        ("wrong", "fail", "pass", 12)
    ]
    assert result["lacking"][0]["lacks"] == ["unknown"]
    site("rules/b.yml", RULE.replace("ports.a", "ports.b"))
    assert answer("test", config=path, rule="ports.b")["rules"] == 1
    assert answer("test", config=path, rule="ports.*")["rules"] == 2
    assert faults("test", config=path, rule="prts.b") == [
        'command line:0:0: --rule: no rule is named "prts.b"; did you mean ports.b?'
    ]


def test_no_test_is_run_where_a_file_has_faults(site, tmp_path):
    site("rules/b.yml", RULE.replace("ports.a", "ports.b").replace("high", "hihg"))
    (only,) = faults("test", rules=(str(tmp_path / "rules"),))
    assert only.startswith("b.yml:4:15: rules[0].severity")


def test_list_has_rules_by_id_with_their_profiles(site, tmp_path):
    site("rules/0.yml", RULE.replace("ports.a", "ports.b"))
    listed = answer("list", config=str(tmp_path / "secmon.yml"))
    assert [(row["id"], row["profiles"]) for row in listed["rules"]] == [
        ("ports.a", ["all"]),
        ("ports.b", ["all"]),
    ]
    assert listed["profiles"] == ["all"]


def test_explain_tells_of_the_asset_that_the_command_line_describes(site, tmp_path):
    path = str(tmp_path / "secmon.yml")
    told = answer("explain", config=path, rule="ports.a")
    assert (told["asset"]["id"], told["binds"], told["enabled"]) == ("own", True, True)
    limit = told["values"][1]
    assert limit["effective"] == 3
    assert [(step["layer"], step["value"], step["in_force"]) for step in limit["steps"]] == [
        ("rule", 10, False),
        ("override", 3, True),
    ]
    other = answer("explain", config=path, rule="ports.a", unit="khac", level=4, role="database")
    assert other["asset"]["roles"] == ["database"]
    assert [step["layer"] for step in other["values"][1]["steps"]] == ["rule", "level"]
    assert other["values"][1]["effective"] == 6


def test_explain_says_when_the_check_is_off(site, tmp_path):
    site("secmon.yml", "checks: {ports: {enabled: false}}\nrules: {paths: [HERE/rules]}\n")
    told = answer("explain", config=str(tmp_path / "secmon.yml"), rule="ports.a")
    assert (told["binds"], told["enabled"]) == (True, False)


def test_explain_takes_rules_in_place_of_the_configured_ones(site, tmp_path):
    site("more/r.yml", RULE.replace("ports.a", "ports.c"))
    site("secmon.yml", "rules: {paths: [HERE/rules]}\n")
    told = answer(
        "explain", config=str(tmp_path / "secmon.yml"), rule="ports.c", rules=(str(tmp_path / "more"),)
    )
    assert (told["binds"], told["verdicts"]) == (False, [])


def test_explain_of_what_is_not_there(site, tmp_path):
    path = str(tmp_path / "secmon.yml")
    assert faults("explain", config=path, rule="ports.aa", asset="owm") == [
        'command line:0:0: --asset: there is no asset "owm"; did you mean own?',
        'command line:0:0: ID: no rule is named "ports.aa"; did you mean ports.a?',
    ]
    assert faults("explain", registry=load(), rule="tls.something-else") == [
        'command line:0:0: ID: no rule is named "tls.something-else"; `secmon rules list` shows all'
    ]
    assert faults("explain", config=path, rule="*")[0].startswith(
        'command line:0:0: ID: no rule is named "*"'
    )


def test_what_cannot_be_opened_is_told(tmp_path):
    for command in ("check", "test", "list"):
        (only,) = faults(command, registry=load(), rules=("/nowhere",))
        assert only.startswith("command line:0:0: PATH: /nowhere does not exist")


def test_a_flood_of_faults_is_cut(tmp_path):
    (tmp_path / "f.yml").write_text("rules: [" + "5, " * (config.FAULT_LIMIT + 50) + "]")
    found = faults("check", registry=load(), rules=(str(tmp_path),))
    assert len(found) == config.FAULT_LIMIT + 1
    assert found[-1] == "command line:0:0: : 50 more faults are not shown; mend the ones above"


def test_nothing_is_imported_once_privileges_are_gone():
    """What lies under a folder that only root may enter cannot be imported any more."""
    script = (
        "import io, sys\n"
        "from secmon.agent import config, rulework, settingsfile\n"
        "from secmon.checks import load\n"
        "from secmon.core.plan import Invocation\n"
        "settingsfile.own_addresses = frozenset\n"
        "config.paths.CONFIGURATION = '/nowhere'\n"
        "for command, more in (('check', {'rules': (sys.argv[1],)}), ('check', {}), ('test', {}), ('list', {}),\n"
        "                      ('explain', {'rule': 'ports.telnet-exposed'})):\n"
        "    handles = rulework.acquire(load(), Invocation('rules ' + command, **more))\n"
        "    before = set(sys.modules)\n"
        "    rulework.observe(handles, io.BytesIO())\n"
        "    assert set(sys.modules) == before, set(sys.modules) - before\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", script, str(DATA)],
        cwd=pathlib.Path(__file__).parents[2],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
