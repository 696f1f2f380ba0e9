"""Units, kinds of unit and the province: docs/architecture.md, "Score"."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from secmon.core.fleet import Member, Total, aggregate, merge, rank
from secmon.core.score import Score, grade


def scored(raw, accepted=None, coverage=None, *, in_order=True):
    accepted = raw if accepted is None else accepted
    coverage = accepted if coverage is None else coverage
    letter = grade(accepted, critical_in_order=in_order)
    return Score("secmon-score/1", raw, accepted, coverage, letter, {})


NOTHING = Score("secmon-score/1", None, None, None, None, {})

SCORES = st.none() | st.just(NOTHING) | st.builds(
    lambda values, in_order: scored(*sorted(values), in_order=in_order),
    st.tuples(*[st.floats(0, 100)] * 3),
    st.booleans(),
)  # fmt: skip


@st.composite
def provinces(draw):
    """Return assets, each in a unit."""
    rows = draw(st.lists(st.tuples(st.integers(1, 5), SCORES, st.integers(0, 5)), max_size=30))
    return [(Member(f"a{index}", level, score), unit) for index, (level, score, unit) in enumerate(rows)]


def test_a_level_weighs_twice_the_one_below():
    total = aggregate([Member("a", 1, scored(100.0)), Member("b", 5, scored(0.0))])
    assert (total.weight, total.raw_score) == (17.0, pytest.approx(100 / 17))


def test_a_silent_asset_and_one_with_nothing_possible_count_0():
    for nothing in (None, NOTHING):
        total = aggregate([Member("a", 2, scored(80.0, 90.0, 100.0)), Member("b", 2, nothing)])
        assert (total.raw_score, total.accepted_score, total.coverage_score) == (40.0, 45.0, 50.0)
        assert total.assets == 2
    assert total.silent == 0
    assert aggregate([Member("a", 1, None)]).silent == 1


def test_no_asset_is_0_and_never_nan():
    for total in (aggregate([]), merge([]), Total()):
        assert (total.raw_score, total.accepted_score, total.coverage_score, total.letter) == (0, 0, 0, "E")


def test_an_asset_that_is_given_twice_counts_once():
    member = Member("a", 3, scored(50.0))
    assert aggregate([member, member]) == aggregate([member])
    with pytest.raises(ValueError, match="a is given twice"):
        aggregate([member, Member("a", 4, scored(50.0))])


def test_a_unit_has_no_cap_and_tells_its_capped_assets():
    total = aggregate([Member("a", 1, scored(100.0, in_order=False)), Member("b", 1, scored(100.0))])
    assert (total.letter, total.capped) == ("A", 1)
    low = aggregate([Member("a", 1, scored(20.0, in_order=False))])
    assert (low.letter, low.capped) == ("E", 0)


@given(provinces(), st.data())
def test_splitting_and_merging_units_leaves_the_province(province, data):
    whole = aggregate(member for member, _ in province)
    units = {unit for _, unit in province}
    parted = merge(aggregate(member for member, unit in province if unit == name) for name in units)
    anew = [(member, data.draw(st.integers(0, 3))) for member, _ in province]
    again = merge(aggregate(member for member, unit in anew if unit == name) for name in range(4))
    for other in (parted, again):
        assert (other.assets, other.silent, other.capped) == (whole.assets, whole.silent, whole.capped)
        for name in ("raw_score", "accepted_score", "coverage_score"):
            assert math.isclose(getattr(other, name), getattr(whole, name), rel_tol=0, abs_tol=1e-9)


@given(provinces())
def test_sums_are_ordered_and_a_silence_never_raises(province):
    members = [member for member, _ in province]
    whole = aggregate(members)
    assert 0 <= whole.raw_score <= whole.accepted_score <= whole.coverage_score <= 100
    for index, member in enumerate(members):
        hidden = [*members[:index], Member(member.asset, member.level, None), *members[index + 1 :]]
        silent = aggregate(hidden)
        assert silent.raw_score <= whole.raw_score
        assert silent.accepted_score <= whole.accepted_score
        assert silent.coverage_score <= whole.coverage_score


def unit(raw, coverage=100.0):
    return aggregate([Member("a", 1, scored(raw, raw, max(raw, coverage)))])


def test_ranking_is_within_a_kind_with_shared_places_and_the_unseen_below():
    standings = rank(
        {
            "xa-b": ("commune", unit(70.0)),
            "xa-a": ("commune", unit(70.0)),
            "xa-c": ("commune", unit(90.0)),
            "xa-d": ("commune", unit(20.0)),
            "xa-e": ("commune", unit(59.9, 59.9)),
            "xa-f": ("commune", unit(60.0, 60.0)),
            "so-a": ("department", unit(10.0)),
        }
    )
    assert [(item.unit, item.place) for item in standings["commune"]] == [
        ("xa-c", 1),
        ("xa-a", 2),
        ("xa-b", 2),
        ("xa-f", 4),
        ("xa-d", 5),
        ("xa-e", None),
    ]
    assert [(item.unit, item.place) for item in standings["department"]] == [("so-a", 1)]
