from __future__ import annotations

import pytest

from secmon.core.inventory import Availability
from secmon.core.inventorydates import dated_faults
from tests.support.inventory import GOOD, read

DAY = 86_400.0
NEW_YEAR = 1767200400.0  # 2026-01-01 in Vietnam


@pytest.mark.parametrize(("word", "days"), [("always", 1), ("office", 12), ("airgapped", 14)])
def test_the_longest_age_follows_from_availability(word, days):
    assert Availability(word).max_age_seconds == days * DAY


def test_an_asset_counts_until_the_day_on_which_it_is_retired():
    inventory = read(GOOD.replace("site: core", "retired: 2026-01-01"))
    assert [asset.id for asset in inventory.in_service(NEW_YEAR - 1)] == ["s1", "s2"]
    assert [asset.id for asset in inventory.in_service(NEW_YEAR)] == ["s1"]


def test_maintenance_includes_its_last_day():
    server = read(GOOD).assets["s1"]
    moments = (NEW_YEAR - 1, NEW_YEAR, NEW_YEAR + 2 * DAY - 1, NEW_YEAR + 2 * DAY)
    assert [server.in_maintenance(now) for now in moments] == [False, True, True, False]


def test_an_instant_ends_maintenance_to_the_second():
    server = read(GOOD.replace("until: 2026-01-02", "until: 2026-01-01T08:00:00+07:00")).assets["s1"]
    assert server.maintenance[0].end == NEW_YEAR + 8 * 3600


WATCHERS = GOOD.replace(
    "packs:",
    """\
  - {id: s3, operator_unit: so-a, platform: linux, agent: a3, addresses: [192.0.2.3]}
  - {id: s4, operator_unit: so-a, platform: other, watched_by: [a1, a3]}
packs:""",
)


def test_an_own_agent_speaks_first_then_the_first_watcher_in_service():
    assert read(WATCHERS).speakers(NEW_YEAR) == {"s1": "a1", "s2": "a1", "s3": "a3", "s4": "a1"}
    without = read(WATCHERS.replace("site: dc", "retired: 2026-01-01"))
    assert without.speakers(NEW_YEAR) == {"s2": "", "s3": "a3", "s4": "a3"}


def test_the_calendar_tells_of_packs_past_their_day_and_of_watchers_that_are_gone():
    inventory = read(GOOD.replace("2099-12-31", "2025-12-31").replace("site: dc", "retired: 2026-01-01"))
    assert dated_faults(inventory, NEW_YEAR - 1) == []
    assert [str(fault) for fault in dated_faults(inventory, NEW_YEAR)] == [
        "i.yml:50:5: packs: the pack builtin is past its last day; accept a newer one, or renew until",
        (
            "i.yml:41:5: assets: every agent that watches s2 is retired with its own asset; "
            "name another agent in watched_by"
        ),
    ]
