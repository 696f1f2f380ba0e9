from __future__ import annotations

import copy

import pytest

from secmon.core.inventory import Availability
from secmon.core.inventoryfile import read_inventory
from secmon.core.model import Platform, Role, Vantage
from secmon.core.nodes import plain
from secmon.sources import yaml
from tests.support.inventory import DIGEST, GOOD, read


def faults(text):
    document = yaml.read(text.encode(), "i.yml")
    assert not document.faults, document.faults
    inventory, found = read_inventory(document.value, "i.yml")
    assert (inventory is None) == bool(found)
    return [str(fault).removeprefix("i.yml:") for fault in found]


def faults_of(old, new):
    """Return the faults of the good inventory with one change."""
    assert GOOD.count(old) == 1, old
    return faults(GOOD.replace(old, new))


def test_a_good_inventory_is_read_whole():
    inventory = read(GOOD)
    assert (inventory.province, inventory.names["en"]) == ("tinh", "Province")
    assert [unit.parent for unit in inventory.units.values()] == ["", "", "xa-1"]
    assert (
        inventory.systems["dx"].owner_unit == "xa-1"
    )  # written as the alias of a unit that was merged into it
    server = inventory.assets["s1"]
    assert (server.agent, server.site, server.host) == ("a1", "dc", "192.0.2.1")
    assert server.maintenance[0].begin == 1767200400.0  # 2026-01-01 in Vietnam
    assert server.maintenance[0].end == 1767200400.0 + 2 * 86_400  # until the end of the second day
    assert inventory.assets["s2"].availability is Availability.OFFICE
    assert inventory.packs[0].sha256 == DIGEST


def test_level_and_roles_of_an_asset_are_those_of_its_systems():
    inventory = read(GOOD)
    server = inventory.as_judged(inventory.assets["s1"])
    assert (server.level, server.platform, server.unit) == (4, Platform.LINUX, "so-a")
    assert server.roles == (Role.DATABASE, Role.DOCUMENT_EXCHANGE)
    assert server.vantages == (Vantage.INSIDE,)
    switch = inventory.as_judged(inventory.assets["s2"])
    assert (switch.level, switch.roles, switch.vantages) == (2, (Role.SERVER,), (Vantage.OUTSIDE,))


@pytest.mark.parametrize(
    ("old", "new", "told"),
    [
        ("id: xa-2", "id: xa-1", '18:9: units[2].id: "xa-1" is the id or alias of a unit already; it stands at i.yml:11:9'),
        ("aliases: [xa-cu]", "aliases: [so-a]", '12:15: units[1].aliases[0]: "so-a" is the id or alias of a unit already'),
        ("id: so-a", "id: tinh", '4:5: units[0]: "tinh" is the id of the province; give the unit its own'),
        ("id: so-a", "id: sở-a", '4:9: units[0].id: an id of letters, digits and .-_ is wanted, not "sở-a"'),
        ("parent: xa-1", "parent: xa-l", '19:13: units[2].parent: there is no unit "xa-l"; did you mean xa-1?'),
        ("parent: xa-1", "parent: xa-2", "19:13: units[2].parent: the unit is above itself: xa-2 > xa-2; break the circle"),
        ("kind: department", "kind: comune", '5:11: units[0].kind: no other unit is of the kind "comune"; did you mean commune?'),
        ("kind: department", "kind: Sở", '5:11: units[0].kind: a word of small letters, digits and - such as commune is wanted, not "Sở"'),
        ("kind: department", "knd: department", '5:5: units[0].knd: unknown key "knd"; did you mean kind?'),
        ("owner_unit: xa-cu", "owner_unit: xa-9", '26:54: systems[1].owner_unit: there is no unit "xa-9"; did you mean xa-1?'),
        ("id: db,", "id: dx,", '26:10: systems[1].id: "dx" is the id of a system already'),
        ("level: 4", "level: 6", "25:39: systems[0].level: 6 is out of range; 1 to 5"),
        ("level: 4, ", "", "25:5: systems[0]: the key level is missing"),
        ("roles: [database]", "roles: [databse]", '25:50: systems[0].roles[0]: "databse" is not known here; did you mean database?'),
        ("systems: [db, dx]", "systems: [db]", '26:10: systems[1].id: no asset serves the system "dx", so nothing speaks for it'),
        ("systems: [db, dx]", "systems: [db, dx, dz]", '32:23: assets[0].systems[2]: there is no system "dz"; did you mean db?'),
        ("operator_unit: so-a", "operator_unit: so-b", '30:20: assets[0].operator_unit: there is no unit "so-b"; did you mean so-a?'),
        ("platform: network", "platform: netwrk", '43:15: assets[1].platform: "netwrk" is not known here; did you mean network?'),
        ("availability: office", "availability: ofice", '44:19: assets[1].availability: "ofice" is not known here; did you mean office?'),
        ("watched_by: [a1]", "watched_by: [a2]", '45:18: assets[1].watched_by[0]: there is no agent "a2"; did you mean a1?'),
        ("    watched_by: [a1]\n", "", "41:5: assets[1]: nobody watches the asset; give the agent on it, or agents in watched_by"),
        ("watched_by: [a1]", "agent: a2", "45:12: assets[1].agent: no agent runs on the platform network; watch it from outside"),
        ("site: core", "level: 5", "46:12: assets[1].level: an asset has no level of its own; it follows from the systems that it serves"),
        ("id: s2", "id: s1", '41:9: assets[1].id: "s1" is the id or alias of an asset already; it stands at i.yml:29:9'),
        ("[2001:db8::2]", "[192.0.2.1]", '47:17: assets[1].addresses[0]: two assets have "192.0.2.1"; "s1" has it at i.yml:33:17; members of one cluster'),
        ("[2001:db8::2]", "['2001:0db8::1']", '47:17: assets[1].addresses[0]: two assets have "2001:0db8::1"; "s1" has it'),
        ("[2001:db8::2]", "[192.0.2.300]", '47:17: assets[1].addresses[0]: "192.0.2.300" cannot be read'),
        ("hostnames: [s2.]", "hostnames: [S1]", '48:17: assets[1].hostnames[0]: two assets have "S1"; "s1" has it at i.yml:34:17'),
        ("2026-01-02", "2025-12-30", "38:16: assets[0].maintenance[0].until: the maintenance ends before it begins"),
        ("2026-01-02", "2026-02-30", '38:16: assets[0].maintenance[0].until: "2026-02-30" cannot be read; the calendar has no day 2026-02-30'),
        ("2026-01-02", "tomorrow", '38:16: assets[0].maintenance[0].until: "tomorrow" cannot be read; an instant is written'),
        ("        reason: new disks\n", "", "37:9: assets[0].maintenance[0]: the key reason is missing"),
        (", until: 2099-12-31", "", "50:5: packs[0]: the key until is missing"),
        (f"sha256: {DIGEST}, ", "", "50:5: packs[0]: the key sha256 is missing"),
        (f"sha256: {DIGEST}", "sha256: abc", '50:29: packs[0].sha256: a sha256 of 64 digits 0-9a-f is wanted, not "abc"'),
        ("\npacks:", "\npcks:", '49:1: pcks: unknown key "pcks"; did you mean packs?'),
    ],
)  # fmt: skip
def test_each_fault_names_its_place_and_what_would_be_right(old, new, told):
    found = faults_of(old, new)
    assert any(fault.startswith(told) for fault in found), found


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("    site: core\n", "    site: core\n    retired: 2026-01-01\n    agent: old\n"),
        ("    watched_by: [a1]\n", "    retired: 2026-01-01\n"),
        ("parent: xa-1", "parent: tinh"),
        ("parent: xa-1", "parent: xa-cu"),
        ("kind: department", "kind: agency"),
    ],
)
def test_what_is_no_fault(old, new):
    assert faults_of(old, new) == []


def test_members_of_a_cluster_share_an_address_and_others_do_not():
    shared = GOOD.replace("[2001:db8::2]", "[192.0.2.1]")
    assert len(faults(shared)) == 1
    joined = shared.replace("    site: dc\n", "    site: dc\n    cluster: c\n").replace(
        "site: core", "cluster: c"
    )
    assert faults(joined) == []
    assert len(faults(joined.replace("cluster: c\n    addresses", "cluster: d\n    addresses"))) == 1


def test_the_addresses_of_a_retired_asset_are_free():
    taken = GOOD.replace("[2001:db8::2]", "[192.0.2.1]")
    assert faults(taken.replace("site: core", "retired: 2026-01-01")) == []


def test_a_long_circle_is_told_once_and_cut():
    units = "".join(
        f"  - {{id: u{n}, kind: ward, parent: u{(n + 1) % 12}, names: {{vi: a, en: b}}}}\n" for n in range(12)
    )
    found = faults(GOOD.replace("systems:\n  - ", units + "systems:\n  - ", 1))
    assert len(found) == 1
    assert "the unit is above itself: u0 > u1 > u2 > u3 > u4 > u5 > u6 > u7 > ...;" in found[0]


def test_an_agent_that_nobody_can_reach_is_a_fault_unless_it_is_airgapped():
    hidden = GOOD.replace("    addresses: [192.0.2.1, 2001:db8::1]\n    hostnames: [s1]\n", "")
    assert hidden != GOOD
    assert [fault.split(": ", 1)[1] for fault in faults(hidden)] == [
        "assets[0].agent: nobody can reach the agent; give addresses or hostnames of the asset"
    ]
    assert faults(hidden.replace("site: dc", "availability: airgapped")) == []


@pytest.mark.parametrize(
    "text", ["", "[]", "7", "a", "units: 3\nassets: {}\n", "assets: [3, null, [], {}]\n"]
)
def test_what_is_no_inventory_is_told_and_never_raises(text):
    assert faults(text)


def test_every_fault_is_told_in_one_run():
    text = (
        GOOD.replace("level: 4", "level: 9")
        .replace("platform: network", "platform: x")
        .replace("until: 2099-12-31", "until: x")
    )
    assert len(faults(text)) == 3


def test_thousands_of_unknown_names_get_few_suggestions():
    assets = "".join(
        f"  - {{id: x{n}, operator_unit: xa-{n}x, platform: other, watched_by: [a1]}}\n" for n in range(500)
    )
    found = faults(GOOD.replace("\npacks:", f"\n{assets}packs:"))
    assert len(found) == 500
    assert sum("did you mean" in fault or "one of" in fault for fault in found) == 20


ODD = (
    None,
    True,
    7,
    -1.5,
    "",
    " ",
    "sở",
    "x\u202ey",
    [],
    {},
    [None],
    [[]],
    [{}],
    {"a": 1},
    "s1",
    "so-a",
    "a1",
)


def _nodes(value, path=()):
    yield path
    if isinstance(value, dict):
        for key in value:
            yield from _nodes(value[key], (*path, key))
    elif isinstance(value, list):
        for index, item in enumerate(value):
            yield from _nodes(item, (*path, index))


@pytest.mark.parametrize("odd", ODD, ids=repr)
def test_no_value_anywhere_raises(odd):
    """Every value of a good inventory is replaced in turn; what is still no fault makes an inventory."""
    good = yaml.read(GOOD.encode(), "i.yml").value
    for path in _nodes(good):
        document = copy.deepcopy(plain(good))
        if not path:
            document = odd
        else:
            here = document
            for step in path[:-1]:
                here = here[step]
            here[path[-1]] = odd
        inventory, found = read_inventory(document, "i.yml")
        assert (inventory is None) == bool(found), path
        if inventory is not None:
            assert all(inventory.as_judged(asset).level for asset in inventory.assets.values())
            assert len(inventory.speakers(0.0)) == 2
