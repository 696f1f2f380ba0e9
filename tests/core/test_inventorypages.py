from __future__ import annotations

import pytest

from secmon.core.inventorypages import agent_rows, asset_rows, pack_rows, possible_points, target_groups
from secmon.core.packcontent import load_content
from secmon.sources import yaml
from tests.support.inventory import DIGEST, GOOD, read
from tests.support.rulebook import REGISTRY

NOW = 1767200400.0  # 2026-01-01 in Vietnam
RULES = """
rules:
  - {id: ports.all, check: ports, severity: critical, for_each: listener, require: never, title: {vi: a, en: b}, fix: {vi: a, en: b}}
  - {id: ports.note, check: ports, severity: info, for_each: listener, require: never, title: {vi: a, en: b}, fix: {vi: a, en: b}}
  - {id: ports.db, check: ports, severity: high, for_each: listener, require: never, title: {vi: a, en: b}, fix: {vi: a, en: b}}
  - {id: ports.seen, check: ports, severity: medium, for_each: port, require: never, title: {vi: a, en: b}, fix: {vi: a, en: b}}
  - id: ports.site
    check: ports
    severity: low
    params: {limit: {type: integer, local: true}}
    for_each: listener
    require: {port: {lt: $limit}}
    title: {vi: a, en: b}
    fix: {vi: a, en: b}
"""
PROFILES = (
    "profile: {name: in, vantage: inside, why: {vi: a, en: b}}\nrules: [{use: '*'}, {use: ports.db, enabled: false, reason: r}]\n",
    "profile: {name: db, vantage: inside, roles: [database], why: {vi: a, en: b}}\nrules: [{use: ports.db}]\n",
    "profile: {name: out, vantage: outside, why: {vi: a, en: b}}\nrules: [{use: '*'}]\n",
)
OVERRIDES = "overrides:\n  - {match: {asset: s1}, rule: ports.site, params: {limit: 9}, severity: critical, reason: r}\n"


def content(overrides=""):
    def documents(*texts):
        return [(f"{n}.yml", yaml.read(text.encode(), f"{n}.yml").value) for n, text in enumerate(texts)]

    loaded = load_content(
        documents(RULES, *PROFILES), documents(*([overrides] if overrides else [])), [], REGISTRY, NOW
    )
    assert not loaded.faults, loaded.faults
    return loaded


def points(inventory, overrides=""):
    assets = [inventory.as_judged(entry) for entry in inventory.in_service(NOW)]
    possible, faults = possible_points(assets, content(overrides), REGISTRY)
    assert not faults
    return {asset: checks["ports"] for asset, checks in possible.items()}


@pytest.fixture
def three():
    """A database server, a switch that is watched from outside, and a server without a system."""
    extra = "  - {id: s3, operator_unit: xa-1, platform: linux, agent: a3, addresses: [192.0.2.3]}\npacks:"
    return read(GOOD.replace("packs:", extra))


def test_points_follow_from_roles_and_vantage(three):
    assert points(three) == {"s1": 10 + 6, "s2": 3, "s3": 10}


def test_an_accepted_override_that_fills_a_parameter_adds_its_rule_at_its_own_severity(three):
    assert points(three, OVERRIDES) == {"s1": 10 + 6 + 1, "s2": 3, "s3": 10}


def test_checks_without_a_rule_have_no_points_and_are_there(three):
    possible, _ = possible_points([three.as_judged(three.assets["s1"])], content(), REGISTRY)
    assert list(possible["s1"]) == list(REGISTRY.checks)
    assert {name for name, value in possible["s1"].items() if value} == {"ports"}


def test_a_row_says_all_that_rules_join_on(three):
    possible = {name: {"ports": 3} for name in three.assets}
    rows = asset_rows(three, possible, NOW)
    assert rows[0] == {
        "info": {
            "asset": "s1",
            "agent": "a1",
            "unit": "so-a",
            "unit_kind": "department",
            "province": "tinh",
            "level": "4",
            "platform": "linux",
            "roles": "database,document-exchange",
            "site": "dc",
        },
        "max_age": 86_400.0,
        "weight": 8.0,
        "maintenance": True,
        "possible": {"ports": 3},
    }
    assert [(row["weight"], row["max_age"]) for row in rows[1:]] == [(2.0, 12 * 86_400.0), (2.0, 86_400.0)]


def test_a_pack_past_its_day_stays_and_is_not_accepted(three):
    assert pack_rows(three, NOW) == [{"pack": "builtin", "sha256": DIGEST, "accepted": True}]
    assert pack_rows(three, 1e11)[0]["accepted"] is False


def test_targets_are_the_agents_that_can_be_scraped_in_order():
    text = GOOD.replace(
        "packs:",
        """\
  - {id: s0, operator_unit: xa-1, platform: linux, agent: a0, addresses: ['2001:db8::9']}
  - {id: s5, operator_unit: xa-1, platform: linux, agent: a5, hostnames: [s5.example], site: x}
  - {id: s6, operator_unit: xa-1, platform: linux, agent: a6, addresses: [192.0.2.6], availability: airgapped}
  - {id: s7, operator_unit: xa-1, platform: linux, agent: a7, addresses: [192.0.2.7], retired: 2025-12-31}
packs:""",
    )
    assert target_groups(agent_rows(read(text), NOW), 9877) == [
        {"targets": ["[2001:db8::9]:9877"], "labels": {"agent": "a0"}},
        {"targets": ["192.0.2.1:9877"], "labels": {"agent": "a1", "site": "dc"}},
        {"targets": ["s5.example:9877"], "labels": {"agent": "a5", "site": "x"}},
    ]
