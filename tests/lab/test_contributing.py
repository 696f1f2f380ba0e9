"""CONTRIBUTING's walk through adding a check, followed to the letter in a copy of the checkout."""

from __future__ import annotations

import json
import os
import pathlib
import re
import shutil
import subprocess
import sys

import pytest

ROOT = pathlib.Path(__file__).parents[2]
COPIED = (
    "Makefile",
    "pyproject.toml",
    "secmon",
    "rules",
    "tools",
    "tests",
    "docs",
    "bench",
    "README.md",
    "LICENSE",
)
BLOCK = re.compile(r"^`(\S+)`\n\n```\w+\n(.*?)^```$", re.DOTALL | re.MULTILINE)


@pytest.fixture
def copy(tmp_path):
    for name in COPIED:
        source = ROOT / name
        if source.is_dir():
            shutil.copytree(source, tmp_path / name, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            shutil.copy(source, tmp_path)
    return tmp_path


def run(folder, *command):
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    done = subprocess.run(
        command, check=False, capture_output=True, text=True, cwd=folder, env=environment, timeout=300
    )
    return done.returncode, done.stdout + done.stderr


def python(folder, *arguments):
    return run(folder, sys.executable, *arguments)


def walk(folder):
    blocks = BLOCK.findall((ROOT / "CONTRIBUTING.md").read_text())
    for place, content in blocks:
        path = folder / place
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(content)
    registry = folder / "secmon" / "checks" / "__init__.py"
    before = registry.read_text()
    registry.write_text(before.replace('    "traffic",\n)', '    "traffic",\n    "uptime",\n)'))
    return [place for place, _ in blocks], before


def test_a_newcomer_can_follow_it(copy):
    places, registry = walk(copy)
    folders = {"/".join(place.split("/")[:3]) for place in places}
    assert folders == {"secmon/checks/uptime", "rules/uptime/uptime.yml", "tests/checks/uptime"}

    assert python(copy, "-m", "tools.docs")[0] == 0
    for program in (
        ("-m", "ruff", "format", "--check", *places[:-2], places[-1]),
        ("-m", "ruff", "check", "secmon/checks", "tests/checks/uptime"),
        ("-m", "mypy", "secmon/checks/uptime"),
        ("-m", "tools.purity"),
        ("-m", "interrogate", "secmon/checks/uptime"),
        ("-m", "tools.docs", "--check"),
        ("-m", "pytest", "-q", "tests/checks/uptime"),
        ("-m", "secmon", "config", "check"),  # runs the tests of every rule
    ):
        code, output = python(copy, *program)
        assert code == 0, output

    code, output = python(copy, "-m", "secmon", "scan", "uptime", "--format", "json")
    report = json.loads(output)
    assert code in {0, 1}
    assert [result["rule"] for result in report["results"]] == ["uptime.too-long"]
    assert report["results"][0]["evidence"]["days_up"] >= 0
    assert report["assets"][0]["score"]["coverage"] == 100

    for place in ("secmon/checks/uptime", "rules/uptime", "tests/checks/uptime"):
        shutil.rmtree(copy / place)
    (copy / "secmon" / "checks" / "__init__.py").write_text(registry)
    assert python(copy, "-m", "tools.docs")[0] == 0
    compared = ("diff", "-r", "--exclude=__pycache__", str(ROOT / "docs"), str(copy / "docs"))
    assert run(copy, *compared) == (0, "")
