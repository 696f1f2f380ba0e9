"""Make up what the check traffic sees: how much was captured, and what looks like an attack."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, Final

from secmon.core.model import Fact, Reason
from tools.demo.chance import dice
from tools.demo.sight import View
from tools.demo.troubles import DAY

if TYPE_CHECKING:
    from collections.abc import Mapping

    from secmon.core.model import Target
    from tools.demo.sight import Sight

_BYTES_PER_PACKET: Final = 640
_ANOMALIES: Final[Mapping[str, tuple[str, str, int | None, int]]] = {
    "port-scan": ("port_scan", "198.51.100.23", None, 640),
    "inside-scan": ("port_scan", "10.20.0.77", None, 210),
    "syn-flood": ("syn_flood", "203.0.113.9", 443, 18_000),
    "arp-spoof": ("arp_spoof", "10.20.0.66", None, 12),
}
"""Trouble -> detector, source, port, count."""
_UNSEEN: Final = {"packet-loss": Reason.PACKET_LOSS, "one-sided": Reason.ONE_SIDED}


def view(_: Target, sight: Sight) -> View:
    """Return what a run sees of the agent's own traffic.

    Args:
        _: the agent's own host.
        sight: what there is to see.
    """
    if "no-rights" in sight.wrong:
        return View(blind=Reason.PERMISSION, detail="Capturing on eth0 needs CAP_NET_RAW.")
    facts = (_interface(sight), *_anomalies(sight))
    for name, why in _UNSEEN.items():
        if name in sight.wrong:
            return View(facts, {"anomaly": why}, detail="An attack may be among what was not seen.")
    return View(facts)


def _interface(sight: Sight) -> Fact:
    """Return the counts of the window: more by day than by night, and never the same twice."""
    usual = dice("packets", sight.machine.id).uniform(40, 900)
    swing = 1 + 0.7 * math.sin(2 * math.pi * (sight.span.ended % DAY) / DAY)
    noise = dice("packets", sight.machine.id, sight.span.ended).uniform(0.8, 1.2)
    seconds = sight.span.seconds
    packets = int(usual * swing * noise * seconds)
    dropped = packets // 20 if "packet-loss" in sight.wrong else 0
    values: dict[str, Any] = {
        "name": "eth0",
        "packets": packets,
        "bytes": packets * _BYTES_PER_PACKET,
        "dropped": dropped,
        "loss_ratio": dropped / (packets + dropped) if dropped else 0.0,
        "one_sided": "one-sided" in sight.wrong,
        "duration_seconds": seconds,
    }
    return Fact("interface", values)


def _anomalies(sight: Sight) -> list[Fact]:
    found = []
    for name in sorted(sight.wrong & _ANOMALIES.keys()):
        detector, source, port, count = _ANOMALIES[name]
        values: dict[str, Any] = {
            "detector": detector,
            "source": source,
            "destination": "10.20.0.5",
            "port": port,
            "score": 3.5,
            "first_seen": sight.span.began,
            "last_seen": sight.span.ended,
            "count": count,
            "evidence": f"{count} in {sight.span.seconds:.0f} s",
            "counter_evidence": None,
        }
        found.append(Fact("anomaly", values))
    return found
