"""What `secmon inventory` prints, as Prometheus's own tool reads it."""

from __future__ import annotations

import json
import os
import subprocess
import sys

import pytest

from tools.docs import ROOT
from tools.reference.province import page

CONFIG = """
scrape_configs:
  - job_name: secmon
    file_sd_configs: [{files: [agents.json]}]
"""


@pytest.fixture
def example(tmp_path):
    """The example, with the digest of the rules as they are."""
    path = tmp_path / "inventory.yml"
    path.write_text(page(ROOT / "rules"))
    return path


def secmon(*arguments):
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "LC_ALL": "C.UTF-8"}
    command = [sys.executable, "-m", "secmon", *arguments]
    return subprocess.run(command, capture_output=True, text=True, env=environment, check=False)


def test_promtool_finds_nothing_to_say_about_the_page(needs, example):
    needs("promtool")
    done = secmon("inventory", "metrics", str(example))
    assert (done.returncode, done.stderr) == (0, "")
    lint = subprocess.run(
        ["promtool", "check", "metrics"], input=done.stdout, capture_output=True, text=True, check=False
    )
    assert (lint.returncode, lint.stdout, lint.stderr) == (0, "", "")
    assert done.stdout.count("\nsecmon_inventory_asset_info{") == 383


def test_promtool_takes_the_targets(needs, example, tmp_path):
    needs("promtool")
    done = secmon("inventory", "targets", str(example))
    assert done.returncode == 0
    (tmp_path / "agents.json").write_text(done.stdout)
    (tmp_path / "prometheus.yml").write_text(CONFIG)
    assert check_config(tmp_path) == 0
    groups = json.loads(done.stdout)
    assert len(groups) == 169
    labels = {"agent": "xa-002-sv", "site": "xa-002"}
    assert {"targets": ["10.2.1.10:9877"], "labels": labels} in groups
    (tmp_path / "agents.json").write_text(done.stdout.replace("labels", "lables", 1))
    assert check_config(tmp_path) != 0  # so it does read them


def check_config(folder):
    command = ["promtool", "check", "config", "prometheus.yml"]
    return subprocess.run(command, cwd=folder, capture_output=True, check=False).returncode


def test_faults_end_with_2_and_print_nothing(example):
    example.write_text(example.read_text().replace("owner_unit: so-01,", "owner_unit: so-0x,"))
    for command in ("check", "targets", "metrics"):
        done = secmon("inventory", command, str(example))
        assert (done.returncode, done.stdout) == (2, "")
        assert 'there is no unit "so-0x"; did you mean so-01?' in done.stderr
