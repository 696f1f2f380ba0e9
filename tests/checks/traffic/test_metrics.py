"""The metrics of a run, from its observations."""

from __future__ import annotations

from secmon.checks.traffic import CHECK
from secmon.checks.traffic.metrics import samples
from secmon.core.contract import Sample
from secmon.core.model import Completeness, Fact, Observation, Reason

LOOKED = {"interface": None, "anomaly/port_scan": None, "anomaly/syn_flood": None, "anomaly/arp_spoof": None}
INTERFACE = Fact("interface", {"name": "eth0", "packets": 100, "bytes": 5000, "dropped": 3})
SCAN = Fact("anomaly", {"detector": "port_scan", "source": "10.0.0.9", "destination": "10.0.0.1"})


def observation(*facts: Fact, target: str = "local", **looked: Reason) -> Observation:
    changed = {f"anomaly/{name}": reason for name, reason in looked.items()}
    return Observation("a", "traffic", target, 0, 60, Completeness.OK, LOOKED | changed, facts)


def test_what_was_captured_and_found():
    assert samples("a", [observation(INTERFACE, SCAN)], 60) == [
        Sample("secmon_capture_packets_total", ("eth0",), 100),
        Sample("secmon_capture_dropped_total", ("eth0",), 3),
        Sample("secmon_capture_bytes_total", ("eth0",), 5000),
        Sample("secmon_anomaly_active", ("a", "port_scan"), 1),
        Sample("secmon_anomalies_total", ("port_scan",), 1),
        Sample("secmon_anomaly_active", ("a", "syn_flood"), 0),
        Sample("secmon_anomaly_active", ("a", "arp_spoof"), 0),
    ]


def test_a_detector_that_could_not_look_is_not_said_to_have_found_nothing():
    made = samples("a", [observation(), observation(target="if:eth1", port_scan=Reason.ONE_SIDED)], 60)
    assert [sample.labels[1] for sample in made] == ["syn_flood", "arp_spoof"]


def test_what_it_found_nevertheless_is_told():
    made = samples("a", [observation(SCAN, port_scan=Reason.PACKET_LOSS)], 60)
    assert Sample("secmon_anomaly_active", ("a", "port_scan"), 1) in made


def test_the_name_of_a_capture_file_is_no_label():
    fact = Fact("interface", {"name": "x.pcap", "packets": 1, "bytes": 1, "dropped": None})
    assert all(
        sample.labels[0] == "a" for sample in samples("a", [observation(fact, target="pcap:x.pcap")], 60)
    )


def test_every_sample_is_of_a_declared_family():
    declared = {spec.name: len(spec.labels) for spec in CHECK.metrics}
    for sample in samples("a", [observation(INTERFACE, SCAN)], 60):
        assert declared[sample.name] == len(sample.labels)
