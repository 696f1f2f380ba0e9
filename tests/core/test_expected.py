from __future__ import annotations

from dataclasses import replace

import pytest

from secmon.core.expected import expected_by_agent, expected_points
from secmon.core.model import Vantage
from secmon.core.packcontent import load_content
from secmon.sources import yaml
from tests.support.inventory import GOOD, read
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
    possible, faults = expected_points(assets, content(overrides), REGISTRY)
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
    possible, _ = expected_points([three.as_judged(three.assets["s1"])], content(), REGISTRY)
    assert list(possible["s1"]) == list(REGISTRY.checks)
    assert {name for name, value in possible["s1"].items() if value} == {"ports"}


def test_an_agent_and_the_inventory_expect_the_same_of_an_asset_that_is_seen_from_outside_too(three):
    judged = three.as_judged(three.assets["s1"])
    by_agent = replace(judged, vantages=(Vantage.INSIDE, Vantage.OUTSIDE))
    expected = expected_by_agent([by_agent], content(), REGISTRY)
    assert expected == expected_points([judged], content(), REGISTRY)[0]
    assert expected["s1"]["ports"] == 10 + 6
    both, _ = expected_points([by_agent], content(), REGISTRY)
    assert both["s1"]["ports"] > 10 + 6  # what the agent itself judges by
