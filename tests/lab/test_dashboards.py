"""Every query of every panel parses, answers something over the demo's province, and gives what its panel shows."""

from __future__ import annotations

import copy
import json
import math
import re
import time

import pytest

from secmon.core.fleet import Total, rank
from tools.dashboards import variables
from tools.dashboards.__main__ import generate
from tools.demo import fleet as demo
from tools.demo import stack as stacks
from tools.demo.api import Unanswered

DOCUMENTS = {path.stem: json.loads(text) for path, text in generate().items()}
TARGETS = [
    pytest.param(name, panel, target, id=f"{name}-{panel['id']}{target['refId']}")
    for name, document in DOCUMENTS.items()
    for panel in document["panels"]
    for target in panel.get("targets", [])
]
CHOICES = [
    pytest.param(name, choice, id=f"{name}-{choice['name']}")
    for name, document in DOCUMENTS.items()
    for choice in document["templating"]["list"]
    if choice["type"] == "query"
]


@pytest.fixture(scope="module")
def fleet():
    return demo.build(4)


@pytest.fixture(scope="module")
def stack(fleet, tmp_path_factory):
    try:
        stacks.find("prometheus")
    except stacks.CannotRunError as error:
        pytest.skip(str(error))
    with stacks.run(fleet, tmp_path_factory.mktemp("stack")) as stack:
        stack.wait_for_scores(len(fleet.agents), len(fleet.world.units), 240)
        # Alerts come an evaluation after the scores, traffic at the end of an agent's window of a minute.
        for expression in ("ALERTS", "rate(secmon_capture_packets_total[1m]) > 0"):
            stack.wait_until(lambda asked=expression: bool(stack.api.query(asked)), 240, expression)
        yield stack


@pytest.fixture(scope="module")
def prometheus(stack):
    return stack.api


@pytest.fixture(scope="module")
def worlds(prometheus):
    """Values of the variables: dashboard -> each unit kind, unit or asset that a reader can choose."""
    assets = [value.labels for value in prometheus.query("asset:secmon_score:denominator")]
    shared = {"province": assets[0]["province"], "unit": ".+", "unit_kind": ".+", "__rate_interval": "1m"}

    def each(*names):
        found = {tuple(labels.get(name, "") for name in names) for labels in assets}
        return [shared | dict(zip(names, values, strict=True)) for values in sorted(found)]

    units = each("unit")
    for values in units:
        mine = {labels.get("agent", "") for labels in assets if labels["unit"] == values["unit"]}
        values["agents"] = "|".join(map(re.escape, sorted(mine))).replace(
            "\\", r"\\"
        )  # a regex in PromQL's quotes
    return {"province": each("unit_kind"), "unit": units, "asset": each("asset", "agent")}


OF_ITS_AGENT = "and on (agent, asset) asset:secmon_score:denominator"


def problems(prometheus, worlds, name, panel, target) -> list[str]:
    """Return what is wrong with a query of a panel; it may be empty for one asset, not for all."""
    asked = dict.fromkeys(variables.filled(target["expr"], values) for values in worlds[name])
    try:
        answers = [prometheus.query(expression) for expression in asked]
    except Unanswered as error:
        return [str(error)]
    found = [value for answer in answers for value in answer]
    labels = {label for value in found for label in value.labels}
    told = [] if found else ["no data anywhere"]
    told += ["NaN" for value in found if math.isnan(value.value)]
    if panel["type"] == "table":
        columns = {field for field in _named(panel) if not field.startswith("Value")}
        # What a table does not show makes rows that look alike, and the name of a metric keeps rows apart.
        told += [f"a label without a column: {label}" for label in labels - columns]
        if len(panel["targets"]) == 1:
            told += [f"a column without a label: {label}" for label in columns - labels]
    elif max(map(len, answers)) > 1 and not any(
        f"{{{{{label}}}}}" in target["legendFormat"] for label in labels
    ):
        told.append("several series, and no legend that tells them apart")
    return told


def _named(panel):
    return panel["transformations"][-1]["options"]["renameByName"]


@pytest.mark.parametrize(("name", "panel", "target"), TARGETS)
def test_the_query_parses_and_answers(prometheus, worlds, name, panel, target):
    assert problems(prometheus, worlds, name, panel, target) == []


@pytest.mark.parametrize(
    ("title", "old", "new", "problem"),
    [
        ("Raw score", "max(", "max((", "parse error"),
        ("Raw score", ":ratio", ":rate", "no data anywhere"),
        ("Raw score", '"$province"', '"$provinces"', "no data anywhere"),
        ("Raw score", "max(", "0 / 0 * max(", "NaN"),
        (
            "Raw score by kind of unit",
            "max by (unit_kind) (unit_kind:",
            "max by (unit) (unit:",
            "several series",
        ),
        (
            "Agents not reporting",
            "by (agent, site, unit)",
            "by (agent, site, unit, level)",
            "without a column: level",
        ),
        ("Agents not reporting", "by (agent, site, unit)", "by (agent, unit)", "without a label: site"),
    ],
)
def test_a_planted_fault_is_told(prometheus, worlds, title, old, new, problem):
    broken = copy.deepcopy(panel("province", title))
    (target,) = broken["targets"]
    assert problems(prometheus, worlds, "province", broken, target) == []
    target["expr"] = target["expr"].replace(old, new)
    told = problems(prometheus, worlds, "province", broken, target)
    assert any(problem in line for line in told)


@pytest.mark.parametrize(("name", "choice"), CHOICES)
def test_the_variable_has_values(prometheus, worlds, name, choice):
    series, label = choice["query"].removeprefix("label_values(").removesuffix(")").rsplit(", ", 1)
    found = prometheus.ask(f"label/{label}/values", **{"match[]": variables.filled(series, worlds[name][0])})
    assert found
    assert choice["multi"] or worlds[name][0][choice["name"]] in (*found, ".+")


def panel(name, title):
    return next(item for item in DOCUMENTS[name]["panels"] if item["title"].endswith(f" / {title}"))


def ask_at(prometheus, expression, now):
    """Return labels and values at one instant: the next scrape must not come in between."""
    answer = prometheus.ask("query", query=expression, time=str(now))
    return [(series["metric"], float(series["value"][1])) for series in answer["result"]]


def ask(prometheus, name, title, values):
    return prometheus.query(variables.filled(panel(name, title)["targets"][0]["expr"], values))


def test_every_asset_has_one_grade(prometheus, worlds, fleet):
    targets, now = panel("province", "Assets by grade")["targets"], time.time()
    asked = [variables.filled(target["expr"], worlds["province"][0]) for target in targets]
    ((_, counted),) = ask_at(prometheus, " + ".join(f"sum({query})" for query in asked), now)
    assert counted == len(fleet.possible)


def test_grades_are_the_agents_where_the_province_takes_their_score_over(prometheus, worlds):
    now = time.time()

    def by_asset(expression):
        answer = prometheus.ask(
            "query", query=variables.filled(expression, worlds["province"][0]), time=str(now)
        )
        return {series["metric"]["asset"]: series["metric"] for series in answer["result"]}

    letters = {
        asset: target["legendFormat"]
        for target in panel("province", "Assets by grade")["targets"]
        for asset in by_asset(target["expr"].partition(") or 0 * count(")[0].removeprefix("count("))
    }
    own = by_asset(f"secmon_grade_info {OF_ITS_AGENT}")
    taken = f"asset:secmon_accepted:ratio == on (asset) (secmon_accepted_ratio {OF_ITS_AGENT})"
    compared = by_asset(taken)
    assert len(compared) > 10
    assert {asset: letters[asset] for asset in compared} == {asset: own[asset]["grade"] for asset in compared}


@pytest.mark.parametrize(
    ("name", "title", "values"),
    [
        ("province", "Ranking", "ABCDE"),
        ("province", "Worst rules", "AB"),
        ("unit", "Assets of the unit", "ABCDE"),
    ],
)
def test_none_is_a_nought_and_not_an_empty_cell(prometheus, worlds, name, title, values):
    targets, now = panel(name, title)["targets"][: len(values)], time.time()
    for world in worlds[name]:
        answers = [ask_at(prometheus, variables.filled(target["expr"], world), now) for target in targets]
        rows = [{frozenset(labels.items()) for labels, _ in answer} for answer in answers]
        assert rows == [rows[0]] * len(values)


def heard(fleet):
    """Return how the province hears each asset, as style.STATE has it: 0 but for what is planted."""
    plants = {machine.id: machine.plants for machine in fleet.world.machines}
    states = {}
    for asset, agent in fleet.inventory.speakers(fleet.world.start).items():
        disbelieved = plants.get(agent, set()) & {"old-rules", "clock-ahead", "clock-behind"}
        disbelieved |= plants[asset] & {"wrong-level"}
        states[asset] = (3 if disbelieved else 0) if agent in fleet.agents else 2
    assert {0, 2, 3} == set(states.values())
    return states


def test_who_has_no_page_and_who_is_not_believed_are_told_apart(prometheus, worlds, fleet):
    expected, now = heard(fleet), time.time()

    def shown(name, title, values, query=0):
        expression = panel(name, title)["targets"][query]["expr"]
        return ask_at(prometheus, variables.filled(expression, values), now)

    for name, title in (("unit", "Assets of the unit"), ("asset", "State")):
        found = [row for values in worlds[name] for row in shown(name, title, values)]
        assert {labels["asset"]: value for labels, value in found} == expected
        assert len(found) == len(expected)
    silent = [asset for asset, state in expected.items() if state == 2]
    province = worlds["province"][0]
    assert [value for _, value in shown("province", "Silent assets", province)] == [len(silent)]
    assert sum(value for _, value in shown("province", "Agents not reporting", province)) == len(silent)
    by_unit = {
        values["unit"]: value
        for values in worlds["unit"]
        for _, value in shown("unit", "Silent assets", values)
    }
    assert by_unit == {
        unit: sum(fleet.inventory.assets[asset].operator_unit == unit for asset in silent) for unit in by_unit
    }
    assert len(by_unit) == len(fleet.world.units)


def test_agents_whose_packs_are_refused_are_those_with_old_rules(prometheus, worlds, fleet):
    speakers = fleet.inventory.speakers(fleet.world.start)
    old = {name for name, agent in fleet.agents.items() if "old-rules" in agent.machine.plants}
    (query,) = panel("province", "Packs not accepted")["targets"]
    filled = variables.filled(query["expr"], worlds["province"][0])

    def agents(expression):
        return {value.labels["agent"]: value.value for value in prometheus.query(expression)}

    assert agents(filled) == {agent: list(speakers.values()).count(agent) for agent in old}
    for listed, expected in (
        ('pack:secmon_accepted:bool{pack=""}', {}),  # the inventory lists no packs
        ("0 * pack:secmon_accepted:bool", fleet.agents.keys()),  # their last day is over
        (
            'label_replace(pack:secmon_accepted:bool, "pack", "another", "", "") or pack:secmon_accepted:bool',
            fleet.agents.keys(),  # all lack one
        ),
    ):
        assert agents(filled.replace("pack:secmon_accepted:bool", f"({listed})")).keys() == set(expected)


def test_grade_of_an_asset_is_its_agents(prometheus, worlds):
    now, own = time.time(), 'secmon_grade_info{agent="$agent",asset="$asset"}'
    for values in worlds["asset"]:
        shown, said = (
            ask_at(prometheus, variables.filled(expression, values), now)
            for expression in (panel("asset", "Grade")["targets"][0]["expr"], own)
        )
        assert ["ABCDE"[int(place)] for _, place in shown] == [labels["grade"] for labels, _ in said]


def test_ranks_are_pythons(prometheus, worlds):
    now = time.time()

    def recorded(name, part):
        return {
            labels["unit"]: (labels["unit_kind"], value)
            for labels, value in ask_at(prometheus, f"unit:secmon_{name}:{part}", now)
        }

    raw, coverage, weight = (
        recorded("score", "ratio"),
        recorded("coverage", "ratio"),
        recorded("score", "denominator"),
    )
    totals = {
        unit: (
            kind,
            Total(
                weight[unit][1], 100 * score * weight[unit][1], 0, 100 * coverage[unit][1] * weight[unit][1]
            ),
        )
        for unit, (kind, score) in raw.items()
    }
    expected = {standing.unit: standing.place for kind in rank(totals).values() for standing in kind}
    assert None in expected.values()
    for values in worlds["unit"]:
        shown = ask_at(
            prometheus,
            variables.filled(panel("unit", "Rank among its kind")["targets"][0]["expr"], values),
            now,
        )
        assert [value for _, value in shown] == [place for place in [expected[values["unit"]]] if place]


def test_gains_are_the_agents(prometheus, worlds, fleet, stack):
    """What agents would report of the same verdicts, but that a severity raised by an override counts here.

    Assets whose agents are not believed gain nothing. Assets that are judged anew meanwhile are left out.
    """

    def shown():
        return {
            (values["agent"], values["asset"]): {
                value.labels["rule"]: value.value
                for value in ask(prometheus, "asset", "What to repair first", values)
            }
            for values in worlds["asset"]
        }

    before, expected, now = shown(), {}, time.time()
    for name, agent in fleet.agents.items():
        for verdict in (each for judged in agent._memory.judged.values() for each in judged.verdicts):
            if (
                verdict.decided
                and verdict.failures
                and verdict.severity.points
                and verdict.asset in fleet.possible
            ):
                part = verdict.severity.points / sum(fleet.possible[verdict.asset].values())
                expected.setdefault((name, verdict.asset), {})[verdict.rule] = part
    stack.wait_until(
        lambda: not prometheus.query(f"min(timestamp(secmon_build_info)) < {now}"), 180, "another scrape"
    )
    after = shown()
    states = heard(fleet)
    disbelieved = [(agent, asset) for agent, asset in expected.keys() & before.keys() if states[asset] == 3]
    assert len(disbelieved) >= 3
    assert [before[key] for key in disbelieved] == [{}] * len(disbelieved)
    still = {asset for asset in before if before[asset] and before[asset] == after[asset]}
    assert len(still) > 20
    assert {asset: after[asset] for asset in still} == {
        asset: pytest.approx(expected[asset]) for asset in still
    }
