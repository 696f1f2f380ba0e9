"""Section "Score" of docs/architecture.md on random worlds, from observations to the grade.

`python -m tests.core.test_score_properties CASES [SECONDS]` tries as many worlds without hypothesis.
"""

from __future__ import annotations

import os
import random
import sys
import time
from dataclasses import replace

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from secmon.core.fleet import Member, aggregate, merge
from secmon.core.model import Outcome, Severity
from tests.core.worlds import Tape, hide, make_world, outcomes, repair, say, tighten, waive

CASES = 10_000 if os.environ.get("CI") else 200
TAPES = st.binary(min_size=0, max_size=400) | st.binary(min_size=200, max_size=400)
GOOD = (Outcome.PASS, Outcome.NOT_APPLICABLE)

thorough = settings(
    max_examples=CASES,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)


def pairs(before, after):
    """Return the scores of each asset before and after, of those that have any."""
    assert before.scores.keys() == after.scores.keys()
    for asset, one in before.scores.items():
        other = after.scores[asset]
        if one.raw is not None and other.raw is not None:
            yield asset, one, other


def are_ordered(tape):
    """0 <= raw <= accepted <= coverage <= 100; nothing possible is null."""
    for one in say(make_world(tape)).scores.values():
        if one.raw is None:
            assert (one.accepted, one.coverage, one.grade) == (None, None, None)
        else:
            assert 0 <= one.raw <= one.accepted <= one.coverage <= 100
            assert one.grade in set("ABCDE")


def repairing_never_lowers(tape):
    """Turning a fail into a pass never lowers raw, accepted, coverage or grade."""
    world = make_world(tape)
    before, after = say(world), say(repair(tape, world))
    was, now = outcomes(before), outcomes(after)
    for key in was.keys() | now.keys():
        one, other = was.get(key), now.get(key)
        fixed = one is Outcome.FAIL and (other is None or other in GOOD)
        if one is not other and not fixed and not (one is None and other in GOOD):
            return False  # it did something else as well
    for _, one, other in pairs(before, after):
        assert other.raw >= one.raw
        assert other.accepted >= one.accepted
        assert other.coverage >= one.coverage
        assert other.grade <= one.grade
    return was != now


def hiding_never_raises(tape):
    """Unknown, erring, partial, stale, stopped, vanished: nothing rises, and coverage falls where it covered."""
    world = make_world(tape)
    before, after = say(world), say(hide(tape, world))
    for asset, one, other in pairs(before, after):
        assert other.raw <= one.raw
        assert other.accepted <= one.accepted
        assert other.coverage <= one.coverage
        assert other.grade >= one.grade
        mine = [key for key in before.covered if key[0] == asset]
        if any(after.covered[key] < before.covered[key] for key in mine):
            assert other.coverage < one.coverage
    return before.scores != after.scores


def hidden_is_never_a_pass(tape):
    """A rule that was not decided is not decided with less evidence, and a failure is not taken for a pass."""
    world = make_world(tape)
    before, after = say(world), say(hide(tape, world))
    assert before.undecided <= after.undecided


def tightening_never_raises(tape):
    """An override never raises raw; what it raises else was undecided and now fails (ADR 0012)."""
    world = make_world(tape)
    before, after = say(world), say(tighten(tape, world))
    if after.faults:
        return False  # refused: two profiles disagree, or it would loosen
    decided = before.undecided - after.undecided
    results = [result for judgement in after.judgements.values() for result in judgement.results]
    failing = {(result.asset, result.rule) for result in results if result.outcome is Outcome.FAIL}
    assert decided <= failing
    for asset, one, other in pairs(before, after):
        assert other.raw <= one.raw
        if all(key[0] != asset for key in decided):
            assert other.accepted <= one.accepted
            assert other.coverage <= one.coverage
            assert other.grade >= one.grade
    return before.scores != after.scores


def severity_changes_no_points(tape):
    """Raised severity changes findings and exit codes, not points."""
    world = make_world(tape)
    one = say(replace(world, overrides=()))
    raised = [replace(item, params={}, severity=Severity.CRITICAL) for item in world.overrides]
    assert say(replace(world, overrides=tuple(raised))).scores == one.scores


def waiving_changes_accepted_only(tape):
    """Waiving changes accepted and its grade only, and upwards."""
    world = make_world(tape)
    before, after = say(world), say(waive(tape, world))
    assert outcomes(before) == outcomes(after)
    for _, one, other in pairs(before, after):
        assert (other.raw, other.coverage) == (one.raw, one.coverage)
        assert other.accepted >= one.accepted
        assert other.grade <= one.grade
        if other.accepted == one.accepted and one.grade != other.grade:
            assert (
                one.grade == "C"
            )  # the cap was lifted by a waiver whose rule was stale or of no other worth
    return before.scores != after.scores


def units_split_and_merge(tape):
    """Splitting or merging units leaves the province within 1e-9; hiding never raises it."""
    world = make_world(tape)
    said, less = say(world), say(hide(tape, world))
    members = [Member(asset.id, asset.level, said.scores[asset.id]) for asset in world.assets]
    whole = aggregate(members)
    units = {asset.unit for asset in world.assets}
    parted = merge(
        aggregate(member for member, asset in zip(members, world.assets, strict=True) if asset.unit == unit)
        for unit in units
    )
    assert abs(parted.raw_score - whole.raw_score) <= 1e-9
    assert abs(parted.accepted_score - whole.accepted_score) <= 1e-9
    assert abs(parted.coverage_score - whole.coverage_score) <= 1e-9
    hidden = aggregate(Member(asset.id, asset.level, less.scores[asset.id]) for asset in world.assets)
    assert hidden.raw_score <= whole.raw_score
    assert hidden.coverage_score <= whole.coverage_score


PROPERTIES = (
    are_ordered,
    repairing_never_lowers,
    hiding_never_raises,
    hidden_is_never_a_pass,
    tightening_never_raises,
    severity_changes_no_points,
    waiving_changes_accepted_only,
    units_split_and_merge,
)


@thorough
@given(TAPES)
def test_are_ordered(data):
    are_ordered(Tape(data))


@thorough
@given(TAPES)
def test_repairing_never_lowers(data):
    repairing_never_lowers(Tape(data))


@thorough
@given(TAPES)
def test_hiding_never_raises(data):
    hiding_never_raises(Tape(data))


@thorough
@given(TAPES)
def test_hidden_is_never_a_pass(data):
    hidden_is_never_a_pass(Tape(data))


@thorough
@given(TAPES)
def test_tightening_never_raises(data):
    tightening_never_raises(Tape(data))


@thorough
@given(TAPES)
def test_severity_changes_no_points(data):
    severity_changes_no_points(Tape(data))


@thorough
@given(TAPES)
def test_waiving_changes_accepted_only(data):
    waiving_changes_accepted_only(Tape(data))


@thorough
@given(TAPES)
def test_units_split_and_merge(data):
    units_split_and_merge(Tape(data))


def test_the_worlds_are_varied():
    """Properties that are never put to the test hold easily: every kind of change must change some score."""
    chance = random.Random(5)
    for prove in (
        repairing_never_lowers,
        hiding_never_raises,
        tightening_never_raises,
        waiving_changes_accepted_only,
    ):
        changed = sum(bool(prove(Tape(chance.randbytes(400)))) for _ in range(1_000))
        assert changed >= 20, prove.__name__


def main(cases: int, seconds: float) -> None:
    """Try every property on random worlds until a number of cases or a time is reached."""
    seed = random.SystemRandom().randrange(2**32)
    chance, begun, tried = random.Random(seed), time.monotonic(), 0
    while tried < cases and time.monotonic() - begun < seconds:
        data = chance.randbytes(400)
        for prove in PROPERTIES:
            try:
                prove(Tape(data))
            except AssertionError:
                print(f"{prove.__name__} does not hold on {data.hex()}", file=sys.stderr)
                raise
            tried += 1
    print(f"{tried} cases, seed {seed}, {time.monotonic() - begun:.0f} s: every property holds")


if __name__ == "__main__":
    main(int(sys.argv[1]), float(sys.argv[2]) if len(sys.argv) > 2 else float("inf"))
