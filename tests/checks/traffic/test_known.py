"""Known sources: by address, detector and date."""

from __future__ import annotations

import pytest

from secmon.checks.traffic.detectors.contract import Incident
from secmon.checks.traffic.known import is_known, read_known_sources

ENTRY = {"cidr": "10.0.0.0/24", "detectors": ["port_scan"], "reason": "our scanner", "until": 2000.0}


def incident(source: str | None, last_seen: float = 1000.0) -> Incident:
    return Incident(source, "10.9.9.9", None, 1.0, 0.0, last_seen, 4, "", "")


@pytest.mark.parametrize(
    ("detector", "source", "last_seen", "known"),
    [
        ("port_scan", "10.0.0.77", 1000, True),
        ("port_scan", "10.0.0.77", 2000, True),
        ("port_scan", "10.0.0.77", 2001, False),
        ("port_scan", "10.0.1.77", 1000, False),
        ("syn_flood", "10.0.0.77", 1000, False),
        ("port_scan", "2001:db8::1", 1000, False),
        ("port_scan", None, 1000, False),
    ],
)
def test_an_entry_covers_its_addresses_detectors_and_time(detector, source, last_seen, known):
    assert is_known(detector, incident(source, last_seen), read_known_sources([ENTRY])) is known


def test_an_entry_without_detectors_or_end_covers_all():
    entries = read_known_sources([{"cidr": "2001:db8::/32"}])
    assert is_known("syn_flood", incident("2001:db8::1", 1e12), entries)
