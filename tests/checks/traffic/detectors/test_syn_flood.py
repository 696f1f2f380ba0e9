"""Floods are found, whoever answers them; bursts, scans and lone failures are not."""

from __future__ import annotations

import pytest

from secmon.checks.traffic.detectors import syn_flood
from secmon.checks.traffic.detectors.contract import Surroundings
from secmon.checks.traffic.detectors.syn_flood import SynFlood, count_source
from secmon.checks.traffic.events import Attempt, Fate
from tests.checks.traffic.packets import ip

SERVER = ip("10.0.0.1")


def forged(number: int) -> bytes:
    return bytes([100 + number % 100, number >> 16 & 255, number >> 8 & 255, number & 255])


def tell(detector, start, seconds, rate, fate, *, port=80, client=None) -> None:
    for number in range(int(seconds * rate)):
        stamp = start + number / rate
        source = client or forged(number)
        detector.handlers()[Attempt](Attempt(stamp - 1, stamp, source, SERVER, port, fate))


def flood(*spells: tuple, **options) -> SynFlood:
    detector = SynFlood(Surroundings())
    for spell in spells:
        tell(detector, *spell, **options)
    return detector


@pytest.mark.parametrize("fate", [Fate.UNANSWERED, Fate.HALF_OPEN, Fate.REFUSED])
def test_a_flood_is_found_whether_or_not_the_victim_answers(fate):
    (incident,) = flood((1000.0, 5, 1000, fate)).incidents(0)
    assert (incident.source, incident.destination, incident.port) == (None, "10.0.0.1", 80)
    assert (incident.count, incident.first_seen) == (5000, 999.0)
    assert (
        "5000 connections to port 80 of 10.0.0.1 were begun and not completed, 1000 in one second"
        in incident.evidence
    )
    assert ("clients keep trying" in incident.counter_evidence) is (fate is Fate.REFUSED)


def test_a_flood_is_found_in_its_first_second():
    assert flood((1000.0, 0.3, 1000, Fate.UNANSWERED)).incidents(0)


@pytest.mark.parametrize(("rate", "is_flood"), [(35, False), (50, True)])
def test_the_least_rate_is_35_a_second(rate, is_flood):
    assert bool(flood((1000.0, 120, rate, Fate.UNANSWERED)).incidents(0)) is is_flood


def test_a_busy_server_may_lose_a_third_of_its_mean():
    detector = flood((1000.0, 60, 1000, Fate.COMPLETED))
    for second in range(1060, 1090):
        tell(detector, second, 1, 1000, Fate.COMPLETED)
        tell(detector, second, 1, 300, Fate.UNANSWERED)
    assert detector.incidents(0) == []
    tell(detector, 1090, 3, 2000, Fate.UNANSWERED)
    assert detector.incidents(0)


def test_a_burst_of_clients_that_all_connect_is_no_flood():
    assert flood((1000.0, 1, 20_000, Fate.COMPLETED)).incidents(0) == []


def test_half_open_probes_of_a_balancer_are_no_flood():
    assert flood((1000.0, 60, 100, Fate.ABORTED)).incidents(0) == []


def test_a_scan_of_all_ports_is_no_flood():
    detector = SynFlood(Surroundings())
    for port in range(1, 65536):
        stamp = 1000 + port / 10_000
        detector.handlers()[Attempt](Attempt(stamp, stamp, forged(1), SERVER, port, Fate.UNANSWERED))
    assert detector.incidents(0) == []


def test_failures_spread_over_a_day_never_add_up():
    detector = SynFlood(Surroundings())
    for number in range(2000):
        tell(detector, 1000.0 + 40 * number, 1, 20, Fate.UNANSWERED)
    assert detector.incidents(0) == []


def test_the_source_that_sends_most_of_it_is_named():
    detector = SynFlood(Surroundings())
    tell(detector, 1000.0, 3, 800, Fate.UNANSWERED, client=ip("192.0.2.66"))
    tell(detector, 1000.5, 2, 200, Fate.UNANSWERED)
    (incident,) = detector.incidents(0)
    assert incident.source == "192.0.2.66"
    assert "most of them from 192.0.2.66" in incident.evidence


def test_a_flood_ends_and_the_next_one_is_new():
    detector = flood((1000.0, 60, 5000, Fate.UNANSWERED))
    detector.begin_window(1060)
    tell(detector, 1060, 30, 10, Fate.COMPLETED)
    assert detector.incidents(1060.5) == []
    detector.begin_window(1120)
    tell(detector, 1200, 5, 500, Fate.UNANSWERED)
    assert [found.first_seen for found in detector.incidents(1120)] == [1199.0]


def test_tables_stay_within_their_limits(monkeypatch):
    monkeypatch.setattr(syn_flood, "MAX_SERVICES", 50)
    detector = SynFlood(Surroundings())
    for port in range(1000):
        tell(detector, 1000 + port / 1000, 1, 1, Fate.UNANSWERED, port=port)
    assert len(detector._backlogs) == 50


def test_the_heavy_hitters_of_a_forged_flood_stay_few():
    sources: dict[bytes, int] = {}
    for number in range(10_000):
        count_source(sources, forged(number))
        count_source(sources, ip("192.0.2.1"))
    assert len(sources) <= syn_flood.MAX_SOURCES
    assert sources[ip("192.0.2.1")] >= 10_000 - 20_000 / 9
