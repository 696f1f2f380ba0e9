from __future__ import annotations

import pytest

from secmon.app import _settled
from secmon.checks import load
from secmon.core.model import Severity
from secmon.core.plan import Invocation
from secmon.core.rule import Place, Rule

PLACE = Place("r.yml", 1, 1)
RULES = [
    Rule(f"{check}.{kind}", check, kind, Severity.LOW, {}, {}, PLACE)
    for check, kind in (
        ("ports", "listener"),
        ("patches", "host"),
        ("traffic", "anomaly"),
        ("traffic", "interface"),
    )
]


def test_what_passes_by_settles_nothing():
    """Ten seconds without a port scan do not make the waiver for one useless."""
    assert _settled(load(), Invocation("scan"), RULES) == {"ports.listener", "patches.host"}


@pytest.mark.parametrize(
    "narrower", [{"targets": ("192.0.2.1",)}, {"root": "/mnt"}, {"pcap": "a.pcap"}, {"interface": "eth0"}]
)
def test_a_look_at_something_else_settles_nothing(narrower):
    assert _settled(load(), Invocation("scan", **narrower), RULES) == frozenset()
