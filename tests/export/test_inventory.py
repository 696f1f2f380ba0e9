from __future__ import annotations

from prometheus_client.parser import text_string_to_metric_families

from secmon.export.inventory import FAMILIES, render

ROW = {
    "info": {
        "asset": "s1",
        "agent": "a1",
        "unit": "u",
        "unit_kind": "commune",
        "province": "p",
        "level": "3",
        "platform": "linux",
        "roles": "database,server",
        "site": 'x"y\\z',
    },
    "max_age": 12 * 86400.0,
    "speaks": 24 * 86400.0,
    "watchers": ["a2"],
    "weight": 4.0,
    "maintenance": True,
    "possible": {"ports": 12, "tls": 0},
}


def test_the_page_says_what_the_rows_say_and_a_parser_reads_it_back():
    packs = [{"pack": "builtin", "sha256": "ab", "accepted": False}]
    page = render({"made": 5.0, "assets": [ROW], "packs": packs})
    families = {family.name: family.samples for family in text_string_to_metric_families(page)}
    assert set(families) == {spec.name for spec in FAMILIES}
    (info,) = families["secmon_inventory_asset_info"]
    assert (info.labels, info.value) == (ROW["info"], 1)
    points = {sample.labels["check"]: sample.value for sample in families["secmon_inventory_points_possible"]}
    assert points == {"ports": 12, "tls": 0}
    ages = {
        (sample.labels["asset"], sample.labels["check"]): sample.value
        for sample in families["secmon_inventory_max_age_seconds"]
    }
    assert ages == {("s1", "ports"): 12 * 86400, ("s1", "tls"): 12 * 86400}
    assert families["secmon_inventory_watch_info"][0].labels == {"asset": "s1", "agent": "a2"}
    assert families["secmon_inventory_speaks_seconds"][0].value == 24 * 86400
    assert families["secmon_inventory_asset_points_possible"][0].value == 12
    assert families["secmon_inventory_timestamp_seconds"][0].value == 5
    assert families["secmon_inventory_weight"][0].value == 4
    (weight,) = families["secmon_inventory_level_weight"]
    assert (weight.labels, weight.value) == ({"level": "3"}, 4)
    assert families["secmon_inventory_maintenance"][0].value == 1
    (pack,) = families["secmon_inventory_pack_accepted"]
    assert (pack.labels, pack.value) == ({"pack": "builtin", "sha256": "ab"}, 0)


def test_the_labels_are_those_of_the_design():
    labels = {spec.name.removeprefix("secmon_inventory_"): spec.labels for spec in FAMILIES}
    assert labels["asset_info"] == (
        "asset", "agent", "unit", "unit_kind", "province", "level", "platform", "roles", "site",
    )  # fmt: skip
    assert labels["points_possible"] == labels["max_age_seconds"] == ("asset", "check")
    assert labels["weight"] == labels["maintenance"] == ("asset",)
    assert labels["asset_points_possible"] == labels["asset_info"]
    assert labels["unit_weight"] == ("unit", "unit_kind", "province")
    assert labels["speaks_seconds"] == ("asset",)
    assert labels["watch_info"] == ("asset", "agent")
    assert labels["timestamp_seconds"] == ()
    assert labels["pack_accepted"] == ("pack", "sha256")


def test_an_asset_that_is_always_on_has_no_longer_memory():
    page = render({"made": 5.0, "assets": [ROW | {"speaks": None}], "packs": []})
    assert "secmon_inventory_speaks_seconds{" not in page


def test_a_unit_weighs_what_its_assets_weigh_together():
    def row(asset, unit, weight):
        return ROW | {"info": ROW["info"] | {"asset": asset, "unit": unit}, "weight": weight}

    rows = [row("s1", "u", 4.0), row("s2", "v", 1.0), row("s3", "u", 2.0)]
    page = render({"made": 5.0, "assets": rows, "packs": []})
    (family,) = (
        found
        for found in text_string_to_metric_families(page)
        if found.name == "secmon_inventory_unit_weight"
    )
    assert {sample.labels["unit"]: sample.value for sample in family.samples} == {"u": 6, "v": 1}
