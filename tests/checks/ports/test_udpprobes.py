"""Questions to UDP services: scapy, which knows the protocols, reads the questions and makes the answers."""

from __future__ import annotations

import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st
from scapy.asn1.asn1 import ASN1_STRING
from scapy.contrib.coap import CoAP
from scapy.contrib.ikev2 import IKEv2, IKEv2_KE, IKEv2_Nonce, IKEv2_Notify, IKEv2_SA
from scapy.contrib.stun import STUN
from scapy.layers.dns import DNS, DNSQR, DNSRR
from scapy.layers.isakmp import ISAKMP, ISAKMP_payload_SA
from scapy.layers.ldap import (
    CLDAP,
    LDAP_SearchRequest,
    LDAP_SearchResponseEntry,
    LDAP_SearchResponseResultDone,
)
from scapy.layers.netbios import NBNSHeader, NBNSNodeStatusRequest, NBNSNodeStatusResponse
from scapy.layers.ntp import NTPControl, NTPHeader
from scapy.layers.radius import Radius
from scapy.layers.snmp import SNMP, SNMPget, SNMPresponse, SNMPvarbind
from scapy.layers.tftp import TFTP, TFTP_ACK, TFTP_DATA, TFTP_ERROR, TFTP_RRQ

from secmon.checks.ports.udpprobes import PORTS, REPLY_LIMIT, probe, recognise, wanted

SYS_DESCR = "1.3.6.1.2.1.1.1.0"
COOKIE = b"secmon\x5e\xc0"
ID = 0x5EC0


def first(port: int, at: int = 0) -> bytes:
    return probe(port).tries[at]


@pytest.mark.parametrize(
    ("port", "at", "name", "kind", "group"),
    [
        (53, 0, b"version.bind.", 16, 3),
        (53, 1, b".", 2, 1),
        (5353, 0, b"_services._dns-sd._udp.local.", 12, 1),
    ],
)
def test_names_are_asked_for(port, at, name, kind, group):
    asked = DNS(first(port, at))
    assert (asked.qr, asked.opcode, asked.rd, asked.qdcount, asked.ancount) == (0, 0, 0, 1, 0)
    assert (asked.qd[0].qname, asked.qd[0].qtype, asked.qd[0].qclass) == (name, kind, group)
    alone = port == 5353  # RFC 6762 5.4: the answer shall come to us alone
    question = DNSQR(qname=name, qtype=kind, qclass=group, unicastresponse=alone)
    assert bytes(DNS(id=ID, rd=0, qd=question)) == first(port, at)


def test_netbios_is_asked_for_the_names_of_a_node():
    asked = NBNSHeader(first(137))
    assert (asked.NAME_TRN_ID, asked.RESPONSE, asked.OPCODE, asked.QDCOUNT) == (ID, 0, 0, 1)
    request = asked[NBNSNodeStatusRequest]
    assert (request.QUESTION_NAME.rstrip(b"\0"), request.QUESTION_TYPE, request.QUESTION_CLASS) == (
        b"*",
        0x21,
        1,
    )


def test_the_time_and_the_variables_of_a_server_are_asked_for():
    control, client = NTPControl(first(123)), NTPHeader(first(123, 1))
    assert (control.version, control.mode, control.response, control.op_code) == (2, 6, 0, 2)
    assert (client.version, client.mode, client.leap) == (4, 3, 0)
    assert bytes(client)[40:48] == COOKIE


@pytest.mark.parametrize(("at", "version"), [(0, 1), (1, 0)])
def test_snmp_is_asked_what_it_is_with_the_community_public(at, version):
    asked = SNMP(first(161, at))
    assert (asked.version.val, asked.community.val) == (version, b"public")
    assert isinstance(asked.PDU, SNMPget)
    assert [bind.oid.val for bind in asked.PDU.varbindlist] == [SYS_DESCR]
    assert bytes(asked) == first(161, at)


def test_the_directory_is_asked_for_its_root():
    asked = CLDAP(first(389))
    assert asked.messageID.val == ID
    search = asked.protocolOp
    assert isinstance(search, LDAP_SearchRequest)
    assert (search.baseObject.val, search.scope.val) == (b"", 0)
    assert [attribute.type.val for attribute in search.attributes] == [b"supportedLDAPVersion"]
    assert bytes(asked) == first(389)


def test_tftp_is_asked_for_what_is_not_there():
    asked = TFTP(first(69))
    assert asked.op == 1
    assert asked[TFTP_RRQ].mode == b"octet"


def test_keys_are_asked_for_in_both_versions():
    asked, old = IKEv2(first(500)), ISAKMP(first(500, 1))
    assert (asked.init_SPI, asked.version, asked.exch_type, asked.length) == (COOKIE, 0x20, 34, 192)
    assert [len(asked[IKEv2_SA].prop.trans.layers()), asked[IKEv2_KE].group] == [9, 31]
    assert len(asked[IKEv2_Nonce].nonce) == 32
    assert (old.init_cookie, old.version, old.exch_type, old.length) == (COOKIE, 0x10, 2, 320)
    assert [len(old[ISAKMP_payload_SA].prop.trans.layers()), old[ISAKMP_payload_SA].doi] == [8, 1]
    assert probe(4500).tries == tuple(bytes(4) + message for message in probe(500).tries)


def test_addresses_and_states_are_asked_for():
    stun, radius = STUN(first(3478)), Radius(first(1812))
    assert (stun.stun_message_type, stun.length, stun.magic_cookie) == (1, 0, 0x2112A442)
    assert (radius.code, radius.len, len(radius), len(radius.attributes)) == (12, 38, 38, 1)
    assert bytes(CoAP(type=0, code=0, msg_id=ID)) == first(5683)


def test_sip_is_asked_for_options_and_hands_nothing_on():
    lines = first(5060).decode().split("\r\n")
    headers = dict(line.split(": ", 1) for line in lines[1:-2])
    assert lines[0] == "OPTIONS sip:secmon.invalid SIP/2.0"
    assert lines[-2:] == ["", ""]
    assert headers.keys() >= {"Via", "From", "To", "Call-ID", "CSeq", "Max-Forwards"}  # RFC 3261 8.1.1
    assert headers["Max-Forwards"] == "0"


def snmp(version: int, request: int = ID) -> bytes:
    bind = SNMPvarbind(oid=SYS_DESCR, value=ASN1_STRING(b"Linux " + b"x" * 300))
    return bytes(SNMP(version=version, community="public", PDU=SNMPresponse(id=request, varbindlist=[bind])))


def ntp(mode: int) -> bytes:
    whole = bytes(NTPHeader(version=4, mode=mode, stratum=2))
    return whole[:24] + COOKIE + whole[32:]


def radius(code: int, size: int = 38, number: int = 0x5E) -> bytes:
    return bytes(Radius(code=code, id=number, len=size, authenticator=bytes(16))) + bytes(18)


def rpc(number: bytes, kind: int) -> bytes:
    return number + struct.pack(">IIIII", kind, 0, 0, 0, 0)


def ike(message: type, version: int, cookie: bytes = COOKIE) -> bytes:
    return bytes(message(**{INITIATOR[message]: cookie}, version=version, exch_type=34))


INITIATOR = {IKEv2: "init_SPI", ISAKMP: "init_cookie"}
FOUND = DNSRR(rrname="version.bind", type="TXT", rclass=3, rdata="9.18")
MATCH = b"<a:RelatesTo>urn:uuid:5ec05ec0-5ec0-4ec0-8ec0-5ec05ec05ec0</a:RelatesTo><d:ProbeMatches>"
CAPABILITIES = bytes.fromhex("0600ff07 00 00000000 00000000 10 811c63 200038 00 01 97 00 03 00000000 9d")
ANSWERS = [
    (53, "dns", bytes(DNS(id=ID, qr=1, qd=DNSQR(qname="version.bind"), an=FOUND))),
    (53, "dns", bytes(DNS(id=ID, qr=1, rcode=5, qd=[]))),
    (53, "", bytes(DNS(id=7, qr=1, qd=[]))),
    (53, "", bytes(DNS(id=ID, qr=0, qd=DNSQR(qname="other")))),
    (69, "tftp", bytes(TFTP() / TFTP_ERROR(errorcode=1, errormsg=b"File not found"))),
    (69, "tftp", bytes(TFTP() / TFTP_DATA(block=1) / b"x")),
    (69, "", bytes(TFTP() / TFTP_ACK(block=1))),
    (69, "", bytes(TFTP() / TFTP_DATA(block=2) / b"x")),
    (111, "rpcbind", rpc(b"secm", 1)),
    (111, "", rpc(b"secn", 1)),
    (111, "", rpc(b"secm", 0)),
    (123, "ntp", ntp(4)),
    (123, "ntp", bytes(NTPControl(version=2, response=1, op_code=2, sequence=ID))),
    (123, "", bytes(NTPControl(version=2, response=0, op_code=2, sequence=ID, status=1))),
    (123, "", bytes(NTPControl(version=2, response=1, op_code=2, sequence=7))),
    (123, "", bytes(NTPHeader(version=4, mode=4, orig=1))),
    (123, "", ntp(3)),
    (
        137,
        "netbios-ns",
        bytes(NBNSHeader(NAME_TRN_ID=ID, RESPONSE=1, QDCOUNT=0, ANCOUNT=1) / NBNSNodeStatusResponse()),
    ),
    (161, "snmp", snmp(1)),
    (161, "snmp", snmp(0)),
    (161, "", snmp(3)),
    (161, "", snmp(1, request=7)),
    (161, "", bytes(SNMP(version=1, community="public", PDU=SNMPget(id=ID)))),
    (389, "cldap", bytes(CLDAP(messageID=ID, protocolOp=LDAP_SearchResponseEntry()))),
    (389, "cldap", bytes(CLDAP(messageID=ID, protocolOp=LDAP_SearchResponseResultDone()))),
    (389, "", bytes(CLDAP(messageID=7, protocolOp=LDAP_SearchResponseResultDone()))),
    (389, "", bytes(CLDAP(messageID=ID, protocolOp=LDAP_SearchRequest()))),
    (
        500,
        "isakmp",
        bytes(IKEv2(init_SPI=COOKIE, version=0x20, exch_type=34, flags=0x20) / IKEv2_Notify(type=14)),
    ),
    (500, "isakmp", ike(ISAKMP, 0x10)),
    (500, "", ike(IKEv2, 0x20, b"anothers")),
    (500, "", ike(IKEv2, 0x40)),
    (4500, "isakmp", bytes(4) + ike(IKEv2, 0x20)),
    (4500, "", ike(IKEv2, 0x20)),
    (623, "ipmi", bytes.fromhex("0600ff06 000011be 40 5e 0010 000011be 00000000 81 00 000000000000")),
    (623, "ipmi", CAPABILITIES),
    (623, "", bytes.fromhex("0600ff06 000011be 41 5e 0010")),
    (623, "", CAPABILITIES[:19] + b"\x39" + CAPABILITIES[20:]),
    (1434, "ms-sql-m", b"\x05\x1c\0ServerName;SRV;InstanceName;"),
    (1434, "", b"\x05\x02\0ServerName"),
    (1434, "", b"\x05\0\0"),
    (1812, "radius", radius(2)),
    (1812, "", radius(12)),
    (1812, "", radius(2, number=7)),
    (1812, "", radius(2, size=39)),
    (1900, "upnp", b"HTTP/1.1 200 OK\r\nST: upnp:rootdevice\r\n\r\n"),
    (1900, "", b"NOTIFY * HTTP/1.1\r\n\r\n"),
    (
        3478,
        "stun",
        bytes(STUN(stun_message_type=0x0101, length=0, transaction_id=int.from_bytes(first(3478)[8:]))),
    ),
    (
        3478,
        "stun",
        bytes(STUN(stun_message_type=0x0111, length=0, transaction_id=int.from_bytes(first(3478)[8:]))),
    ),
    (3478, "", bytes(STUN(stun_message_type=0x0101, length=0, transaction_id=7))),
    (3702, "ws-discovery", MATCH),
    (3702, "", MATCH.replace(b"5ec0", b"0000")),
    (5060, "sip", b"SIP/2.0 483 Too Many Hops\r\n\r\n"),
    (5060, "", b"OPTIONS sip:you SIP/2.0\r\n\r\n"),
    (5353, "mdns", bytes(DNS(id=ID, qr=1, qd=[]))),
    (5683, "coap", bytes(CoAP(type=3, code=0, msg_id=ID))),
    (5683, "", bytes(CoAP(type=3, code=0, msg_id=7))),
    (11211, "memcached", bytes.fromhex("5ec0000000010000") + b"VERSION 1.6.18\r\n"),
    (11211, "memcached", bytes.fromhex("5ec0000000010000") + b"ERROR\r\n"),
    (11211, "", bytes.fromhex("0007000000010000") + b"VERSION 1.6.18\r\n"),
    (7777, "", b"hello"),
]


@pytest.mark.parametrize(("port", "service", "data"), ANSWERS)
def test_what_answers_the_question_is_known_and_nothing_else(port, service, data):
    assert recognise(port, data) == service


def test_each_port_has_an_answer_that_is_known():
    assert {port for port, service, _ in ANSWERS if service} == set(PORTS)


@pytest.mark.parametrize("port", PORTS)
def test_an_echo_is_no_answer(port):
    assert [recognise(port, question) for question in probe(port).tries] == [""] * len(probe(port).tries)


@given(st.sampled_from(ANSWERS), st.integers(0, 400), st.binary(max_size=8))
def test_garbled_answers_break_nothing(answer, at, junk):
    port, _, data = answer
    known = {service for asked, service, _ in ANSWERS if asked == port} | {""}
    assert recognise(port, data[:at] + junk + data[at + len(junk) :]) in known | (
        {"snmpv3"} if port == 161 else set()
    )
    assert recognise(port, data[:at]) in known


@given(st.sampled_from(PORTS), st.binary(max_size=2 * REPLY_LIMIT))
def test_random_bytes_are_no_answer(port, data):
    assert recognise(port, data) in {"", "ms-sql-m", "upnp"}  # whose questions carry no number


def test_no_more_than_the_limit_is_read():
    padding = b"x" * REPLY_LIMIT
    assert recognise(3702, MATCH + padding) == "ws-discovery"
    assert recognise(3702, padding + MATCH) == ""


@pytest.mark.parametrize("port", PORTS)
def test_a_port_is_asked_again_and_for_little(port):
    tries = probe(port).tries
    assert 2 <= len(tries) <= 4
    assert max(map(len, tries)) <= 512


def test_a_port_without_a_question_gets_an_empty_datagram():
    assert probe(514).tries == (b"", b"")


@pytest.mark.parametrize(
    ("text", "wide", "ports"),
    [
        ("auto", True, PORTS),
        ("auto", False, ()),
        ("top", False, PORTS),
        (" none ", True, ()),
        ("161,514-515", True, (161, 514, 515)),
    ],
)
def test_the_setting_names_ports(text, wide, ports):
    assert wanted(text, wide=wide) == ports


@pytest.mark.parametrize("text", ["all", "", "snmp", "0", "161,70000"])
def test_what_names_no_ports_is_refused(text):
    with pytest.raises(ValueError, match=r"top, none|top, all"):
        wanted(text, wide=True)
