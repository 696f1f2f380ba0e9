"""TCP ports of the hosts of ports_lab by either engine, against the truth and against `nmap`; and what is told
of hosts that hide, and of targets that cannot be looked at."""

from __future__ import annotations

import os
import re
import resource
import socket
import subprocess
import time

import pytest

from secmon.agent import confine
from secmon.checks.ports import portlist
from secmon.checks.ports.probe import remote
from secmon.core.contract import Task, Unavailable
from secmon.core.model import Completeness, Form, Reason, Target, Vantage
from tests.lab.ports_lab import HARD, HOSTS, Host, Lab, Running, lab, missing
from tests.support import Collector

LOST_ONCE = Host(
    "forgetful",
    (22, 80, 443),
    script="""
        table inet forgetful {
            set knocked { type inet_service; flags dynamic; timeout 60s; }
            chain host {
                type filter hook input priority 0;
                tcp flags & (syn|ack) == syn tcp dport != @knocked add @knocked { tcp dport } drop
            }
        }
    """,
)
"""The first SYN to each port is lost."""


def host(address: str, **options: object) -> Target:
    return Target("fw", "ports", Form.HOST, address, Vantage.OUTSIDE, {"host": address, **options})


def endpoint(address: str, port: int, **options: object) -> Target:
    options = {"host": address, "port": port, **options}
    return Target("fw", "ports", Form.ENDPOINT, f"{address}:{port}", Vantage.OUTSIDE, options)


def look(
    *targets: Target, ports="top", udp_ports="auto", rate=2000, deadline=60.0, networks=(), exclude=()
) -> Collector:
    collector = Collector()
    settings = {"ports": ports, "udp_ports": udp_ports, "rate": rate, "exclude": exclude}
    settings |= {"identify": False, "fingerprints": (), "recog": ()}
    task = Task("ports", "remote", targets, settings, networks, (), deadline, 0.0)
    remote.observe(remote.acquire(task), collector)
    return collector


def found(collector: Collector, text: str, state="open", proto="tcp") -> set[int]:
    met = [fact.values for fact in collector.seen[text].facts]
    return {fact["port"] for fact in met if (fact["proto"], fact["state"]) == (proto, state)}


def states(collector: Collector) -> dict[str, list[str]]:
    return {text: [fact.values["state"] for fact in seen.facts] for text, seen in collector.seen.items()}


@pytest.fixture(autouse=True, params=["syn", "connect"])
def engine(request):
    """Without CAP_NET_RAW, hosts are connected to."""
    before = confine.capabilities()
    if request.param == "connect":
        confine.set_capabilities(before.effective & ~confine.mask(["NET_RAW"]), before.permitted)
    yield request.param
    confine.set_capabilities(before.effective, before.permitted)


@pytest.fixture(scope="module")
def made():
    if lacks := missing():
        pytest.skip(lacks)
    with lab((*HOSTS, *HARD, LOST_ONCE)) as made:
        yield made


def see(made: Lab, *targets: Target, **options) -> Collector:
    return look(*targets, networks=made.networks, **options)


def nmap(running: Running, ports: str) -> set[int]:
    family = ["-6"] if ":" in running.address else []
    command = ["nmap", *family, "-sT", "-n", "-Pn", "-T4", "-p", ports, "-oG", "-", running.address]
    text = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    return {int(port) for port in re.findall(r"(\d+)/open/tcp", text)}


def test_every_open_port_of_eight_hosts_is_found_and_none_is_invented(made):
    seen = see(made, *(host(made[one.name].address) for one in HOSTS), rate=1000)
    top = set(portlist.parse("top"))
    told = {one.name: found(seen, made[one.name].address) for one in HOSTS}
    assert told == {one.name: top & set(one.tcp) for one in HOSTS}
    assert sum(len(ports) for name, ports in told.items() if name != "six") == 44
    assert {one.looked["port"] for one in seen.seen.values()} == {None}
    assert seen.canaries == [(None, "")]


@pytest.mark.parametrize("name", ["fifty", "six", "udp"])
def test_open_ports_equal_those_of_nmap(made, needs, name):
    needs("nmap")
    running = made[name]
    seen = see(made, host(running.address), ports="1-9000,20000-20200", rate=20_000)
    assert found(seen, running.address) == nmap(running, "1-9000,20000-20200") == set(running.host.tcp)
    opened, closed = len(running.host.tcp), 9201 - len(running.host.tcp)
    words = f"{opened} open, {closed} closed" if opened else f"{closed} closed"
    assert f"Of 9201 TCP ports: {words}." in seen.seen[running.address].detail


def test_without_the_capability_the_detail_says_how_it_was_looked_at(made, engine):
    address = made["five"].address
    detail = see(made, endpoint(address, 22)).seen[f"{address}:22"].detail
    assert ("TCP ports were connected to. Sending SYNs needs CAP_NET_RAW" in detail) is (engine == "connect")


def test_one_port_is_told_but_is_no_look_at_the_host(made):
    address = made["five"].address
    alone = see(made, endpoint(address, 24)).seen[f"{address}:24"]
    assert [fact.values["state"] for fact in alone.facts] == ["closed"]
    assert (alone.completeness, alone.looked) == (Completeness.PARTIAL, {"port": Reason.NOT_CONFIGURED})
    beside = see(made, host(address), endpoint(address, 24)).seen[f"{address}:24"]
    assert (beside.completeness, beside.looked) == (Completeness.OK, {"port": None})


def test_ipv6_is_looked_at_where_ipv4_is_too(made):
    address = made["drop"].address6
    assert found(see(made, host(address)), address) == set(made["drop"].host.tcp)


def test_a_dropping_firewall_leaves_ports_without_reply(made):
    address = made["drop"].address
    seen = see(made, host(address), ports="22,1000-1099").seen[address]
    assert "Of 101 TCP ports: 1 open, 100 without reply." in seen.detail


@pytest.mark.parametrize(
    ("name", "state"), [("reject", "filtered"), ("prohibited", "filtered"), ("reset", "closed")]
)
def test_a_refusal_by_icmp_is_filtered_and_one_by_reset_is_closed(made, name, state):
    """ICMP port unreachable gives `connect` the same error as a reset."""
    address = made[name].address
    seen = see(made, endpoint(address, 1000), endpoint(address, 22))
    assert states(seen) == {f"{address}:1000": [state], f"{address}:22": ["open"]}


def test_an_icmp_error_alone_is_no_sign_of_life(made):
    text = f"{made['prohibited'].address}:1000"
    alone = see(made, endpoint(made["prohibited"].address, 1000)).seen[text]
    assert alone.reason is Reason.UNREACHABLE, "the error may come from a router"


def test_a_host_that_limits_its_icmp_is_still_looked_at_whole(made):
    seen = see(made, host(made["reject"].address), rate=1000).seen[made["reject"].address]
    assert seen.reason is None
    assert [fact.values["port"] for fact in seen.facts] == [22, 53, 8000]
    assert "without reply" in seen.detail, "the kernel answers few SYNs a second by ICMP"


def test_a_silent_host_is_never_closed(made):
    address = made["silent"].address
    seen = see(made, host(address), endpoint(address, 23), ports="1-50").seen
    assert (seen[address].completeness, seen[address].looked) == (
        Completeness.FAILED,
        {"port": Reason.TIMEOUT},
    )
    assert [fact.values["state"] for fact in seen[f"{address}:23"].facts] == ["not_measured"]
    assert seen[f"{address}:23"].looked == {"port": Reason.TIMEOUT}


def test_an_address_that_nobody_has_is_down(made):
    seen = see(made, host(made.nobody), ports="1-50").seen[made.nobody]
    assert (seen.completeness, seen.facts) == (Completeness.FAILED, [])
    assert seen.reason in (Reason.TIMEOUT, Reason.UNREACHABLE)


def test_one_lost_packet_hides_no_port(made):
    address = made["forgetful"].address
    assert found(see(made, host(address), ports="1-500"), address) == {22, 80, 443}


def test_answers_that_are_more_than_a_second_late_count(made):
    address = made["late"].address
    seen = see(made, host(address), ports="1-500")
    assert found(seen, address) == {22, 80, 443}
    assert "Of 500 TCP ports: 3 open, 497 closed." in seen.seen[address].detail


def test_behind_a_syn_proxy_the_one_service_is_found_and_nothing_is_invented(made):
    address = made["proxy"].address
    seen = see(made, host(address), endpoint(address, 443), ports="1-1000")
    assert found(seen, address) == {80}
    assert seen.seen[address].reason is Reason.TARPIT
    assert seen.seen[address].completeness is Completeness.PARTIAL
    assert "Of 1000 TCP ports: 1 open, 999 unreliable." in seen.seen[address].detail
    assert found(seen, f"{address}:443", "unreliable") == {443}


@pytest.mark.parametrize("name", ["tarpit", "sticky", "mirror"])
def test_a_host_that_opens_everything_is_not_believed(made, name):
    address = made[name].address
    seen = see(made, host(address), ports="1-300").seen[address]
    assert (seen.facts, seen.reason, seen.completeness) == ([], Reason.TARPIT, Completeness.FAILED)
    assert "Of 300 TCP ports: 300 unreliable." in seen.detail


@pytest.mark.parametrize("name", ["tarpit", "sticky"])
def test_a_port_whose_window_stays_shut_is_unreliable_also_alone(made, name):
    address = made[name].address
    assert states(see(made, endpoint(address, 7)))[f"{address}:7"] == ["unreliable"]


def test_the_deadline_leaves_the_rest_not_measured(made):
    address = made["five"].address
    seen = see(made, host(address), endpoint(address, 22), ports="1-5000", rate=100, deadline=2.0).seen
    assert (seen[address].completeness, seen[address].reason) in (
        (Completeness.PARTIAL, Reason.TIMEOUT),  # by chance an open port was among the first
        (Completeness.FAILED, Reason.TIMEOUT),
    )
    assert "were not measured before the deadline" in seen[address].detail
    assert re.search(r"[0-9]{4} not measured\.", seen[address].detail)
    assert [fact.values["state"] for fact in seen[f"{address}:22"].facts] == ["open"], "narrow looks go first"


def test_a_doubtful_port_is_confirmed_though_the_deadline_cuts_off_the_rest(made):
    address = made["proxy"].address
    seen = see(made, host(address), endpoint(address, 80), ports="1-60000", rate=500, deadline=12.0)
    assert seen.seen[address].reason is Reason.TIMEOUT
    assert found(seen, f"{address}:80") == {80}


def test_what_is_excluded_is_never_touched():
    hosts = (Host("fragile", (22, 80, 443)), Host("printer", (80, 9100)))
    if lacks := missing():
        pytest.skip(lacks)
    with lab(hosts, counting=True) as made:
        fragile, printer = made["fragile"], made["printer"]
        exclude = (fragile.address, f"{made.networks[0]}:9100-9107", "443")
        seen = see(
            made,
            host(fragile.address, named=True),
            host(printer.address),
            ports="80,443,9100",
            exclude=exclude,
        )
        assert fragile.traffic()["packets"] == 0
        assert printer.traffic()["syn"] == 1
    assert (seen.seen[fragile.address].reason, seen.seen[fragile.address].completeness) == (
        Reason.NOT_ALLOWED,
        Completeness.FAILED,
    )
    assert seen.seen[fragile.address].detail.startswith(
        f"checks.ports.exclude forbids to touch {fragile.address}"
    )
    assert states(seen)[printer.address] == ["open", "not_measured", "not_measured"]
    assert seen.seen[printer.address].reason is Reason.NOT_ALLOWED
    assert "443, 9100" in seen.seen[printer.address].detail


def test_the_gate_stops_what_is_not_allowed():
    targets = (
        host("192.0.2.77"),
        host("192.0.2.78", named=False),
        endpoint("169.254.169.254", 80, named=True),
    )
    started = time.monotonic()
    seen = look(*targets, ports="22").seen
    assert time.monotonic() - started < 30, "there is nothing to wait for"
    assert {one.reason for one in seen.values()} == {Reason.NOT_ALLOWED}
    assert {one.completeness for one in seen.values()} == {Completeness.FAILED}
    assert {fact.values["state"] for one in seen.values() for fact in one.facts} == {"not_measured"}


def test_targets_that_cannot_be_looked_at_say_why():
    seen = look(host("no\x1bname"), host("127.0.0.1"), ports="1").seen
    assert seen["no\x1bname"].reason is Reason.DNS_FAILURE
    assert seen["127.0.0.1"].reason is Reason.NOT_CONFIGURED


@pytest.mark.parametrize(
    ("setting", "value", "named"),
    [("ports", "22,htp", "'htp'"), ("exclude", ("10.0.0.0/8", "printer"), "'printer'")],
)
def test_settings_that_cannot_be_read_are_named_and_nothing_is_looked_at(setting, value, named):
    with pytest.raises(Unavailable) as caught:
        look(host("127.0.0.1"), **{setting: value})
    assert caught.value.reason is Reason.NOT_CONFIGURED
    assert f"checks.ports.{setting}: {named}" in caught.value.detail


def test_few_descriptors_slow_the_look_but_lose_nothing():
    before = resource.getrlimit(resource.RLIMIT_NOFILE)
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        few = max(map(int, os.listdir("/proc/self/fd"))) + 40  # beyond what this process already holds
        resource.setrlimit(resource.RLIMIT_NOFILE, (few, before[1]))
        try:
            seen = look(host("127.0.0.1"), ports=f"1-2000,{port}", rate=100_000).seen["127.0.0.1"]
        finally:
            resource.setrlimit(resource.RLIMIT_NOFILE, before)
    assert seen.reason is Reason.NOT_CONFIGURED
    assert port in {fact.values["port"] for fact in seen.facts}
