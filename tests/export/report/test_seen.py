"""What was found from outside, line by line."""

from __future__ import annotations

from secmon.export.report.seen import devices, open_ports

PORT = {"kind": "port", "host": "192.0.2.7", "proto": "tcp", "port": 443, "state": "open", "product": "nginx", "version": "1.22.1", "service": "https"}  # fmt: skip


def report(*facts: dict, asset: str = "web") -> dict:
    return {"observations": [{"asset": asset, "facts": list(facts)}]}


def test_open_ports_stand_in_order_with_what_they_serve():
    facts = [
        PORT,
        {**PORT, "port": 22, "product": None, "version": None, "service": "ssh"},
        {**PORT, "port": 80, "state": "closed"},
        {**PORT, "port": 53, "proto": "udp", "product": "", "version": None, "service": None},
    ]
    assert open_ports(report(*facts), "web") == ["22/tcp     ssh", "443/tcp    nginx 1.22.1", "53/udp"]


def test_of_several_hosts_each_is_named():
    other = {**PORT, "host": "192.0.2.8"}
    assert open_ports(report(PORT, other), "web") == [
        "192.0.2.7  443/tcp    nginx 1.22.1",
        "192.0.2.8  443/tcp    nginx 1.22.1",
    ]


def test_hostile_text_is_made_safe():
    (line,) = open_ports(report({**PORT, "product": "a\x1b[2J\u202eb" + "x" * 500}), "web")
    assert line.isprintable()
    assert len(line) < 120


def test_devices_that_answer():
    gone = {"kind": "device", "address": "192.0.2.9", "present": False, "asset": "sw-02"}
    here = {
        "kind": "device",
        "address": "192.0.2.10",
        "present": True,
        "hardware": "02:00:00:00:00:0a",
        "asset": None,
    }
    known = {"kind": "device", "address": "192.0.2.2", "present": True, "hardware": None, "asset": "sw-01"}
    assert devices(report(here, gone, known), "web") == [
        "192.0.2.2        sw-01",
        "192.0.2.10       02:00:00:00:00:0a",
    ]


def test_what_belongs_to_another_asset_is_not_told():
    assert open_ports(report(PORT, asset="mail"), "web") == []
