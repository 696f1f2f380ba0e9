"""Which addresses of a network are asked, and what is told of them."""

from __future__ import annotations

import pytest

from secmon.checks.ports.devices import Answer, candidates, facts_of
from secmon.core.model import Reason


@pytest.mark.parametrize(
    ("network", "count"),
    [("192.0.2.0/24", 254), ("192.0.2.0/31", 2), ("192.0.2.9/32", 1), ("10.0.0.0/16", 65534)],
)
def test_every_address_of_an_ipv4_network_is_asked(network: str, count: int):
    assert len(candidates(network, ["2001:db8::1"])) == count


def test_a_network_that_is_too_large_is_refused():
    with pytest.raises(ValueError, match="65536"):
        candidates("10.0.0.0/15", [])


def test_of_an_ipv6_network_only_those_that_somebody_told_of():
    heard = ["2001:db8::7", "2001:db8:1::1", "192.0.2.1", "2001:db8::1", "2001:db8::7"]
    assert candidates("2001:db8::/112", heard) == ["2001:db8::1", "2001:db8::7"]


def test_what_is_told():
    found = {"192.0.2.10": Answer(("arp",), "02:00:00:00:00:0a"), "192.0.2.9": Answer(("icmp",))}
    known = {"192.0.2.9": "srv-01", "192.0.2.20": "sw-01", "198.51.100.1": "fw-01"}
    facts = facts_of("192.0.2.0/24", found, ["192.0.2.20", "192.0.2.30", "198.51.100.1"], known)
    told = {
        fact.values["address"]: (fact.values["present"], fact.values["known"], fact.values["asset"])
        for fact in facts
    }
    assert list(told.items()) == [
        ("192.0.2.9", (True, True, "srv-01")),
        ("192.0.2.10", (True, False, None)),
        ("192.0.2.20", (False, True, "sw-01")),
    ]
    assert [fact.values["hardware"] for fact in facts] == [None, "02:00:00:00:00:0a", None]


def test_an_address_that_was_not_asked_is_not_gone():
    assert facts_of("192.0.2.0/24", {}, [], {"192.0.2.20": "sw-01"}) == []


def test_without_an_inventory_nothing_is_known_or_unknown():
    (fact,) = facts_of("192.0.2.0/24", {"192.0.2.9": Answer(("tcp",))}, ["192.0.2.20"], None)
    assert fact.missing == {"known": Reason.NOT_CONFIGURED, "asset": Reason.NOT_CONFIGURED}
