"""Contention for an address is found; failovers, leases and replaced cards are not."""

from __future__ import annotations

import pytest

from secmon.checks.traffic.detectors import arp_spoof
from secmon.checks.traffic.detectors.arp_spoof import ArpSpoof
from secmon.checks.traffic.detectors.contract import Surroundings
from secmon.checks.traffic.events import Advertisement, Claim, Lease
from tests.checks.traffic.packets import MACS, ip

GATEWAY, VICTIM, ATTACKER = "10.0.0.1", "10.0.0.5", "10.0.0.66"
GATEWAY_MAC, VICTIM_MAC, ATTACKER_MAC, NOBODY = MACS[1], MACS[5], MACS[6], b"\0" * 6
VRRP_MAC = bytes.fromhex("00005e000133")


def question(stamp, mac, address, target) -> Claim:
    return Claim(stamp, 0, False, mac, ip(address), NOBODY, ip(target))


def answer(stamp, mac, address, target, target_mac=VICTIM_MAC, vlan=0) -> Claim:
    return Claim(stamp, vlan, True, mac, ip(address), target_mac, ip(target))


def announcement(stamp, mac, address, *, reply=False) -> Claim:
    return Claim(stamp, 0, reply, mac, ip(address), NOBODY, ip(address))


def probe(stamp, mac, address) -> Claim:
    return Claim(stamp, 0, False, mac, ip("0.0.0.0"), NOBODY, ip(address))


def told(*events, gateways=()) -> ArpSpoof:
    detector = ArpSpoof(Surroundings(frozenset(map(ip, gateways))))
    for event in events:
        detector.handlers()[type(event)](event)
    return detector


def found(*events, **options) -> list[tuple]:
    return [(one.source, one.destination, one.count) for one in told(*events, **options).incidents(0)]


def asked(stamp, mac=GATEWAY_MAC) -> list[Claim]:
    """The victim asks for the gateway, and somebody answers."""
    return [
        question(stamp, VICTIM_MAC, VICTIM, GATEWAY),
        answer(stamp + 0.001, mac, GATEWAY, VICTIM),
    ]


def unasked(stamp) -> Claim:
    return answer(stamp, ATTACKER_MAC, GATEWAY, VICTIM)


def test_an_ordinary_network_is_silent():
    events = [claim for stamp in range(0, 600, 30) for claim in asked(stamp)]
    assert found(*events, announcement(601, VICTIM_MAC, VICTIM)) == []


def test_answers_that_nobody_asked_for_against_a_known_gateway():
    spoof = [unasked(10 + 2 * number) for number in range(5)]
    assert found(*asked(0), *spoof[:2]) == []
    assert found(*asked(0), *spoof) == [(None, GATEWAY, 5)]


def test_they_count_however_long_the_gateway_has_been_quiet():
    assert found(*asked(0), *[unasked(5000 + number) for number in range(3)]) == [(None, GATEWAY, 3)]


def test_the_attacker_is_named_by_its_own_address():
    own = question(1, ATTACKER_MAC, ATTACKER, VICTIM)
    (incident,) = told(*asked(0), own, *[unasked(10 + number) for number in range(3)]).incidents(0)
    assert incident.source == ATTACKER
    assert "02:00:00:00:00:01 and 02:00:00:00:00:06 contend for 10.0.0.1: 3" in incident.evidence
    assert "3 of them answers from 02:00:00:00:00:06 that nobody asked for" in incident.evidence


def test_a_capture_that_begins_amid_the_attack():
    events = [
        unasked(0),
        unasked(2),
        question(3, GATEWAY_MAC, GATEWAY, VICTIM),
        unasked(4),
        unasked(6),
        unasked(8),
    ]
    assert found(*events) != []


def test_two_that_take_turns_to_answer():
    turns = [
        claim
        for number in range(3)
        for claim in (*asked(number), answer(number + 0.5, ATTACKER_MAC, GATEWAY, VICTIM))
    ]
    (incident,) = told(*turns).incidents(0)
    assert incident.source is None
    assert incident.counter_evidence.startswith("two hosts set up with one address")


def test_a_gateway_weighs_double():
    spoof = [*asked(0), *[unasked(10 + number) for number in range(3)]]
    plain, weighed = told(*spoof).incidents(0)[0], told(*spoof, gateways=[GATEWAY]).incidents(0)[0]
    assert weighed.score == 2 * plain.score
    assert "contend for 10.0.0.1, a gateway" in weighed.evidence


def test_a_router_that_dhcp_tells_of_is_a_gateway():
    lease = Lease(0, 0, VICTIM_MAC, ip(VICTIM), (ip(GATEWAY),))
    (incident,) = told(lease, *asked(1), *[unasked(10 + number) for number in range(3)]).incidents(0)
    assert "a gateway" in incident.evidence


@pytest.mark.parametrize("mac", ["00005e000133", "00000c07ac01", "00000c9ff001", "0007b4000101"])
def test_taking_over_with_a_virtual_hardware_address_is_silent(mac):
    virtual = bytes.fromhex(mac)
    events = [*asked(0), *[announcement(10 + number, virtual, GATEWAY) for number in range(5)]]
    assert found(*events, *asked(20, virtual)) == []


def test_glbp_answers_with_several_virtual_addresses_in_turn():
    forwarders = [bytes.fromhex("0007b4000101"), bytes.fromhex("0007b4000102")]
    assert found(*[claim for number in range(20) for claim in asked(number, forwarders[number % 2])]) == []


@pytest.mark.parametrize("first", ["advertisement", "announcement"])
def test_vrrp_with_real_hardware_addresses_may_fail_over_and_back(first):
    events = []
    for number in range(6):
        mac, stamp = MACS[10 + number % 2], 10.0 * number
        says = Advertisement(stamp, 0, mac, (ip(GATEWAY),))
        claims = [announcement(stamp + 0.01 * again, mac, GATEWAY, reply=True) for again in range(5)]
        events += [says, *claims] if first == "advertisement" else [*claims, says]
        events += asked(stamp + 1, mac)
    assert found(*events) == []


def test_a_spoofed_vrrp_router_is_found():
    advertisements = [Advertisement(float(stamp), 0, VRRP_MAC, (ip(GATEWAY),)) for stamp in range(20)]
    spoof = [unasked(stamp + 0.5) for stamp in range(10, 15)]
    events = sorted([*advertisements, *asked(0.1, VRRP_MAC), *spoof], key=lambda event: event.stamp)
    assert found(*events) != []


def test_a_failover_without_any_protocol_is_one_change():
    events = [*asked(0), *[announcement(10 + number, MACS[9], GATEWAY, reply=True) for number in range(10)]]
    assert found(*events, *asked(30, MACS[9])) == []


def test_an_address_leased_to_another_host():
    leases = [Lease(10.0 * number, 0, MACS[10 + number % 2], ip(VICTIM), ()) for number in range(8)]
    events = []
    for lease in leases:
        events += [
            lease,
            announcement(lease.stamp + 0.1, lease.mac, VICTIM),
            question(lease.stamp + 1, lease.mac, VICTIM, GATEWAY),
        ]
    assert found(*events) == []


def test_an_address_that_was_probed_for_and_not_defended():
    events = []
    for number in range(8):
        mac, stamp = MACS[10 + number % 2], 20.0 * number
        events += [probe(stamp + again, mac, VICTIM) for again in range(3)]
        events += [announcement(stamp + 5, mac, VICTIM), question(stamp + 6, mac, VICTIM, GATEWAY)]
    assert found(*events) == []


def test_a_probe_that_was_defended_explains_nothing():
    events = [question(0, VICTIM_MAC, VICTIM, GATEWAY)]
    for stamp in range(10, 14):
        events += [
            probe(stamp, ATTACKER_MAC, VICTIM),
            answer(stamp + 0.1, VICTIM_MAC, VICTIM, "0.0.0.0", ATTACKER_MAC),
            question(stamp + 0.2, ATTACKER_MAC, VICTIM, GATEWAY),
        ]
    assert [destination for _, destination, _ in found(*events)] == [VICTIM]


def test_one_address_in_two_vlans_is_two_addresses():
    events = [answer(number, MACS[number % 2], GATEWAY, VICTIM, vlan=10 + number % 2) for number in range(20)]
    assert found(*events) == []


def test_addresses_that_are_no_hosts_and_cards_that_are_no_cards_are_left_out():
    claims = [
        answer(number, MACS[number % 2], address, VICTIM)
        for number in range(20)
        for address in ("0.0.0.0", "255.255.255.255", "224.0.0.1")
    ]
    claims += [
        answer(number, [b"\xff" * 6, NOBODY, MACS[1]][number % 3], GATEWAY, VICTIM) for number in range(20)
    ]
    assert found(*claims) == []


def test_an_incident_ends_and_the_next_one_is_new():
    detector = told(*asked(0), *[unasked(10 + number) for number in range(5)])
    detector.begin_window(60)
    assert detector.incidents(60) == []
    detector.begin_window(1000)
    for event in (*asked(1000), *[unasked(1010 + number) for number in range(5)]):
        detector.handlers()[Claim](event)
    assert [one.first_seen for one in detector.incidents(1000)] == [pytest.approx(1000, abs=11)]


def test_tables_stay_within_their_limits_and_the_overflow_is_told(monkeypatch):
    for limit in ("MAX_BINDINGS", "MAX_QUESTIONS", "MAX_INCIDENTS"):
        monkeypatch.setattr(arp_spoof, limit, 20)
    detector = ArpSpoof(Surroundings())
    for number in range(2000):
        address = f"10.{1 + number % 200}.0.1"
        for event in (
            question(number / 100, MACS[number % 3], address, GATEWAY),
            probe(number / 100, MACS[1], address),
            answer(number / 100, MACS[number % 2], address, VICTIM),
            Lease(number / 100, 0, MACS[2], ip(address), (ip(address),)),
        ):
            detector.handlers()[type(event)](event)
    tables = (detector._bindings, detector._granted, detector._asked, detector._probed, detector._gateways)
    assert max(map(len, tables)) <= 20
    assert len(detector._contended) <= 20
    assert detector.overflowed
