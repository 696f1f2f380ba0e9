"""Rules on observations: three values, completeness, folding, the look of a check that could not see."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from secmon.core.contract import CheckSpec, FieldSpec, FieldType, KindSpec, ProbeSpec
from secmon.core.intake import Part
from secmon.core.judge import judge_check
from secmon.core.judgement import Judgement, decode_lines, encode_lines
from secmon.core.model import (
    Asset,
    Completeness,
    Fact,
    Form,
    Observation,
    Outcome,
    Reason,
    Severity,
    Target,
    Vantage,
)
from secmon.core.plan import ChildPlan
from secmon.core.rule import Binding, Place, Rule, Waiver

NOW = 1_800_000_000.0
DAY = 86_400
PLACE = Place("r.yml", 1, 1)

LAMP = KindSpec(
    "lamp",
    ("room",),
    (
        FieldSpec("room", FieldType.TEXT, "", ""),
        FieldSpec("lit", FieldType.BOOLEAN, "", ""),
        FieldSpec("watts", FieldType.INTEGER, "", ""),
        FieldSpec("expires", FieldType.TIMESTAMP, "", ""),
        FieldSpec("days_left", FieldType.INTEGER, "", "", days_until="expires"),
    ),
    {Form.LOCAL: (Vantage.INSIDE,), Form.HOST: (Vantage.OUTSIDE,)},
    "",
    "",
)
ALARM = KindSpec(
    "alarm",
    ("detector",),
    (FieldSpec("detector", FieldType.TEXT, "", "", values=("smoke", "gas")),),
    {Form.LOCAL: (Vantage.INSIDE,)},
    "",
    "",
    parts=("smoke", "gas"),
    part_field="detector",
)
CHECK = CheckSpec(
    "house",
    (LAMP, ALARM),
    (ProbeSpec("eye", "x", (Form.LOCAL, Form.HOST), ("lamp", "alarm")),),
    60,
    10,
    "",
    "",
)
LOCAL = Target("srv", "house", Form.LOCAL, "local")


def rule(
    name: str = "house.lit", kind: str = "lamp", severity: Severity = Severity.HIGH, **parts: Any
) -> Rule:
    return Rule(name, "house", kind, severity, {"vi": "v", "en": "e"}, {"vi": "v", "en": "e"}, PLACE, **parts)


def observation(
    *facts: dict[str, Any], looked: dict[str, Reason | None] | None = None, **more: Any
) -> Observation:
    made = []
    for fact in facts:
        values = dict(fact)
        missing = values.pop("missing", {})
        made.append(Fact(values.pop("kind", "lamp"), values, missing))
    looks = {"lamp": None, "alarm/smoke": None, "alarm/gas": None} if looked is None else looked
    return Observation(
        "srv", "house", more.get("target", "local"), NOW - 5, NOW - 1, Completeness.OK, looks, tuple(made)
    )


def part(*observations: Observation, **more: Any) -> Part:
    base = Part("eye", None, NOW - 9, NOW - 1, True, None, "", observations)
    return replace(base, **more)


def judge(
    rules: list[Rule], parts: list[Part], targets: tuple[Target, ...] = (LOCAL,), **more: Any
) -> Judgement:
    plan = ChildPlan(
        targets=targets,
        settings={},
        allowed_networks=(),
        known_sources=(),
        assets=(Asset("srv", unit="xa-a"),),
        rules=tuple(rules),
        bindings=tuple(
            Binding("srv", item.id, item.severity, more.get("params", {}), {}, "p") for item in rules
        ),
        waivers=more.get("waivers", ()),
    )
    return judge_check(CHECK, plan, parts, NOW, lambda *_: [])


def outcomes(judgement: Judgement) -> list[str]:
    return sorted(result.outcome.value for result in judgement.results)


LIT = rule(require={"lit": True})


def test_pass_and_fail_per_subject() -> None:
    got = judge([LIT], [part(observation({"room": "a", "lit": True}, {"room": "b", "lit": False}))])
    assert outcomes(got) == ["fail", "pass"]
    (verdict,) = got.verdicts
    assert (verdict.outcome, verdict.decided, verdict.points) == (Outcome.FAIL, True, 6)
    (failed,) = [result for result in got.results if result.outcome is Outcome.FAIL]
    assert verdict.failures == (failed.fingerprint,)
    assert (failed.subject, failed.evidence) == ({"room": "b"}, {"lit": False})


def test_missing_is_unknown_and_null_is_not() -> None:
    got = judge([LIT], [part(observation({"room": "a", "missing": {"lit": Reason.PERMISSION}}))])
    (result,) = got.results
    assert (result.outcome, result.reason, result.missing) == (
        Outcome.UNKNOWN,
        Reason.PERMISSION,
        {"lit": Reason.PERMISSION},
    )
    assert not got.verdicts[0].decided
    assert outcomes(judge([LIT], [part(observation({"room": "a", "lit": None}))])) == ["fail"]


def test_where_that_is_unknown_may_still_pass() -> None:
    picky = rule(where={"watts": {"gt": 5}}, require={"lit": True})
    passed = judge(
        [picky], [part(observation({"room": "a", "lit": True, "missing": {"watts": Reason.NO_DATA}}))]
    )
    assert outcomes(passed) == ["pass"]
    torn = judge(
        [picky], [part(observation({"room": "a", "lit": False, "missing": {"watts": Reason.NO_DATA}}))]
    )
    assert outcomes(torn) == ["unknown"]


def test_never_fails_what_is_selected() -> None:
    never = rule(where={"lit": True}, never=True)
    facts = observation({"room": "a", "lit": True}, {"room": "b", "lit": False})
    got = judge([never], [part(facts)])
    assert [(result.subject, result.outcome) for result in got.results] == [({"room": "a"}, Outcome.FAIL)]


def test_complete_and_nothing_selected_earns() -> None:
    got = judge([rule(where={"lit": True}, never=True)], [part(observation({"room": "a", "lit": False}))])
    assert outcomes(got) == ["not_applicable"]
    assert got.verdicts[0].decided


def test_incomplete_look_adds_unknown_and_keeps_failures() -> None:
    seen = observation({"room": "a", "lit": False}, looked={"lamp": Reason.TIMEOUT})
    got = judge([LIT], [part(seen)])
    assert outcomes(got) == ["fail", "unknown"]
    (verdict,) = got.verdicts
    assert (verdict.outcome, verdict.decided, verdict.complete, len(verdict.failures)) == (
        Outcome.FAIL,
        False,
        (),
        1,
    )


def test_a_target_that_nobody_saw_is_unknown_with_the_childs_reason() -> None:
    for status, outcome in ((Reason.TIMEOUT, "unknown"), (Reason.CRASHED, "error"), (None, "unknown")):
        got = judge([LIT], [part(status=status, canary=status, canary_said=False)])
        assert outcomes(got) == [outcome]
        assert not got.runs[0].attempted_all


def test_a_child_that_failed_before_its_targets_leaves_an_observation_that_says_so() -> None:
    dead = part(status=Reason.CRASHED, canary=Reason.CRASHED, canary_said=False, detail="ImportError: x")
    (seen,) = judge([LIT], [dead]).observations
    assert (seen.target, seen.completeness, seen.reason, seen.detail) == (
        "local",
        Completeness.FAILED,
        Reason.CRASHED,
        "ImportError: x",
    )
    half = part(observation(), status=Reason.TIMEOUT)
    assert len(judge([LIT], [half]).observations) == 1


def test_a_target_whose_hours_have_not_come_is_unknown_and_says_when_they_do() -> None:
    night = replace(LOCAL, text="night", options={"hours": "22:00-05:00"})
    day = part(observation({"room": "a", "lit": True}))
    got = judge([LIT], [day], (LOCAL, night))
    assert outcomes(got) == ["pass", "unknown"]
    unvisited = got.observations[-1]
    assert (unvisited.target, unvisited.reason) == ("night", Reason.NOT_CONFIGURED)
    assert "22:00 to 05:00" in unvisited.detail
    assert not got.runs[0].attempted_all


def test_what_was_seen_in_its_hours_counts_as_of_then() -> None:
    night = replace(LOCAL, text="night", options={"hours": "22:00-05:00"})
    day = part(observation({"room": "a", "lit": True}))
    earlier = part(
        observation({"room": "b", "lit": True}, target="night"), hours="22:00-05:00", finished=NOW - 9999
    )
    got = judge([LIT], [day, earlier], (LOCAL, night))
    assert outcomes(got) == ["pass", "pass"]
    assert (got.runs[0].finished, got.runs[0].attempted_all) == (NOW - 9999, True)


def test_a_run_that_fails_says_nothing_of_targets_of_other_hours() -> None:
    night = replace(LOCAL, text="night", options={"hours": "22:00-05:00"})
    dead = part(status=Reason.CRASHED, canary=Reason.CRASHED, canary_said=False)
    earlier = part(observation({"room": "b", "lit": True}, target="night"), hours="22:00-05:00")
    assert outcomes(judge([LIT], [dead, earlier], (LOCAL, night))) == ["error", "pass"]


def test_a_failed_canary_is_an_error_even_over_good_facts() -> None:
    seen = observation({"room": "a", "lit": True})
    got = judge([LIT], [part(seen, canary=Reason.NO_DATA)])
    assert outcomes(got) == ["error", "pass"]
    assert got.runs[0].canary is Reason.NO_DATA
    assert not got.verdicts[0].decided


def test_a_sensor_that_never_proved_that_it_can_see_decides_nothing() -> None:
    seen = observation({"room": "a", "lit": True})
    got = judge([LIT], [part(seen, canary=Reason.NO_DATA, canary_said=False)])
    assert outcomes(got) == ["pass", "unknown"]
    assert not got.verdicts[0].decided


def test_a_subject_that_cannot_be_named_leaves_its_rule_undecided() -> None:
    """Two of them could be one, or be meant by a waiver for another."""
    seen = observation(
        {"lit": False, "missing": {"room": Reason.PERMISSION}},
        {"missing": {"room": Reason.PERMISSION, "lit": Reason.PERMISSION}},
    )
    got = judge([LIT], [part(seen)])
    assert outcomes(got) == ["fail", "unknown"]
    assert got.results[-1].reason is Reason.PERMISSION
    assert not got.verdicts[0].decided


def test_a_target_is_attempted_where_each_probe_that_serves_it_began_it() -> None:
    ear = ProbeSpec("ear", "x", (Form.LOCAL,), ("alarm",))
    check = replace(CHECK, probes=(replace(CHECK.probes[0], kinds=("lamp",)), ear))
    plan = ChildPlan(
        (LOCAL,), {}, (), (), (Asset("srv"),), (LIT,), (Binding("srv", LIT.id, LIT.severity, {}, {}, "p"),)
    )
    eye = part(observation({"room": "a", "lit": True}, looked={"lamp": None}))
    for parts, attempted in (([eye], False), ([eye, part(observation(looked={}), probe="ear")], True)):
        (run,) = judge_check(check, plan, parts, NOW, lambda *_: []).runs
        assert run.attempted_all is attempted


def test_without_a_target_a_bound_rule_is_unknown_not_configured() -> None:
    got = judge([LIT], [], targets=())
    assert [(result.outcome, result.reason) for result in got.results] == [
        (Outcome.UNKNOWN, Reason.NOT_CONFIGURED)
    ]
    assert not got.verdicts[0].decided


def test_a_target_of_a_form_that_cannot_yield_the_kind_is_not_expected() -> None:
    outside = Target("srv", "house", Form.HOST, "h", Vantage.OUTSIDE)
    got = judge([rule(kind="alarm", never=True)], [part(observation(target="h"))], targets=(outside,))
    assert got.results[0].reason is Reason.NOT_CONFIGURED


def test_every_expected_target_counts() -> None:
    other = Target("srv", "house", Form.HOST, "h", Vantage.OUTSIDE)
    got = judge([LIT], [part(observation({"room": "a", "lit": True}))], targets=(LOCAL, other))
    assert outcomes(got) == ["pass", "unknown"]
    assert (got.verdicts[0].decided, got.verdicts[0].complete) == (False, ("local",))


def test_facts_of_one_key_fold_worst_first() -> None:
    seen = observation({"room": "a", "lit": True}, {"room": "a", "lit": False}, {"room": "a", "lit": True})
    assert outcomes(judge([LIT], [part(seen)])) == ["fail"]


def test_a_rule_needs_only_the_parts_that_it_names() -> None:
    half = observation(looked={"alarm/smoke": None, "alarm/gas": Reason.LEARNING})
    smoke = rule("house.smoke", "alarm", where={"detector": "smoke"}, never=True)
    every = rule("house.any", "alarm", never=True)
    got = judge([smoke, every], [part(half)])
    said = {result.rule: (result.outcome, result.reason) for result in got.results}
    assert said == {
        "house.smoke": (Outcome.NOT_APPLICABLE, None),
        "house.any": (Outcome.UNKNOWN, Reason.LEARNING),
    }


@pytest.mark.parametrize(
    ("operators", "facts", "looked", "outcome"),
    [
        ({"le": 1}, [True, False], None, "pass"),
        ({"le": 1}, [True, True], None, "fail"),
        ({"le": 1}, [True, None], None, "unknown"),
        ({"le": 5}, [True, None], None, "pass"),
        ({"ge": 1}, [True, None], None, "pass"),
        ({"eq": 0}, [], None, "pass"),
        ({"ge": 1}, [], None, "fail"),
        ({"le": 1}, [True], Reason.TIMEOUT, "unknown"),
        ({"le": 1}, [True, True], Reason.TIMEOUT, "fail"),
        ({"ge": 1}, [True], Reason.TIMEOUT, "pass"),
        ({"ne": 7}, [True], Reason.TIMEOUT, "unknown"),
        ({"ge": 0}, [], Reason.TIMEOUT, "pass"),
    ],
)
def test_count_is_unknown_unless_every_possible_count_agrees(operators, facts, looked, outcome) -> None:
    rows = [
        {"room": str(index), **({"lit": lit} if lit is not None else {"missing": {"lit": Reason.NO_DATA}})}
        for index, lit in enumerate(facts)
    ]
    counting = rule(where={"lit": True}, count=operators)
    assert outcomes(judge([counting], [part(observation(*rows, looked={"lamp": looked}))])) == [outcome]


def test_days_come_from_stored_stamps() -> None:
    soon = rule(require={"days_left": {"ge": 21}})
    for left, outcome in ((21 * DAY, "pass"), (21 * DAY - 1, "fail"), (-1, "fail")):
        got = judge([soon], [part(observation({"room": "a", "expires": NOW + left}))])
        assert outcomes(got) == [outcome]
    gone = judge([soon], [part(observation({"room": "a", "missing": {"expires": Reason.NOT_TLS}}))])
    assert gone.results[0].missing == {"days_left": Reason.NOT_TLS}
    null = judge([soon], [part(observation({"room": "a", "expires": None}))])
    assert outcomes(null) == ["fail"]


def test_changes_at_the_next_day_of_a_fact_or_midnight() -> None:
    half = judge([LIT], [part(observation({"room": "a", "lit": True, "expires": NOW + 10 * DAY + 600}))])
    assert half.changes_at == NOW + 600
    idle = judge([LIT], [part(observation({"room": "a", "lit": True}))])
    assert (idle.changes_at + 7 * 3600) % DAY == 0
    assert 0 < idle.changes_at - NOW <= DAY


def test_waivers_lie_over_failures() -> None:
    waiver = Waiver("W", "house.lit", "xa-a", "", {"room": "b"}, "r", "a", "b", NOW - 1, NOW + 1, PLACE)
    facts = observation({"room": "a", "lit": False}, {"room": "b", "lit": False})
    got = judge([LIT], [part(facts)], waivers=(waiver,))
    assert outcomes(got) == ["fail", "fail"]
    assert [entry.waiver for entry in got.waived] == ["W"]


def test_a_judgement_survives_the_wire() -> None:
    facts = observation({"room": "a", "lit": False}, {"room": "b", "missing": {"lit": Reason.TIMEOUT}})
    got = judge([LIT], [part(facts)])
    assert decode_lines(encode_lines(got)) == got
    with pytest.raises(ValueError, match="did not finish"):
        decode_lines(list(encode_lines(got))[:-1])
    with pytest.raises(ValueError, match="one key"):
        decode_lines([json.dumps([1]).encode()])


@given(
    st.lists(st.tuples(st.sampled_from("abc"), st.sampled_from([True, False, None, "missing"])), max_size=5),
    st.sampled_from([None, Reason.TIMEOUT]),
    st.data(),
)
def test_hiding_a_field_never_decides_or_clears(rows, looked, data) -> None:
    """Taking evidence away never turns a verdict into a decided, unfailing one."""
    shown = [
        {"room": room, **({"missing": {"lit": Reason.NO_DATA}} if lit == "missing" else {"lit": lit})}
        for room, lit in rows
    ]
    before = judge([LIT], [part(observation(*shown, looked={"lamp": looked}))]).verdicts[0]
    hidden = [dict(row) for row in shown]
    for row in hidden:
        if data.draw(st.booleans()):
            row.pop("lit", None)
            row["missing"] = {"lit": Reason.PERMISSION}
    after = judge([LIT], [part(observation(*hidden, looked={"lamp": looked}))]).verdicts[0]
    assert not (after.decided and not before.decided)
    if after.decided:
        assert after.failures == before.failures
