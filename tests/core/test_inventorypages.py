from __future__ import annotations

import pytest

from secmon.core.inventorypages import agent_rows, asset_rows, pack_rows, target_groups
from tests.support.inventory import DIGEST, GOOD, read

NOW = 1767200400.0  # 2026-01-01 in Vietnam


@pytest.fixture
def three():
    """A database server, a switch that is watched from outside, and a server without a system."""
    extra = "  - {id: s3, operator_unit: xa-1, platform: linux, agent: a3, addresses: [192.0.2.3]}\npacks:"
    return read(GOOD.replace("packs:", extra))


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
        "speaks": None,
        "watchers": [],
        "weight": 8.0,
        "maintenance": True,
        "possible": {"ports": 3},
    }
    assert [(row["weight"], row["max_age"], row["speaks"]) for row in rows[1:]] == [
        (2.0, 12 * 86_400.0, 24 * 86_400.0),
        (2.0, 86_400.0, None),
    ]


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
