from __future__ import annotations

from collections import Counter

from secmon.core.inventory import Availability
from secmon.core.inventoryfile import ASSET, PACK, PROVINCE, SYSTEM, UNIT
from secmon.core.model import Platform
from tests.support.inventory import DIGEST, read
from tools.docs import ROOT
from tools.reference.province import digest, page

TEXT = page(ROOT / "rules")
INVENTORY = read(TEXT)
NOW = 1_800_000_000.0


def test_it_is_a_province_of_today():
    kinds = Counter(unit.kind for unit in INVENTORY.units.values())
    assert (kinds["department"], kinds["commune"], kinds["ward"]) == (20, 147, 19)


def test_it_shows_what_an_inventory_can_say():
    assets = list(INVENTORY.assets.values())
    hosted = [
        asset
        for asset in assets
        if any(INVENTORY.systems[name].owner_unit != asset.operator_unit for name in asset.systems)
    ]
    assert {asset.operator_unit for asset in hosted} == {"so-03-ttdl"}
    assert INVENTORY.units["xa-001"].aliases == ("xa-cu-17", "xa-cu-18")
    assert INVENTORY.systems["xa-001-mot-cua"].owner_unit == "xa-001"
    assert {asset.platform for asset in assets} >= {Platform.LINUX, Platform.WINDOWS, Platform.NETWORK}
    assert {asset.availability for asset in assets} == set(Availability)
    assert any(asset.maintenance for asset in assets)
    assert any(asset.retired for asset in assets)
    assert len({asset.id for asset in assets if asset.cluster == "dat-dai"}) == 2
    assert all(INVENTORY.speakers(NOW).values())


def test_it_says_that_it_is_an_example():
    assert "EXAMPLE" in TEXT.splitlines()[0]
    assert max(map(len, TEXT.splitlines())) <= 112


def test_it_accepts_the_shipped_rules():
    assert [pack.sha256 for pack in INVENTORY.packs] == [digest(ROOT / "rules")]


def test_the_documentation_shows_a_good_inventory_and_names_every_key():
    text = (ROOT / "docs" / "inventory.md").read_text(encoding="utf-8")
    shown = text.split("```yaml\n")[1].split("```")[0]
    assert len(read(shown.replace("SHA256", DIGEST)).assets) == 3
    keys = {*PROVINCE, *UNIT, *SYSTEM, *ASSET, *PACK}
    assert {key for key in keys if f"`{key}`" not in text and f"{key}:" not in shown} == set()
