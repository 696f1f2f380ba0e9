"""The ports of other hosts, looked at by nobody, who has no capability: names of all sorts, few descriptors, no route."""

from __future__ import annotations

import pytest

from secmon.checks.ports import portlist
from tests.lab.ports_lab import HOSTS, SYN_PROXY, lab, missing
from tests.lab.ports_probe import run_as_nobody

TOP = set(portlist.parse("top"))
FILES_ONLY = """
    echo 'hosts: files' > {folder}/nsswitch
    mount --bind {folder}/nsswitch /etc/nsswitch.conf
    mount --bind {folder}/hosts /etc/hosts
"""


@pytest.fixture(scope="module")
def made():
    if lacks := missing():
        pytest.skip(lacks)
    with lab((*HOSTS, SYN_PROXY)) as made:
        yield made


@pytest.fixture
def resolver(made, tmp_path, needs):
    """Shell commands after which names come from a file of this test's own alone."""
    needs("unshare", "mount")
    five, six, drop = made["five"], made["six"], made["drop"]
    many = [f"198.18.{made.number}.{last} many.example" for last in range(200, 220)]
    names = [
        "127.0.0.1 localhost",
        f"{five.address} both.example",
        f"{drop.address6} both.example",
        f"{six.address6} six.example",
        *many,
    ]
    (tmp_path / "hosts").write_text("\n".join(names) + "\n")
    return FILES_ONLY.format(folder=tmp_path)


def test_every_open_port_of_eight_hosts_is_found_and_none_is_invented(made):
    addresses = {one.name: made[one.name].address for one in (*HOSTS, SYN_PROXY)}
    seen = run_as_nobody(addresses.values(), networks=made.networks, rate=1000)
    told = {name: set(seen[address]["open"]) for name, address in addresses.items()}
    assert told == {one.name: TOP & set(one.tcp) for one in (*HOSTS, SYN_PROXY)}
    reasons = {name: seen[address]["reason"] for name, address in addresses.items()}
    assert reasons == {one.name: None for one in HOSTS} | {"proxy": "tarpit"}
    assert "CAP_NET_RAW" in seen[addresses["five"]]["detail"], "it says how it was looked at"


def test_few_descriptors_slow_the_look_but_lose_nothing(made):
    names = ("fifty", "drop")
    seen = run_as_nobody(
        [made[name].address for name in names],
        networks=made.networks,
        rate=2000,
        ports="1-150",
        descriptors=64,
    )
    for name in names:
        running = made[name]
        assert set(seen[running.address]["open"]) == {port for port in running.host.tcp if port <= 150}
        assert seen[running.address]["reason"] == "not_configured"


def test_names_of_all_sorts(made, resolver):
    names = ("both.example", "six.example", "many.example", "nowhere.example")
    seen = run_as_nobody(
        names, before=resolver, namespaces="--mount", networks=made.networks, rate=2000, ports="1-9100"
    )
    both = seen["both.example"]
    assert (both["reason"], both["open"]) == ("not_configured", [22, 80, 443, 3306, 5432, 8443, 9090])
    assert both["addresses"] == sorted([made["five"].address, made["drop"].address6])
    assert set(seen["six.example"]["open"]) == set(made["six"].host.tcp)
    assert (seen["many.example"]["reason"], seen["many.example"]["completeness"]) == (
        "resource_limit",
        "failed",
    )
    assert "20 addresses" in seen["many.example"]["detail"]
    assert (seen["nowhere.example"]["reason"], seen["nowhere.example"]["completeness"]) == (
        "dns_failure",
        "failed",
    )


def test_without_a_route_nothing_is_called_closed(needs):
    needs("unshare", "ip", root=True)
    targets = ("198.18.0.7", "fd5e:c307::7")
    seen = run_as_nobody(
        targets,
        before="ip link set lo up",
        namespaces="--net",
        networks=["198.18.0.0/16", "fd5e:c307::/32"],
        ports="1-100",
    )
    for target in targets:
        assert (seen[target]["reason"], seen[target]["completeness"]) == ("unreachable", "failed")
        assert "check the routes" in seen[target]["detail"]
        assert "100 not measured" in seen[target]["detail"]


def test_no_port_of_this_host_reaches_itself(needs):
    """A socket that is given its own destination as source port connects to itself: no listener."""
    needs("unshare", "ip", root=True)
    seen = run_as_nobody(
        ["127.0.0.1", "::1"],
        before="ip link set lo up; echo '40000 41999' > /proc/sys/net/ipv4/ip_local_port_range",
        namespaces="--net",
        ports="39000-43000",
        rate=100_000,
    )
    for one in seen.values():
        assert one["open"] == []
        assert "Of 4001 TCP ports: 4001 closed." in one["detail"]
