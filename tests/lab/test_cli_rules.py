"""`secmon rules` from its command line to its exit code: packs are read in a child without privileges."""

from __future__ import annotations

import json
import os
import pathlib
import shutil
import subprocess
import sys

import pytest

ROOT = pathlib.Path(__file__).parents[2]
BAD = ROOT / "tests" / "data" / "bad"
COMMAND = (sys.executable, "-m", "secmon", "rules")
ENVIRONMENT = {"PATH": os.environ["PATH"], "LANG": "en_US.UTF-8"}
RULE = """rules:
  - id: ports.a
    check: ports
    severity: high
    for_each: listener
    require: {port: {lt: 10}}
    title: {vi: Tên, en: Title}
    fix: {vi: Sửa, en: Mend}
    tests:
      - {name: low, facts: {port: 5}, expect: EXPECT}
"""


def rules(*arguments, **options):
    options = {"capture_output": True, "text": True, "cwd": ROOT, "env": ENVIRONMENT} | options
    return subprocess.run((*COMMAND, *map(str, arguments)), check=False, timeout=120, **options)


def test_the_shipped_rules_are_right_and_tested():
    done = rules("check", ROOT / "rules")
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith("No faults. ")
    tested = rules("test", ROOT / "rules", "--require-tests")
    assert (tested.returncode, tested.stderr) == (0, ""), tested.stdout
    assert " 0 failed." in tested.stdout


def test_every_fault_is_a_line_and_two():
    done = rules("check", BAD)
    assert done.returncode == 2
    lines = done.stdout.splitlines()
    assert all(line.startswith(f"{BAD}/") for line in lines)
    assert done.stderr == f"secmon: {len(lines) - 1} faults in 11 files, 1 warning\n"
    told = json.loads(rules("check", BAD, "--format", "json").stdout)
    (warning,) = told["warnings"]
    assert warning["key"] == "W-3"
    places = [f"{fault['file']}:{fault['line']}:{fault['column']}" for fault in told["faults"]]
    assert places == [":".join(line.split(":")[:3]) for line in lines if ": warning: " not in line]


def test_what_would_bring_a_reader_down_hides_no_other_mistake(tmp_path):
    folder = shutil.copytree(BAD, tmp_path / "bad")
    before = rules("check", folder).stdout.splitlines()
    (folder / "brackets.yml").write_text("rules: " + "[" * 40_000)
    (folder / "huge.yml").write_text("rules: '" + "x" * 10_000_000 + "'")
    after = rules("check", folder).stdout.splitlines()
    assert [line.removeprefix(f"{folder}/") for line in after if line not in before] == [
        "brackets.yml:1:39: more than 32 levels inside each other; is a bracket or a quote missing?",
        f"huge.yml:1:1: {folder}/huge.yml is larger than 5000000 bytes; split it",
    ]
    assert len(after) == len(before) + 2


@pytest.mark.parametrize(("expect", "code"), [("pass", 0), ("fail", 1), ("passes", 2)])
def test_tests_decide_the_exit_code(tmp_path, expect, code):
    (tmp_path / "a.yml").write_text(RULE.replace("EXPECT", expect))
    done = rules("test", tmp_path)
    assert done.returncode == code
    if code == 1:
        assert done.stdout == (
            f'{tmp_path}/a.yml:10:9: ports.a: "low": expected fail, got pass\n1 rules, 1 tests: 0 passed, 1 failed.\n'
        )
    required = rules("test", tmp_path, "--require-tests")
    assert required.returncode == max(code, 1)


def test_a_pack_that_only_its_owner_may_read_is_read(tmp_path, needs):
    needs(root=True)
    folder = tmp_path / "pack"
    folder.mkdir(mode=0o700)
    (folder / "a.yml").write_text(RULE.replace("EXPECT", "pass"))
    (folder / "a.yml").chmod(0o600)
    assert rules("check", folder).returncode == 0


def test_a_pack_cannot_do_harm(tmp_path):
    """Each of these has brought a reader of YAML down."""
    (tmp_path / "brackets.yml").write_text("[" * 40_000)
    (tmp_path / "huge.yml").write_text("rules: '" + "x" * 10_000_000 + "'")
    (tmp_path / "utf8.yml").write_bytes(b"rules: \xff")
    (tmp_path / "bomb.yml").write_text("a: &a [x]\nb: [*a, *a]\n")
    os.mkfifo(tmp_path / "pipe.yml")
    done = rules("check", tmp_path)
    assert done.returncode == 2
    named = {line.partition(":")[0].rpartition("/")[2] for line in done.stdout.splitlines()}
    assert named == {"brackets.yml", "huge.yml", "utf8.yml", "bomb.yml", "pipe.yml"}
    assert "Traceback" not in done.stdout + done.stderr


def test_what_stands_in_a_pack_does_not_reach_the_terminal(tmp_path):
    (tmp_path / "a.yml").write_text('rules: [{"\\e[2J": 1}]')
    done = rules("check", tmp_path)
    assert "\x1b" not in done.stdout
    assert "\\x1b[2J" in done.stdout


def test_list_and_explain_speak_both_languages():
    english, vietnamese = (
        rules("list", "--severity", "critical", "--lang", lang).stdout for lang in ("en", "vi")
    )
    assert "critical  ports.telnet-exposed" in english
    assert "nghiêm trọng  ports.telnet-exposed" in vietnamese
    rows = json.loads(rules("list", "--severity", "critical", "--format", "json").stdout)["rules"]
    assert len(rows) == len(english.splitlines()) - 2
    assert "It BINDS this asset." in rules("explain", "ports.telnet-exposed").stdout
    assert "ÁP DỤNG cho máy này." in rules("explain", "ports.telnet-exposed", "--lang", "vi").stdout


def test_wrong_names_are_told_on_one_line():
    for arguments, text in (
        (("explain", "ports.telnet-exposd"), "did you mean ports.telnet-exposed?"),
        (("explain", "ports.telnet-exposed", "--asset", "x"), "--asset: there is no asset"),
        (("list", "--profile", "servr"), "did you mean server?"),
        (("test", "--rule", "nothing"), '--rule: no rule is named "nothing"'),
        (("check", "/nowhere"), "1 fault"),
    ):
        done = rules(*arguments)
        assert done.returncode == 2, arguments
        assert text in done.stderr
        assert done.stderr.count("\n") == 1


def test_an_editor_can_use_the_schema(tmp_path):
    """check-jsonschema is a tool of its own, with a YAML reader of its own."""
    tool = (sys.executable, "-m", "check_jsonschema", "--output-format", "json", "--schemafile")
    schema = tmp_path / "schema.json"
    schema.write_text(rules("schema").stdout)

    def flagged(*paths):
        done = subprocess.run(
            (*tool, str(schema), *map(str, paths)),
            check=False,
            capture_output=True,
            text=True,
            timeout=60,
        )
        told = json.loads(done.stdout)
        assert told.get("parse_errors", []) == []
        return {error["path"].removeprefix("$.") for error in told.get("errors", [])}

    shipped = [path for path in (ROOT / "rules").rglob("*.yml") if path.parent.name != "fingerprints"]
    assert flagged(*shipped) == set()
    twice = "    title: {vi: Tên, en: no title}\n"
    (tmp_path / "rules.yml").write_text((BAD / "rules.yml").read_text().replace(twice, ""))
    assert flagged(tmp_path / "rules.yml") >= {
        "rules[0].severity",
        "rules[0].where",
        "rules[0].where.scope",
        "rules[0].require.port",
        "rules[0].params.limit.default",
        "rules[0].fix",
        "rules[0].maps['cis-8'][0]",
        "rules[0].tests[0].facts",
        "rules[0].tests[0].expect",
        "rules[1]",
        "rules[1].fix",
        "rules[1].for_each",
        "rules[1].require",
    }
    assert flagged(BAD / "profile.yml", BAD / "overrides.yml") == {
        "profile.platform",
        "rules[1]",
        "overrides[0].match",
        "overrides[1]",
    }
