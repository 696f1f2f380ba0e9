"""Whole windows: what is told of a scan, a flood, a quiet link, one direction, losses and foreign frames."""

from __future__ import annotations

import pytest

from secmon.checks.traffic.detectors.contract import Surroundings
from secmon.checks.traffic.kinds import ANOMALY, INTERFACE
from secmon.checks.traffic.known import read_known_sources
from secmon.checks.traffic.window import Seen, Sensor, Span
from secmon.core.model import Reason
from tests.checks.traffic import packets as p

CLIENT, SERVER = "10.0.0.9", "10.0.0.1"
DETECTORS = ("port_scan", "syn_flood", "arp_spoof")


def scan(count: int = 100) -> list[bytes]:
    return [data for port in range(1, count + 1) for data in p.refusal(CLIENT, SERVER, (50000, port))]


def browsing(count: int = 30) -> list[bytes]:
    return [
        data
        for number in range(count)
        for data in (
            *p.handshake(CLIENT, SERVER, (20000 + number, (80, 443, 8080)[number % 3])),
            p.udp(CLIENT, SERVER, (30000 + number, 53), b"q" * 30),
            p.udp(SERVER, CLIENT, (53, 30000 + number), b"a" * 90),
        )
    ]


def look(frames: list[tuple], span: Span | None = None, known=()) -> Seen:
    sensor = Sensor(Surroundings(), read_known_sources(known))
    sensor.feed(frames)
    return sensor.close(span or Span("x.pcap"))


def found(seen: Seen) -> list[tuple]:
    return [
        (fact.values["detector"], fact.values["source"], fact.values["destination"])
        for fact in seen.facts[1:]
    ]


def reasons(seen: Seen) -> list[Reason | None]:
    return [seen.looked[f"anomaly/{name}"] for name in DETECTORS]


def test_ordinary_traffic_is_silent_and_complete():
    frames = p.spread(browsing())
    seen = look(frames)
    assert (found(seen), set(seen.looked.values()), seen.detail) == ([], {None}, "")
    assert seen.facts[0].values == {
        "name": "x.pcap",
        "packets": len(frames),
        "bytes": sum(len(frame[1]) for frame in frames),
        "dropped": None,
        "loss_ratio": None,
        "one_sided": False,
        "duration_seconds": pytest.approx((len(frames) - 1) / 1000, abs=0.001),
    }


def test_a_scan_within_ordinary_traffic_is_one_anomaly_with_all_declared_fields():
    seen = look(p.spread(browsing() + scan()))
    assert found(seen) == [("port_scan", CLIENT, SERVER)]
    assert set(seen.facts[1].values) == {field.name for field in ANOMALY.fields}
    assert set(seen.facts[0].values) == {field.name for field in INTERFACE.fields}


def test_a_scan_that_nothing_answers_is_found():
    frames = p.spread([p.tcp(CLIENT, SERVER, (50000, port), p.SYN) for port in range(1, 101)], step=0.05)
    assert found(look(frames)) == [("port_scan", CLIENT, SERVER)]


def test_a_flood_is_found_and_named_by_its_port():
    frames = [
        p.tcp(f"172.16.{number >> 8}.{number & 255}", SERVER, (1024, 443), p.SYN) for number in range(5000)
    ]
    seen = look(p.spread(frames))
    assert found(seen) == [("syn_flood", None, SERVER)]
    assert seen.facts[1].values["port"] == 443


@pytest.mark.parametrize("sender", [CLIENT, SERVER])
def test_one_direction_alone_says_nothing_of_scans_and_floods(sender):
    source = slice(26, 30)
    both = p.spread(browsing() + scan())
    seen = look([frame for frame in both if frame[1][source] == p.ip(sender)])
    assert seen.facts[0].values["one_sided"] is True
    assert reasons(seen) == [Reason.ONE_SIDED, Reason.ONE_SIDED, None]
    assert found(seen) == []
    assert seen.detail.startswith("only one direction of the conversations was seen")


def test_known_sources_are_left_out_and_counted():
    known = [{"cidr": "10.0.0.0/24", "detectors": ["port_scan"], "reason": "ours", "until": 1e10}]
    seen = look(p.spread(scan()), known=known)
    assert (found(seen), seen.detail) == ([], "anomalies of known sources left out: 1")
    assert set(seen.looked.values()) == {None}


@pytest.mark.parametrize(("dropped", "reason"), [(0, None), (1, None), (2, Reason.PACKET_LOSS)])
def test_more_than_one_lost_frame_in_a_thousand_hides_attacks(dropped, reason):
    frames = p.spread(browsing(200))[:1400]
    seen = look(frames, Span("eth0", 1000.0, 1010.0, dropped))
    assert reasons(seen) == [reason] * 3
    assert seen.looked["interface"] is None
    assert seen.facts[0].values["loss_ratio"] == pytest.approx(dropped / (1400 + dropped))
    assert ("2 frames were lost" in seen.detail) is bool(reason)


def test_foreign_links_and_cut_frames_are_counted_and_hide_attacks():
    foreign = look([p.frame(1.0, b"x" * 40, link=105), *p.spread(browsing(1))])
    assert reasons(foreign) == [Reason.UNSUPPORTED] * 3
    assert foreign.detail == "link type 105 (IEEE802_11) is not supported: 1 frames not looked at"
    cut = look([(1.0, b"x" * 12, 0, 12, 60, 1, 0)])
    assert reasons(cut) == [Reason.BAD_DATA] * 3
    assert cut.detail.startswith("frames cut within their headers: 1")


def test_a_malformed_frame_that_was_captured_whole_hides_nothing():
    seen = look([p.frame(1.0, b"x" * 12), *p.spread(browsing(1))])
    assert set(seen.looked.values()) == {None}


def test_full_tables_are_told(monkeypatch):
    monkeypatch.setattr("secmon.checks.traffic.conversations.MAX_HANDSHAKES", 64)
    frames = [
        p.tcp(f"172.16.{number >> 8}.{number & 255}", SERVER, (1024, number), p.SYN) for number in range(500)
    ]
    seen = look(p.spread(frames, step=0))
    assert reasons(seen) == [Reason.RESOURCE_LIMIT, Reason.RESOURCE_LIMIT, None]


def test_a_quiet_window_is_complete_and_says_nothing_of_directions():
    seen = look([], Span("eth0", 1000.0, 1060.0, 0))
    assert set(seen.looked.values()) == {None}
    assert (seen.facts[0].values["one_sided"], seen.facts[0].values["duration_seconds"]) == (None, 60.0)


def test_a_scan_over_the_edge_of_two_windows_is_found_in_the_second():
    sensor = Sensor(Surroundings())
    frames = p.spread(scan(6), start=1000.0, step=1.0)
    sensor.feed(frames[:4])
    assert found(sensor.close(Span("eth0", 1000.0, 1004.0, 0))) == []
    sensor.feed(frames[4:])
    second = sensor.close(Span("eth0", 1004.0, 1064.0, 0))
    assert [(fact.values["count"], fact.values["first_seen"]) for fact in second.facts[1:]] == [(6, 1000.0)]
    assert second.facts[0].values["packets"] == 8
    assert found(sensor.close(Span("eth0", 1064.0, 1124.0, 0))) == []


def test_clocks_that_jump_make_no_anomaly():
    frames = p.spread(browsing(50))
    jumping = [
        (frame[0] + (1e9 if number % 7 == 0 else 0), *frame[1:]) for number, frame in enumerate(frames)
    ]
    assert found(look(jumping)) == []
