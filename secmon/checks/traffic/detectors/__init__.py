"""Name the detectors that exist, one line each; a detector is the module of that name."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from secmon.checks.traffic.detectors.arp_spoof import ArpSpoof
from secmon.checks.traffic.detectors.port_scan import PortScan
from secmon.checks.traffic.detectors.syn_flood import SynFlood

if TYPE_CHECKING:
    from collections.abc import Callable

    from secmon.checks.traffic.detectors.contract import Detector, Surroundings

DETECTORS: Final[dict[str, Callable[[Surroundings], Detector]]] = {
    "port_scan": PortScan,
    "syn_flood": SynFlood,
    "arp_spoof": ArpSpoof,
}
"""Name, as rules spell it -> what makes one."""
