from __future__ import annotations

import itertools
import math
import re
from dataclasses import replace

import pytest
import yaml
from prometheus_client.parser import text_string_to_metric_families

from secmon.core.intake import read_fact
from secmon.core.inventory import Availability
from secmon.core.inventorydates import dated_faults
from secmon.core.inventoryfile import read_inventory
from secmon.core.model import Outcome
from secmon.export import inventory, metrics
from secmon.sources import yaml as positions
from tools.demo import history, stack, troubles
from tools.demo.agent import SimulatedAgent
from tools.demo.fleet import build
from tools.demo.plants import PLANTS
from tools.demo.rulebook import plan
from tools.demo.troubles import DAY, Trouble
from tools.demo.world import CENTRE, LEAST_AGENTS, MOST_AGENTS, STRANGER, imagine

NOW = 1_800_000_000.0


@pytest.fixture(scope="module")
def fleet():
    return build(7, now=NOW)


@pytest.fixture(scope="module")
def pages(fleet):
    return fleet.pages(NOW)


def samples(page):
    return [sample for family in text_string_to_metric_families(page.decode()) for sample in family.samples]


def test_a_seed_makes_one_province(fleet, pages):
    again = build(7, now=NOW)
    assert again.inventory_yaml == fleet.inventory_yaml
    assert again.pages(NOW) == pages
    assert again.inventory_page(NOW) == fleet.inventory_page(NOW)
    assert build(8, now=NOW).pages(NOW) != pages


@pytest.mark.parametrize("agents", [LEAST_AGENTS, 37, 40, 41, 67, MOST_AGENTS])
def test_its_inventory_has_no_faults(agents):
    made = build(agents, agents, now=NOW)
    document = positions.read(made.inventory_yaml.encode(), "i.yml")
    found, faults = read_inventory(document.value, "i.yml")
    assert [*document.faults, *faults, *dated_faults(found, NOW)] == []
    scraped = {group["labels"]["agent"] for group in made.targets(9190, NOW)}
    assert len(scraped) == agents
    assert scraped - made.agents.keys() == {
        machine.id for machine in made.world.agents if "silent" in machine.plants
    }


@pytest.mark.parametrize("agents", [0, LEAST_AGENTS - 1, MOST_AGENTS + 1])
def test_a_province_has_its_limits(agents):
    with pytest.raises(ValueError, match=f"{agents} agents"):
        imagine(1, agents, NOW)


@pytest.mark.parametrize("seed", range(20))
def test_it_has_what_a_province_has(seed):
    world = imagine(seed, 40, NOW)
    kinds = {unit.id: unit.kind for unit in world.units}
    assert len(kinds) == 10
    assert set(kinds.values()) == {"department", "commune", "ward", "data-centre"}
    assert {system.level for system in world.systems} == {1, 2, 3, 4, 5}
    assert {machine.availability for machine in world.machines} == set(Availability)
    hosted = {
        system.owner for machine in world.machines if machine.unit == CENTRE for system in machine.systems
    }
    assert len(hosted - {CENTRE}) > 2
    assert all(device.watched_by for device in world.devices)
    assert all(machine.address.startswith("127.") for machine in world.agents)
    planted = [plant for plant, _ in world.planted()]
    assert planted == list(PLANTS)
    assert max(len(machine.plants) for machine in world.machines) == 1


def test_every_kind_of_metric_stands_on_some_page(fleet, pages):
    declared = {spec.name for spec in (*metrics.FAMILIES, *inventory.FAMILIES)}
    declared |= {spec.name for check in fleet.book.registry.checks.values() for spec in check.metrics}
    shown = {sample.name for page in (*pages.values(), fleet.inventory_page(NOW)) for sample in samples(page)}
    assert shown == declared


def test_pages_go_with_the_time(fleet):
    moving = build(7, now=NOW)

    def found(now):
        return {
            (agent, sample.labels["asset"], sample.labels["check"], sample.labels["severity"]): sample.value
            for agent, page in moving.pages(now).items()
            for sample in samples(page)
            if sample.name == "secmon_findings" and sample.labels["state"] == "open"
        }

    seen = [found(NOW + minutes * 60) for minutes in range(0, 30, 5)]
    assert any(later[key] > earlier[key] for earlier, later in itertools.pairwise(seen) for key in later)
    assert any(later[key] < earlier[key] for earlier, later in itertools.pairwise(seen) for key in later)


def test_its_facts_are_what_a_probe_may_give(fleet):
    count = 0
    for agent in fleet.agents.values():
        for check in agent.plan.checks:
            spec = fleet.book.registry.checks[check]
            for part in agent._parts(check, agent._span(check, NOW)):
                for observation in part.observations:
                    for fact in observation.facts:
                        missing = {name: reason.value for name, reason in fact.missing.items()}
                        given = {"kind": fact.kind, **fact.values, "missing": missing}
                        assert read_fact(spec, given) == fact
                        count += 1
    assert count > 1000


def alone(fleet, like, *wrong, plants=frozenset()):
    """Return the state of a machine of which only that is wrong."""
    machine = replace(like, troubles=tuple(map(Trouble, wrong)), plants=plants)
    host = (
        machine if not machine.watched_by else replace(fleet.world.agents[0], troubles=(), plants=frozenset())
    )
    watched = [machine] if machine.watched_by else []
    plans = plan(fleet.book, host, watched, NOW)
    state = SimulatedAgent(fleet.book.registry, plans, host, watched, NOW).snapshot(NOW).assets[-1]
    assert state.asset.id == machine.id
    return state


def test_without_troubles_everything_is_seen_and_in_order(fleet):
    for machine in (*fleet.world.agents, *fleet.world.devices):
        state = alone(fleet, machine)
        assert state.score.coverage > 90, (machine.id, state.rules)
        assert state.score.raw > 90, (machine.id, state.rules)


@pytest.mark.parametrize("name", sorted({*troubles._COMMON, *troubles._BRIEF, "datastore", "end-of-life"}))
def test_every_trouble_of_a_server_is_one_to_the_rules(fleet, name):
    server = next(machine for machine in fleet.world.agents if machine.level == 3)
    bad = {rule.rule for rule in alone(fleet, server, name).rules}
    assert bad - {rule.rule for rule in alone(fleet, server).rules}, name


@pytest.mark.parametrize("name", sorted(set(troubles._DEVICE)))
def test_every_trouble_of_a_device_is_one_to_the_rules(fleet, name):
    router = next(machine for machine in fleet.world.devices if machine.id.endswith("router"))
    bad = {rule.rule for rule in alone(fleet, router, name).rules}
    assert bad - {rule.rule for rule in alone(fleet, router).rules}, name


def test_a_trouble_comes_and_goes():
    wave = Trouble("ftp", 100.0, 30.0, 10.0)
    assert [wave.is_active(at) for at in (9.0, 10.0, 39.0, 40.0, 110.0)] == [False, True, True, False, True]
    assert Trouble("ftp").is_active(0)


def test_planted_faults_show_on_the_pages(fleet, pages):
    by_plant = {plant.name: machine.id for plant, machine in fleet.world.planted()}
    read = {plant: samples(pages[name]) for plant, name in by_plant.items() if name in pages}

    def value(plant, name, **labels):
        (found,) = [s.value for s in read[plant] if s.name == name and labels.items() <= s.labels.items()]
        return found

    assert by_plant["silent"] not in pages
    assert by_plant["airgapped"] not in pages
    own = {plant: {"asset": name} for plant, name in by_plant.items()}
    assert value("no-rights", "secmon_coverage_ratio", **own["no-rights"]) < 0.6
    critical = {"check": "ports", "severity": "critical", "state": "open"}
    assert value("datastore", "secmon_findings", **critical, **own["datastore"]) >= 1
    assert value("maintenance", "secmon_findings", **critical, **own["maintenance"]) >= 1
    digests = {s.labels["sha256"] for s in read["old-rules"] if s.name == "secmon_pack_info"}
    assert digests.isdisjoint({fleet.book.sha256})
    ends = [
        s.value for s in read["expiring"] if s.name == "secmon_tls_certificate_not_after_timestamp_seconds"
    ]
    assert NOW < min(ends) < NOW + 10 * DAY
    assert value("end-of-life", "secmon_os_end_of_life_timestamp_seconds") < NOW
    lost = value("packet-loss", "secmon_capture_dropped_total")
    assert lost > 0.04 * value("packet-loss", "secmon_capture_packets_total")
    assert value("clock-ahead", "secmon_snapshot_timestamp_seconds") == NOW + 1200
    assert value("clock-behind", "secmon_snapshot_timestamp_seconds") == NOW - 1.5 * DAY
    assert value("crashing", "secmon_check_quarantined", check="patches") == 1
    assert value("blind", "secmon_check_up", check="traffic") == 0
    assert value("bad-rules", "secmon_rules_last_reload_successful") == 0
    claimed = fleet.inventory.as_judged(fleet.inventory.assets[by_plant["wrong-level"]])
    (info,) = [
        s.labels
        for s in read["wrong-level"]
        if s.name == "secmon_asset_info" and s.labels["asset"] == claimed.id
    ]
    assert int(info["level"]) != claimed.level
    assert STRANGER.id in {s.labels.get("asset") for s in read["stranger"]}
    waived = [
        s.value for s in read["waived"] if s.name == "secmon_findings" and s.labels["state"] == "waived"
    ]
    assert sum(waived) == 2
    accepted = value("waived", "secmon_accepted_ratio", **own["waived"])
    assert accepted > value("waived", "secmon_score_ratio", **own["waived"])
    asset = fleet.inventory.assets[by_plant["maintenance"]]
    assert asset.in_maintenance(NOW)


def test_the_past_is_that_of_the_same_agents(fleet):
    past = history._Past(fleet, fleet.inventory.speakers(NOW))
    trusted = [agent for agent in fleet.agents.values() if not agent.machine.plants]
    assert len(trusted) > 20
    for number, agent in enumerate(trusted):
        at = NOW - 1000.0 * (number + 1)
        for state in agent.twin().snapshot(at).assets:
            if past.speakers[state.asset.id] == agent.name:
                assert past.score(state.asset.id, at).raw == pytest.approx(state.score.raw), state.asset.id


def test_the_past_believes_whom_the_province_believes(fleet):
    past = history._Past(fleet, fleet.inventory.speakers(NOW))
    by_plant = {plant.name: machine.id for plant, machine in fleet.world.planted()}
    for plant in ("silent", "airgapped"):
        assert past.score(by_plant[plant], NOW - DAY) is None
    for plant in ("old-rules", "clock-ahead", "clock-behind", "wrong-level"):
        assert past.score(by_plant[plant], NOW - DAY).coverage == 0


def test_the_past_is_written_as_openmetrics(fleet):
    *rows, last = history.openmetrics(fleet, 3600)
    assert last == "# EOF\n"
    values: dict[str, list[float]] = {}
    for row in rows:
        series, value, at = row.split(" ")
        assert re.fullmatch(
            r"(asset|unit|unit_kind|province):secmon_(score|accepted|coverage):\w+\{[^}]*\}", series
        )
        assert NOW - 3600 <= float(at) <= NOW - history.GAP_SECONDS
        values.setdefault(series, []).append(float(value))
    assert {len(found) for found in values.values()} == {14}
    ratios = [value for series, found in values.items() if ":ratio{" in series for value in found]
    assert all(math.isfinite(ratio) and 0 <= ratio <= 1 for ratio in ratios)
    assert len([series for series in values if series.startswith("unit:secmon_score:ratio")]) == 10


def test_prometheus_is_configured_as_shipped():
    shipped = yaml.safe_load((stack.SHIPPED / "prometheus.example.yml").read_text(encoding="utf-8"))
    adapted = stack.adapt(shipped, 9190)
    assert adapted["rule_files"] == shipped["rule_files"]
    for ours, theirs in zip(adapted["scrape_configs"], shipped["scrape_configs"], strict=True):
        changed = {key for key in ours.keys() | theirs.keys() if ours.get(key) != theirs.get(key)}
        assert changed <= {"scheme", "tls_config", "static_configs"}


def test_what_is_not_installed_is_named():
    with pytest.raises(stack.CannotRunError, match="apt-get install prometheus"):
        stack.find("no-such-program-of-prometheus")


def test_judging_says_more_than_pass_and_fail(fleet, pages):
    del fleet
    outcomes = {
        sample.labels["outcome"]
        for page in pages.values()
        for sample in samples(page)
        if sample.name == "secmon_results" and sample.value
    }
    assert outcomes == {outcome.value for outcome in Outcome}
