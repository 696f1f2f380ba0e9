"""One exposure is one fact, however it is spelt, and its identity survives what does not matter."""

from __future__ import annotations

import pytest

from secmon.checks.ports import CHECK
from secmon.checks.ports.listeners import Host, Listener, Owner, build
from secmon.core.model import Reason

HOST = Host({"127.0.0.1": "lo", "10.0.0.5": "eth0", "172.17.0.1": "docker0"}, (32768, 60999))
SSH = Owner({"uid": 0, "user": "root", "pid": 700, "process": "sshd", "executable": "/usr/sbin/sshd", "package": "openssh-server", "systemd_unit": "ssh.service"})  # fmt: skip
KIND = CHECK.kind("listener")


def listener(address: str, port: int = 22, *, proto="tcp", v6only=None, interface="", owner=SSH) -> Listener:
    return Listener(proto, address, port, interface, v6only, owner)


def key(fact) -> tuple[object, ...]:
    return tuple(fact.values[name] for name in KIND.key)


SPELLINGS = {
    "IPv4 alone": [listener("0.0.0.0")],
    "both by one socket": [listener("::", v6only=False)],
    "both by two sockets": [listener("0.0.0.0"), listener("::", v6only=True)],
    "two sockets, the other order": [listener("::", v6only=True), listener("0.0.0.0")],
    "mapped wildcard": [listener("::ffff:0.0.0.0", v6only=False)],
    "the fallback cannot tell": [listener("::")],
    "the fallback beside IPv4": [listener("0.0.0.0"), listener("::")],
}


@pytest.mark.parametrize("sockets", SPELLINGS.values(), ids=SPELLINGS.keys())
def test_a_wildcard_that_takes_ipv4_is_one_exposure_however_it_is_spelt(sockets):
    facts = build(sockets, HOST)
    assert [key(fact) for fact in facts] == [("host", "tcp", "0.0.0.0", "22")]
    assert facts[0].values["scope"] == "exposed"


@pytest.mark.parametrize(
    ("spelling", "family"),
    [("IPv4 alone", "ipv4"), ("both by one socket", "dual"), ("both by two sockets", "dual"), ("mapped wildcard", "ipv4"),
     ("the fallback beside IPv4", "dual")],
)  # fmt: skip
def test_the_family_says_what_gets_in(spelling, family):
    (fact,) = build(SPELLINGS[spelling], HOST)
    assert fact.values["family"] == family
    assert fact.missing == {}


def test_a_family_that_was_not_told_is_missing():
    (fact,) = build(SPELLINGS["the fallback cannot tell"], HOST)
    assert "family" not in fact.values
    assert fact.missing == {"family": Reason.UNSUPPORTED}


def test_ipv6_alone_is_another_exposure():
    (fact,) = build([listener("::", v6only=True)], HOST)
    assert key(fact) == ("host", "tcp", "::", "22")
    assert fact.values["family"] == "ipv6"


def test_sockets_of_different_owners_keep_their_facts_under_one_key():
    other = Owner({"uid": 33, "user": "www-data", "pid": 900, "process": "nginx", "executable": "/usr/sbin/nginx", "systemd_unit": "nginx.service"})  # fmt: skip
    facts = build([listener("0.0.0.0"), listener("::", v6only=True, owner=other)], HOST)
    assert [(fact.values["family"], fact.values["uid"]) for fact in facts] == [("ipv4", 0), ("ipv6", 33)]
    assert len({key(fact) for fact in facts}) == 1


def test_workers_of_one_service_are_one_fact_with_the_lowest_pid():
    workers = [listener("0.0.0.0", owner=Owner({**SSH.values, "pid": pid})) for pid in (812, 811, 813)]
    (fact,) = build(workers, HOST)
    assert fact.values["pid"] == 811


def test_the_identity_survives_a_restart():
    before = build([listener("10.0.0.5")], HOST)
    after = build([listener("10.0.0.5", owner=Owner({**SSH.values, "pid": 9000}))], HOST)
    assert [key(fact) for fact in before] == [key(fact) for fact in after]


@pytest.mark.parametrize(
    ("owner", "port_key"),
    [(SSH, "ephemeral ssh.service"), (Owner({"uid": 104, "systemd_unit": None}), "ephemeral uid 104")],
)
def test_a_udp_port_that_the_kernel_picked_stays_out_of_the_identity(owner, port_key):
    facts = build([listener("0.0.0.0", port, proto="udp", owner=owner) for port in (40001, 50002)], HOST)
    assert {key(fact) for fact in facts} == {("host", "udp", "0.0.0.0", port_key)}
    assert [fact.values["port"] for fact in facts] == [40001, 50002], "rules must see the true number"


def test_a_mapped_address_is_the_ipv4_address_inside():
    (fact,) = build([listener("::ffff:10.0.0.5", v6only=False)], HOST)
    assert (fact.values["address"], fact.values["family"], fact.values["address_class"]) == (
        "10.0.0.5",
        "ipv4",
        "private",
    )


def test_a_socket_bound_to_an_interface_is_no_other_exposure_of_the_wildcard():
    facts = build([listener("0.0.0.0", 53, interface="docker0"), listener("0.0.0.0", 53)], HOST)
    assert [(fact.values["interface"], fact.values["scope"]) for fact in facts] == [
        ("docker0", "container"),
        (None, "exposed"),
    ]


@pytest.mark.parametrize(
    ("values", "word"),
    [
        ({"uid": 0, "systemd_unit": "a.service", "pid": 5}, "pid"),
        ({"uid": 0, "systemd_unit": "a.service", "pid": None}, "unit"),
        ({"uid": 0, "systemd_unit": None}, "uid"),
        ({}, "none"),
    ],
)
def test_attribution_names_the_best_that_is_known(values, word):
    assert Owner(values).attribution == word


def test_every_field_that_is_declared_is_seen_or_missing_and_no_other():
    owner = Owner(
        {"uid": 0, "user": "root"},
        dict.fromkeys(("pid", "process", "executable", "package", "systemd_unit"), Reason.PERMISSION),
    )
    for fact in build([listener("0.0.0.0", owner=owner), listener("::1", 53, proto="udp")], HOST):
        assert fact.values.keys() | fact.missing.keys() == {spec.name for spec in KIND.fields}
        assert not fact.values.keys() & fact.missing.keys()
        for spec in KIND.fields:
            if spec.values and fact.values.get(spec.name) is not None:
                assert fact.values[spec.name] in spec.values


def test_a_container_is_reached_through_this_host_only():
    row = Listener("tcp", "0.0.0.0", 80, "", None, SSH, "docker-0123456789ab")
    (fact,) = build([row], HOST)
    assert (fact.values["netns"], fact.values["scope"]) == ("docker-0123456789ab", "container")


def test_loopback_of_a_container_is_its_own():
    (fact,) = build([Listener("tcp", "127.0.0.1", 80, "", None, SSH, "web")], HOST)
    assert fact.values["scope"] == "loopback"


def test_the_same_port_in_two_namespaces_is_two_exposures():
    rows = [Listener("tcp", "0.0.0.0", 80, "", None, SSH, netns) for netns in ("host", "web")]
    assert [fact.values["netns"] for fact in build(rows, HOST)] == ["host", "web"]


def test_families_are_joined_within_a_namespace_only():
    rows = [
        Listener("tcp", "0.0.0.0", 80, "", None, SSH, "host"),
        Listener("tcp", "::", 80, "", True, SSH, "web"),
    ]
    told = {
        fact.values["netns"]: (fact.values["address"], fact.values["family"]) for fact in build(rows, HOST)
    }
    assert told == {"host": ("0.0.0.0", "ipv4"), "web": ("::", "ipv6")}
