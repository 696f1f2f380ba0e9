"""A unit that is merged into another takes its assets along, and the province scores what it scored."""

from __future__ import annotations

import json
import pathlib
import subprocess

import pytest

from secmon.core.fleet import Member, aggregate, merge, weight_of
from secmon.core.score import Points, score
from tests.support.inventory import read

RULES = pathlib.Path(__file__).parents[2] / "deploy/prometheus/secmon-rules.yml"
POINTS = {
    "s1": (7, 9, 11, 20),
    "s2": (3, 3, 5, 17),
    "s3": (0, 1, 13, 13),
    "s4": (11, 11, 11, 19),
    "s5": (1, 2, 3, 7),
}
"""Earned, accepted, covered and possible points of each asset; s5 says nothing."""
LEVELS = {"s1": 4, "s2": 2, "s3": 3, "s4": 1, "s5": 5}
BEFORE = """
province: {id: tinh, names: {vi: Tỉnh, en: Province}}
units:
  - {id: xa-1, kind: commune, names: {vi: Xã 1, en: Commune 1}}
  - {id: xa-2, kind: commune, names: {vi: Xã 2, en: Commune 2}}
  - {id: so-1, kind: department, names: {vi: Sở 1, en: Department 1}}
systems:
  - {id: h1, owner_unit: xa-1, level: 1, roles: [server]}
  - {id: h2, owner_unit: xa-2, level: 2, roles: [server]}
  - {id: h3, owner_unit: xa-2, level: 3, roles: [server]}
  - {id: h4, owner_unit: xa-1, level: 4, roles: [server]}
  - {id: h5, owner_unit: so-1, level: 5, roles: [server]}
assets:
  - {id: s1, operator_unit: xa-1, systems: [h4], platform: linux, agent: s1, addresses: [192.0.2.1]}
  - {id: s2, operator_unit: xa-2, systems: [h2], platform: linux, agent: s2, addresses: [192.0.2.2]}
  - {id: s3, operator_unit: xa-2, systems: [h3], platform: linux, agent: s3, addresses: [192.0.2.3]}
  - {id: s4, operator_unit: so-1, systems: [h1], platform: linux, agent: s4, addresses: [192.0.2.4]}
  - {id: s5, operator_unit: so-1, systems: [h5], platform: linux, agent: s5, addresses: [192.0.2.5]}
packs:
  - {name: builtin, sha256: "DIGEST", until: 2040-12-31}
""".replace("DIGEST", "ab" * 32)
AFTER = BEFORE.replace(
    "  - {id: xa-1, kind: commune, names: {vi: Xã 1, en: Commune 1}}\n"
    "  - {id: xa-2, kind: commune, names: {vi: Xã 2, en: Commune 2}}\n",
    "  - {id: xa-1, aliases: [xa-2], kind: commune, names: {vi: Xã 1, en: Commune 1}}\n",
)
"""Only the units were edited: what was in xa-2 is still written so."""


def members(inventory):
    found: dict[str, list[Member]] = {}
    for entry in inventory.assets.values():
        level = inventory.as_judged(entry).level
        assert level == LEVELS[entry.id]
        told = (
            None
            if entry.id == "s5"
            else score({"ports": Points(*POINTS[entry.id])}, {"ports": 1.0}, critical_in_order=True)
        )
        found.setdefault(entry.operator_unit, []).append(Member(entry.id, level, told))
    return found


@pytest.fixture
def inventories():
    return read(BEFORE), read(AFTER)


def test_python_leaves_the_province_as_it_was(inventories):
    before, after = (members(inventory) for inventory in inventories)
    assert sorted(before) == ["so-1", "xa-1", "xa-2"]
    assert sorted(after) == ["so-1", "xa-1"]
    was, now = (merge(map(aggregate, units.values())) for units in (before, after))
    for part in ("raw_score", "accepted_score", "coverage_score"):
        assert getattr(now, part) == pytest.approx(getattr(was, part), abs=1e-9)
        assert getattr(now, part) > 0


def test_the_rules_leave_the_province_as_it_was(needs, tmp_path, inventories):
    """The inventory is replaced at minute 10; the ratios of the province differ by no more than 1e-9."""
    needs("promtool")
    before, after = inventories
    pages = dict(_page(before)), dict(_page(after))
    series = [
        *_agents(),
        *_constants(),
        *((name, _replaced(*(page.get(name) for page in pages))) for name in pages[0] | pages[1]),
    ]
    tests = [
        _says("count(unit:secmon_score:ratio{unit_kind='commune'})", minute, count)
        for minute, count in (("9m", 2), ("12m", 1))
    ]
    for metric in ("score", "accepted", "coverage"):
        ratio = f"province:secmon_{metric}:ratio"
        tests += [
            _says(f"count({ratio} > 0)", "9m", 1),
            _says(f"count(abs({ratio} - {ratio} offset 5m) <= 1e-9)", "12m", 1),
            _says(
                f"count(unit:secmon_{metric}:ratio{{unit='xa-1'}} != unit:secmon_{metric}:ratio offset 5m)",
                "12m",
                1,
            ),
        ]
    test = {
        "interval": "1m",
        "input_series": [{"series": name, "values": values} for name, values in series],
        "promql_expr_test": tests,
    }
    path = tmp_path / "merge_test.json"
    path.write_text(json.dumps({"rule_files": [str(RULES)], "evaluation_interval": "1m", "tests": [test]}))
    done = subprocess.run(
        ["promtool", "test", "rules", str(path)], capture_output=True, text=True, timeout=300, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr


def _says(expr, minute, value):
    return {"expr": expr, "eval_time": minute, "exp_samples": [{"labels": "{}", "value": value}]}


def _series(name, **labels):
    return "secmon_" + name + "{" + ",".join(f'{label}="{value}"' for label, value in labels.items()) + "}"


def _page(inventory):
    for entry in inventory.assets.values():
        asset = inventory.as_judged(entry)
        labels = {
            "asset": asset.id,
            "agent": entry.agent,
            "unit": asset.unit,
            "unit_kind": inventory.units[asset.unit].kind,
            "province": inventory.province,
            "level": asset.level,
        }
        claim = {"platform": asset.platform.value, "roles": ",".join(asset.roles), "site": ""}
        yield _series("inventory_asset_info", **labels, **claim), 1
        yield _series("inventory_asset_points_possible", **labels, **claim), POINTS[asset.id][3]
    for unit, kind in {
        (entry.operator_unit, inventory.units[entry.operator_unit].kind)
        for entry in inventory.assets.values()
    }:
        weights = [
            weight_of(LEVELS[entry.id]) for entry in inventory.assets.values() if entry.operator_unit == unit
        ]
        labels = {"unit": unit, "unit_kind": kind, "province": inventory.province}
        yield _series("inventory_unit_weight", **labels), sum(weights)


def _replaced(before, after):
    """Return the values of a series of the page that is replaced, None where a page does not have it."""
    first = "_x10" if before is None else f"{before}+0x9"
    return first + (" stale" if after is None else f" {after}+0x20")


def _constants():
    yield _series("inventory_timestamp_seconds"), "1+0x30"
    yield _series("inventory_pack_accepted", pack="builtin", sha256="ab" * 32), "1+0x30"
    for level in set(LEVELS.values()):
        yield _series("inventory_level_weight", level=level), f"{2 ** (level - 1)}+0x30"


def _agents():
    for asset, (earned, accepted, covered, possible) in POINTS.items():
        if asset == "s5":
            continue
        own = {"agent": asset, "instance": "x"}
        claim = {"platform": "linux", "level": LEVELS[asset], "roles": "server"}
        claim |= {"pack": "builtin", "sha256": "ab" * 32}
        yield _series("claim_timestamp_seconds", asset=asset, **own, **claim), "0+60x30"
        for part, points in (
            ("earned", earned),
            ("waived", accepted - earned),
            ("covered", covered),
            ("possible", possible),
        ):
            yield _series(f"asset_points_{part}", asset=asset, **own), f"{points}+0x30"
