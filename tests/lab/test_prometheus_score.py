"""The scores that Prometheus records from the shipped rules are those that Python computes."""

from __future__ import annotations

import json
import os
import pathlib
import subprocess

import pytest

from tests.lab import prometheus_fleet as fleets
from tests.lab.prometheus_series import LEVELS, unit_test

RULES = pathlib.Path(__file__).parents[2] / "deploy/prometheus/secmon-rules.yml"
FLEETS = int(os.environ.get("SECMON_TEST_FLEETS", "20"))
"""Two hundred take some minutes: SECMON_TEST_FLEETS=200 make lab."""
BATCH = 10


@pytest.fixture
def promtool(needs, tmp_path):
    needs("promtool")

    def run(tests: list[dict[str, object]]) -> subprocess.CompletedProcess[str]:
        path = tmp_path / "fleets_test.json"
        document = {"rule_files": [str(RULES)], "evaluation_interval": f"{fleets.STEP}s", "tests": tests}
        path.write_text(json.dumps(document, ensure_ascii=False), encoding="utf-8")  # JSON is YAML
        return subprocess.run(
            ["promtool", "test", "rules", str(path)], capture_output=True, text=True, timeout=300, check=False
        )

    return run


@pytest.mark.parametrize("first", range(0, FLEETS, BATCH))
def test_scores_are_pythons(promtool, first):
    seeds = range(first, min(FLEETS, first + BATCH))
    result = promtool([unit_test(fleets.make(seed)) for seed in seeds])
    assert result.returncode == 0, (result.stdout + result.stderr)[-20_000:]


def test_a_difference_of_two_millionths_is_seen(promtool):
    result = promtool([unit_test(fleets.make(1), error=2e-6)])
    assert result.returncode == 1
    found = result.stdout + result.stderr
    assert [level for level in LEVELS if f"{level}:secmon_score:ratio" not in found] == []


def test_what_agents_add_up_is_what_the_formula_makes_of_every_check():
    """Where an agent judges as the province expects, handing over sums changes no score."""
    compared = 0
    for fleet in map(fleets.make, range(60)):
        for asset in fleet.assets:
            formula = fleets.by_check(fleet, asset)
            if formula is not None and formula.raw is not None:
                told = fleets.scores(fleet)[asset.id]
                assert told is not None
                for part in ("raw", "accepted", "coverage"):
                    assert getattr(told, part) == pytest.approx(getattr(formula, part), abs=1e-9)
                compared += 1
    assert compared > 15


def test_fleets_are_not_dull():
    """The fleets hold silent and disbelieved assets, assets with nothing possible, and scores between 0 and 100."""
    found = [
        (asset, fleets.scores(fleet)[asset.id])
        for fleet in map(fleets.make, range(20))
        for asset in fleet.assets
    ]
    assert sum(result is None for _, result in found) > 5
    assert sum(not asset.possible for asset, _ in found) > 5
    raw = [result.raw for asset, result in found if result is not None and asset.possible]
    assert sum(value == 0 for value in raw) > 5
    assert sum(0 < value < 100 for value in raw) > 15
    told = [
        page.assets[asset.id].told(fleet.now)
        for fleet in map(fleets.make, range(20))
        for asset in fleet.assets
        for page in (fleets.latest(fleet, asset) or (0, []))[1]
    ]
    assert sum(bool(one.ageing) for one in told) > 15
    assert sum(one.recent.covered > 0 for one in told) > 15
