"""A budget of packets per second holds over any span of time."""

from __future__ import annotations

import itertools

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from secmon.checks.ports.pace import Pace, Reserve


@settings(deadline=None)
@given(
    rate=st.sampled_from([1, 20, 100, 1000]),
    naps=st.lists(st.floats(0, 0.5), min_size=5, max_size=60),
    costs=st.lists(st.integers(1, 3), min_size=200, max_size=200),
)
def test_no_span_lets_more_through_than_the_rate_and_a_slack(rate, naps, costs):
    pace, now, sent = Pace(rate), 0.0, []
    remaining = iter(costs)
    for nap in naps:
        now += nap
        while pace.ready_at() <= now and (packets := next(remaining, 0)):
            pace.spend(packets, now)
            sent.append((now, packets))
    totals = list(itertools.accumulate((packets for _, packets in sent), initial=0))
    for first in range(len(sent)):
        for last in range(first, len(sent)):
            span = sent[last][0] - sent[first][0]
            # A cost of up to 3 packets is paid after it is spent.
            assert totals[last + 1] - totals[first] <= (0.98 * rate) * (span + 0.02) + 3 + 1e-6


def test_what_was_not_used_is_not_saved_up():
    pace = Pace(100)
    pace.spend(1, 1000.0)
    assert pace.ready_at() == pytest.approx(1000 + 1 / 97 - 0.02)


@given(
    rate=st.sampled_from([1, 20, 100, 1000, 100_000]),
    spent=st.integers(0, 5000),
    later=st.floats(0, 0.1),
)
def test_room_is_what_may_go_one_by_one(rate, spent, later):
    pace, now = Pace(rate), 1000.0
    pace.spend(spent, now)
    now += later
    room = pace.room(now)
    for _ in range(room):
        assert pace.ready_at() <= now + 1e-9
        pace.spend(1, now)
    assert pace.ready_at() > now - 1e-9


def test_the_rate_is_reached():
    pace, now, sent = Pace(100), 5.0, 0
    while now < 15.0:
        now = max(now, pace.ready_at())
        pace.spend(1, now)
        sent += 1
    assert sent == pytest.approx(970, abs=3)


@pytest.mark.parametrize("rate", [20, 50, 100, 1000, 100_000])
def test_no_second_holds_more_than_the_budget_and_a_twentieth(rate):
    pace, now, sent = Pace(rate), 1.0, 0
    pace.spend(1, now)
    now += 10.0  # so late that everything that may be made up for is
    end = now + 1.0
    while (now := max(now, pace.ready_at())) < end:
        pace.spend(1, now)
        sent += 1
    assert 0.9 * rate <= sent <= 1.05 * rate


def test_a_start_may_be_put_off():
    assert Pace(10, 7.0).ready_at() == 7.0


@given(
    rate=st.sampled_from([20, 100]),
    lives=st.lists(
        st.tuples(st.floats(0, 0.3), st.floats(0, 3), st.integers(1, 20)), min_size=5, max_size=60
    ),
)
def test_no_second_holds_more_of_connections_than_the_rate_however_late_they_send(rate, lives):
    reserve, now, opened, told = Reserve(Pace(rate)), 1000.0, [], []
    for nap, length, cost in lives:
        now += nap
        for end, held, spent in sorted(one for one in opened if one[0] <= now):
            reserve.release(held, spent, end)
        opened = [one for one in opened if one[0] > now]
        if reserve.has_room(20, now):
            reserve.hold(20)
            opened.append((now + length, 20, cost))
            told.append((now, now + length, cost))
    for second in {end for _, end, _ in told}:
        # All that was open in it may have sent all that it costs in that very second.
        assert sum(cost for start, end, cost in told if start < second and end > second - 1.0) <= rate


def test_packets_of_the_scan_count_for_a_second_more():
    pace = Pace(20)
    pace.spend(1, 1000.0)
    reserve = Reserve(pace)
    assert not reserve.has_room(12, 1000.1)
    assert reserve.has_room(12, 1000.8)
    assert reserve.has_room(20, 1001.1)


def test_a_rate_below_the_cost_of_a_connection_lets_one_go_at_a_time():
    reserve = Reserve(Pace(5))
    assert reserve.has_room(20, 1000.0)
    reserve.hold(20)
    assert not reserve.has_room(20, 1001.0)
    reserve.release(20, 20, 1001.0)
    assert not reserve.has_room(20, 1004.9)
    assert reserve.has_room(20, 1005.0)
