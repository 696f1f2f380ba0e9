"""The probe for capture files: good, damaged, foreign, empty, absent ones, and files that change."""

from __future__ import annotations

import os

import pytest

from secmon.checks.traffic.probe import capture_file
from secmon.core.contract import Task
from secmon.core.model import Completeness, Form, Reason, Target
from tests.checks.traffic import packets as p
from tests.checks.traffic.test_window import browsing, scan
from tests.support import Collector

LOOKS = {"interface", "anomaly/port_scan", "anomaly/syn_flood", "anomaly/arp_spoof"}


def task(*paths) -> Task:
    targets = tuple(
        Target("a", "traffic", Form.PCAP, f"pcap:{path.name}", options={"path": str(path)}) for path in paths
    )
    return Task("traffic", "capture_file", targets, {}, (), (), 60, 0.0)


def look(*paths) -> Collector:
    collector = Collector()
    capture_file.observe(capture_file.acquire(task(*paths)), collector)
    for seen in collector.seen.values():
        assert set(seen.looked) == LOOKS
    return collector


@pytest.fixture
def file(tmp_path):
    def write(data: bytes, name: str = "x.pcap"):
        path = tmp_path / name
        path.write_bytes(data)
        return path

    return write


def test_a_scan_in_a_file(file):
    collector = look(file(p.pcap(p.spread(browsing() + scan()))))
    seen = collector.seen["pcap:x.pcap"]
    assert (seen.completeness, seen.reason, seen.detail) == (Completeness.OK, None, "")
    assert [fact.values.get("detector") for fact in seen.facts] == [None, "port_scan"]
    assert collector.canaries == [(None, "")]


def test_a_file_cut_in_its_last_record_keeps_what_came_before(file):
    data = p.pcap(p.spread(scan()))
    collector = look(file(data[:-3]))
    seen = collector.seen["pcap:x.pcap"]
    assert (seen.completeness, seen.reason) == (Completeness.PARTIAL, Reason.BAD_DATA)
    assert set(seen.looked.values()) == {Reason.BAD_DATA}
    assert [fact.values.get("packets") for fact in seen.facts] == [199, None]
    place = len(data) - 16 - 54
    expected = f"x.pcap: byte {place}: the file ends within a record: 67 bytes are left of it;"
    assert seen.detail == f"{expected} the 199 packets before it were looked at"
    assert collector.canaries == [(None, "")]


@pytest.mark.parametrize(
    ("data", "detail"),
    [
        (b"", "x.pcap: byte 0: the file is empty"),
        (b"\x89PNG\r\n\x1a\n", "x.pcap: byte 0: not a pcap or pcapng file: it begins with 89 50 4e 47"),
        (p.pcap([])[:20], "x.pcap: byte 0: the file ends within a record: 20 bytes are left of it"),
    ],
)
def test_a_file_that_is_no_capture_fails_with_its_name_and_place(file, data, detail):
    seen = look(file(data)).seen["pcap:x.pcap"]
    assert (seen.completeness, seen.reason, seen.detail, seen.facts) == (
        Completeness.FAILED,
        Reason.BAD_DATA,
        detail,
        [],
    )


def test_a_capture_without_packets_shows_nothing_of_attacks(file):
    seen = look(file(p.pcap([]))).seen["pcap:x.pcap"]
    assert (seen.completeness, seen.reason, seen.detail) == (
        Completeness.PARTIAL,
        Reason.NO_DATA,
        "x.pcap holds no packet",
    )
    assert seen.looked["interface"] is None


def test_losses_that_a_pcapng_states_are_facts(file):
    statistics = p.block(5, bytes(12) + p.option(5, (1000).to_bytes(8, "little")))
    packets = b"".join(p.enhanced(number, data) for number, data in enumerate(browsing()))
    seen = look(file(p.section() + p.interface() + packets + statistics)).seen["pcap:x.pcap"]
    assert seen.facts[0].values["dropped"] == 1000
    assert seen.reason is Reason.PACKET_LOSS


def test_files_that_cannot_be_opened_leave_the_others_alone(file, tmp_path):
    os.mkfifo(tmp_path / "fifo.pcap")
    good = file(p.pcap(p.spread(browsing())))
    collector = look(tmp_path / "absent.pcap", tmp_path / "fifo.pcap", good)
    told = {name: (seen.completeness, seen.reason) for name, seen in collector.seen.items()}
    assert told == {
        "pcap:absent.pcap": (Completeness.FAILED, Reason.NO_DATA),
        "pcap:fifo.pcap": (Completeness.FAILED, Reason.BAD_DATA),
        "pcap:x.pcap": (Completeness.OK, None),
    }
    assert "absent.pcap" in collector.seen["pcap:absent.pcap"].detail
    assert collector.canaries == [(None, "")]


def test_no_file_at_all_proves_nothing(tmp_path):
    assert look(tmp_path / "absent.pcap").canaries == []


def test_a_file_that_grows_while_it_is_read_is_not_accounted_for(file, monkeypatch):
    path = file(p.pcap(p.spread(browsing())))
    size = path.stat().st_size
    handles = capture_file.acquire(task(path))
    more = p.pcap(p.spread(browsing()))[24:]

    class Growing(Collector):
        def progress(self, done: int, total: int) -> None:
            if done == total == size and path.stat().st_size == size:
                path.write_bytes(path.read_bytes() + more)

    collector = Growing()
    capture_file.observe(handles, collector)
    assert collector.canaries[0][0] is Reason.BAD_DATA
    assert (
        f"x.pcap had {size} bytes when it was opened and {size + len(more)} were read"
        in collector.canaries[0][1]
    )
