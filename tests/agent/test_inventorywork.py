from __future__ import annotations

import io
import json
import subprocess
import sys

import pytest

from secmon.agent import config, inventorywork, settingsfile
from secmon.checks import load
from secmon.core.model import Platform, Role
from secmon.core.plan import Invocation
from secmon.sources import packs, paths
from tests.support.inventory import DIGEST, GOOD

REGISTRY = load()


@pytest.fixture
def ask(tmp_path):
    """Write an inventory and return the exit code and the decoded lines."""

    def run(command, text=GOOD, **more):
        path = tmp_path / "inventory.yml"
        path.write_bytes(text if isinstance(text, bytes) else text.encode())
        out = io.BytesIO()
        invocation = Invocation(f"inventory {command}", inventory=str(path), **more)
        code = inventorywork.observe(inventorywork.acquire(REGISTRY, invocation), out)
        return code, [json.loads(line) for line in out.getvalue().splitlines()]

    return run


def digest_of(path):
    faults = []
    setting = inventorywork.PathSetting(str(path), inventorywork._HERE, "--rules")
    (read,) = packs.read_packs([packs.open_pack(setting, "rules", faults)], faults)
    assert not faults
    return read.sha256


@pytest.fixture(scope="module")
def builtin():
    return digest_of(paths.builtin_rules())


def test_check_counts_what_it_read(ask):
    assert ask("check") == (0, [{"units": 3, "systems": 2, "assets": 2, "agents": 1, "packs": 1}])


def test_check_looks_at_the_calendar_and_the_pages_are_made_all_the_same(ask, builtin):
    late = GOOD.replace("2099-12-31", "2020-12-31").replace(DIGEST, builtin)
    code, (fault,) = ask("check", late)
    assert (code, fault["line"], fault["message"]) == (2, 50, "the pack builtin is past its last day")
    assert ask("targets", late)[0] == 0
    code, (page,) = ask("metrics", late)
    assert (code, page["packs"][0]["accepted"]) == (0, False)
    assert page["assets"][0]["possible"]["ports"] > 0


def test_targets_are_the_agents(ask):
    assert ask("targets") == (0, [{"agents": [{"agent": "a1", "host": "192.0.2.1", "site": "dc"}]}])


def test_metrics_refuse_rules_that_the_inventory_does_not_accept(ask, builtin):
    code, faults = ask("metrics")
    assert code == 2
    assert [fault["message"] for fault in faults] == [
        "the pack builtin is not here",
        f"the inventory does not accept builtin, whose sha256 is {builtin}",
    ]


def test_metrics_need_every_pack_and_take_any_accepted_digest(ask, builtin, tmp_path):
    site = tmp_path / "site"
    site.mkdir()
    (site / "a.yml").write_text(
        "overrides:\n  - {match: {unit: so-a}, rule: ports.telnet-exposed, severity: critical, reason: R}\n"
    )
    pack = f"  - {{name: site, sha256: {digest_of(site)}, until: 2099-12-31}}\n"
    older = f"  - {{name: builtin, sha256: {DIGEST}, until: 2099-12-31}}\n"
    text = GOOD.replace(DIGEST, builtin) + older + pack
    code, faults = ask("metrics", text)
    assert (code, [fault["message"] for fault in faults]) == (2, ["the pack site is not here"])
    code, (page,) = ask("metrics", text, rules=("builtin", str(site)))
    assert code == 0
    assert {row["info"]["asset"]: sum(row["possible"].values()) > 0 for row in page["assets"]} == {
        "s1": True,
        "s2": True,
    }


def plan_of(tmp_path, text):
    """Return asset -> check -> points of the plan that `secmon scan` makes of a configuration."""
    path = tmp_path / "secmon.yml"
    path.write_text(text)
    path.chmod(0o644)
    out = io.BytesIO()
    assert config.observe(config.acquire(REGISTRY, Invocation("scan", config=str(path))), out) == 0
    return json.loads(out.getvalue().splitlines()[0])["possible"]


def test_points_are_those_of_an_agent_with_the_same_platform_roles_and_level(
    ask, builtin, tmp_path, monkeypatch
):
    """Every role at every level, from inside and from outside on each platform."""
    monkeypatch.setattr(settingsfile, "own_addresses", lambda: frozenset({"127.0.0.1"}))
    systems, assets, watches, expected = [], [], [], {}
    for level in range(1, 6):
        roles = list(Role)[2 * level - 2 : 2 * level] or [Role.SERVER]
        listed = ", ".join(roles)
        name = f"in-{level}"
        systems.append(f"  - {{id: y{level}, owner_unit: so-a, level: {level}, roles: [{listed}]}}\n")
        common = f"operator_unit: so-a, systems: [y{level}]"
        assets.append(
            f"  - {{id: {name}, {common}, platform: linux, agent: {name}, addresses: [10.0.0.{level}]}}\n"
        )
        for platform in Platform:
            outside = f"out-{platform}-{level}"
            assets.append(f"  - {{id: {outside}, {common}, platform: {platform}, watched_by: [a1]}}\n")
            watches.append(
                f"  - {{id: {outside}, platform: {platform}, level: {level}, roles: [{listed}]}}\n"
            )
        own = plan_of(tmp_path, f"asset: {{id: {name}, level: {level}, roles: [{listed}]}}\n")
        expected[name] = own[name]
    expected |= plan_of(tmp_path, "asset: {id: s1}\nwatches:\n" + "".join(watches))
    text = GOOD.replace(DIGEST, builtin).replace("packs:", f"{''.join(assets)}packs:")
    text = text.replace("\nsystems:\n", f"\nsystems:\n{''.join(systems)}", 1)
    code, (page,) = ask("metrics", text)
    assert code == 0
    got = {
        row["info"]["asset"]: {check: points for check, points in row["possible"].items() if points}
        for row in page["assets"]
        if row["info"]["asset"] not in {"s1", "s2"}
    }
    del expected["s1"]
    assert len(got) == 25
    assert got == {name: {k: v for k, v in checks.items() if v} for name, checks in expected.items()}
    assert len({json.dumps(points) for points in got.values()}) > 5


@pytest.mark.parametrize(
    ("text", "told"),
    [
        (b"\xff\xfe\x00", "not UTF-8"),
        (b"[" * 100_000, ""),
        (b"a: &x 1\nb: *x\n", ""),
        (b"province: {id: a, id: b}\n", ""),
        (b"x" * 5_000_001, "5000000"),
    ],
)
def test_hostile_files_are_faults(ask, text, told):
    code, lines = ask("check", text)
    assert code == 2
    assert told in " ".join(line["message"] + line["advice"] for line in lines)


def test_an_absent_file_is_a_fault():
    out = io.BytesIO()
    invocation = Invocation("inventory check", inventory="/nowhere/inventory.yml")
    assert inventorywork.observe(inventorywork.acquire(REGISTRY, invocation), out) == 2
    assert json.loads(out.getvalue())["file"] == "/nowhere/inventory.yml"


def test_faults_without_end_are_cut(ask):
    many = "".join(f"  - x{n}\n" for n in range(inventorywork.FAULT_LIMIT + 7))
    code, lines = ask("check", f"units: []\nassets: []\npacks:\n{many}")
    assert code == 2
    assert len(lines) == inventorywork.FAULT_LIMIT + 1
    assert "more faults are not shown" in lines[-1]["message"]


def test_nothing_is_imported_after_acquire(tmp_path, builtin):
    """What observe needs is loaded by then: the child may not reach our files any more."""
    path = tmp_path / "inventory.yml"
    path.write_text(GOOD.replace(DIGEST, builtin))
    program = f"""
import io, sys
from secmon.agent import config, inventorywork
from secmon.checks import load
from secmon.core.plan import Invocation
handles = inventorywork.acquire(load(), Invocation("inventory metrics", inventory={str(path)!r}))
before = set(sys.modules)
assert inventorywork.observe(handles, io.BytesIO()) == 0
print(sorted(set(sys.modules) - before))
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
