"""Vertical scans are found once; clients, servers and restarts are not."""

from __future__ import annotations

import pytest

from secmon.checks.traffic.detectors import port_scan
from secmon.checks.traffic.detectors.contract import Surroundings
from secmon.checks.traffic.detectors.port_scan import PortScan
from secmon.checks.traffic.events import Attempt, Fate
from tests.checks.traffic.packets import ip

SCANNER, HOST, OTHER = ip("10.0.0.9"), ip("10.0.0.1"), ip("10.0.0.2")
REFUSED, SILENT, DONE, HALF = Fate.REFUSED, Fate.UNANSWERED, Fate.COMPLETED, Fate.HALF_OPEN


def told(*attempts: tuple) -> PortScan:
    """Tell (second, port, fate[, client[, server]]) in order."""
    detector = PortScan(Surroundings())
    tell(detector, *attempts)
    return detector


def tell(detector: PortScan, *attempts: tuple) -> None:
    for second, port, fate, *ends in attempts:
        client, server = [*ends, *(SCANNER, HOST)[len(ends) :]]
        detector.tick(second)
        detector.handlers()[Attempt](Attempt(second, second, client, server, port, fate))


def found(detector: PortScan, since: float = 0.0) -> list[tuple]:
    return [(found.source, found.destination, found.count) for found in detector.incidents(since)]


def test_the_fourth_refusal_in_a_row_is_a_scan_and_the_third_is_not():
    refusals = [(number, 100 + number, REFUSED) for number in range(4)]
    assert found(told(*refusals[:3])) == []
    assert found(told(*refusals)) == [("10.0.0.9", "10.0.0.1", 4)]


def test_a_connection_to_a_new_port_takes_one_step_back():
    refusals = [(number, 100 + number, REFUSED) for number in range(4)]
    assert found(told(refusals[0], (0.5, 443, DONE), *refusals[1:])) == []
    assert found(told(refusals[0], (0.5, 443, DONE), *refusals[1:], (5, 200, REFUSED))) != []


def test_connections_to_a_port_that_is_known_to_serve_say_nothing():
    web = [(0, 443, DONE, OTHER)]
    again = [(number + 0.5, 443, DONE) for number in range(4)]
    refusals = [(number, 100 + number, REFUSED) for number in range(4)]
    mixed = sorted(again + refusals)
    assert found(told(*web, *mixed)) != []


def test_one_port_counts_once():
    assert found(told(*[(number, 25, REFUSED) for number in range(50)])) == []


def test_silence_of_a_host_that_may_be_down_counts_only_by_fifteen_ports():
    silence = [(number, 100 + number, SILENT) for number in range(15)]
    assert found(told(*silence[:14])) == []
    assert found(told(*silence)) == [("10.0.0.9", "10.0.0.1", 15)]


def test_silence_of_a_host_that_is_up_counts_like_a_refusal():
    silence = [(number, 100 + number, SILENT) for number in range(4)]
    assert found(told((0, 443, DONE, OTHER), *silence)) != []
    late = [(61 + number, 100 + number, SILENT) for number in range(4)]
    assert found(told((0, 443, DONE, OTHER), *late)) == []


def test_a_patient_scan_is_found_within_the_hour_and_not_beyond():
    def patient(step):
        return [(number * step, 100 + number, SILENT) for number in range(15)]

    assert found(told(*patient(250))) != []
    assert found(told(*patient(260))) == []


def test_a_walk_is_forgotten_after_a_pause():
    assert found(told(*[(number * 301, 100 + number, REFUSED) for number in range(10)])) == []


def test_a_host_that_restarts_is_not_scanned_by_its_clients():
    ports = (22, 80, 443, 3306, 8080, 9100)
    served = [(number, port, DONE) for number, port in enumerate(ports)]
    down = [(100 + number, port, SILENT) for number, port in enumerate(ports)]
    starting = [(200 + number, port, REFUSED) for number, port in enumerate(ports)]
    assert found(told(*served, *down, *starting)) == []


def test_ports_that_serve_later_were_no_scan():
    ports = (22, 80, 443, 3306, 8080, 9100)
    starting = [(number, port, REFUSED) for number, port in enumerate(ports)]
    detector = told(*starting)
    assert found(detector) != []
    tell(detector, *[(30 + number, port, DONE) for number, port in enumerate(ports)])
    assert found(detector) == []


@pytest.mark.parametrize("fate", [DONE, HALF, Fate.ABORTED, Fate.UNSEEN])
def test_many_ports_that_answer_are_no_scan(fate):
    assert found(told(*[(number, 40000 + number, fate) for number in range(100)])) == []


def test_one_port_of_many_hosts_is_another_detectors_matter():
    sweep = [(number, 445, REFUSED, SCANNER, ip(f"10.0.1.{number}")) for number in range(200)]
    assert found(told(*sweep)) == []


def test_a_scan_of_a_few_hosts_is_one_incident_for_each():
    scans = [(port, port, REFUSED, SCANNER, host) for port in range(1, 50) for host in (HOST, OTHER)]
    assert found(told(*scans)) == [("10.0.0.9", "10.0.0.1", 49), ("10.0.0.9", "10.0.0.2", 49)]


def test_all_65535_ports_are_counted_and_described():
    detector = told(*[(1 + port / 10_000, port, REFUSED) for port in range(1, 65536)], (9, 22, DONE))
    (incident,) = detector.incidents(0)
    assert incident.count == 65534  # port 22 served in the end
    assert "65535 attempts refused, 0 unanswered" in incident.evidence
    assert incident.evidence.endswith("the lowest are 1, 2, 3, 4, 5, the highest 65535")
    assert incident.counter_evidence == "1 connections between the two were completed"
    assert (incident.port, round(incident.first_seen, 4)) == (None, 1.0001)
    assert incident.score == pytest.approx(65534 / 4, abs=0.01)


def test_a_scan_goes_on_over_windows_ends_and_is_found_again():
    detector = told(*[(number, 100 + number, REFUSED) for number in range(10)])
    detector.begin_window(60)
    assert found(detector, since=60) == []
    tell(detector, (70, 200, REFUSED))
    assert found(detector, since=60) == [("10.0.0.9", "10.0.0.1", 11)]
    assert detector.incidents(60)[0].first_seen == 0
    detector.begin_window(1000)
    tell(detector, *[(1000 + number, 100 + number, REFUSED) for number in range(4)])
    assert detector.incidents(1000)[0].first_seen == 1000


def test_forged_sources_stay_within_the_limits_and_the_overflow_is_told(monkeypatch):
    monkeypatch.setattr(port_scan, "MAX_WALKS", 100)
    detector = PortScan(Surroundings())
    for number in range(1000):
        source = ip(f"172.16.{number >> 8}.{number & 255}")
        tell(detector, (1 + number / 1000, number % 7, SILENT, source))
    assert len(detector._walks) == 100
    assert detector.overflowed
    detector.begin_window(10)
    assert not detector.overflowed


def test_a_flood_of_one_port_does_not_hide_a_scan():
    detector = PortScan(Surroundings())
    flood = [
        (number / 1e5, 80, SILENT, number.to_bytes(4, "big")) for number in range(port_scan.MAX_WALKS + 5000)
    ]
    flood[::4000] = [(flood[at][0], 1000 + at, REFUSED) for at in range(0, len(flood), 4000)]
    tell(detector, *flood)
    assert found(detector) == [("10.0.0.9", "10.0.0.1", 10)]
    assert not detector.overflowed


def test_a_scan_amid_forged_sources_is_still_found(monkeypatch):
    monkeypatch.setattr(port_scan, "MAX_WALKS", 100)
    detector = PortScan(Surroundings())
    for number in range(1000):
        tell(detector, (number / 1000, number % 9, SILENT, ip(f"172.16.{number >> 8}.{number & 255}")))
        if number % 50 == 0:
            tell(detector, (number / 1000, 1000 + number, REFUSED))
    assert found(detector) == [("10.0.0.9", "10.0.0.1", 20)]


def test_a_walk_keeps_a_bounded_number_of_ports():
    detector = told(*[(number * 260, number, SILENT) for number in range(1, 2000)])
    assert max(len(walk.ports) for _, walk in detector._walks.items()) <= port_scan.MAX_PORTS_OF_WALK
    assert found(detector) == []
