"""UDP ports of the hosts of ports_lab, of servers that run here, and of sockets that answer as they like."""

from __future__ import annotations

import contextlib
import re
import socket
import subprocess
import threading
import time

import pytest
from scapy.layers.inet import ICMP, IP, UDP

from secmon.checks.ports import udpprobes
from secmon.checks.ports.pace import Pace
from secmon.checks.ports.probe import remote
from secmon.checks.ports.probe.datagrams import Datagrams
from secmon.checks.ports.probe.udp import UdpEngine, UdpLane
from secmon.checks.ports.sweep import State
from secmon.core.contract import Unavailable
from secmon.core.model import Completeness, Reason
from tests.lab.ports_lab import HOSTS, Host, lab, missing
from tests.lab.ports_probe import host, make_task
from tests.lab.services_lab import answers
from tests.support import Collector
from tests.support.processes import wait_for

ANSWERING = next(one for one in HOSTS if one.udp)
TRIES = max(len(udpprobes.probe(port).tries) for port in udpprobes.PORTS)
HERE = "127.88.161.1"  # of loopback, where nothing else listens
SOURCE, OPEN = "127.88.161.2", "127.88.161.3"


@pytest.fixture(scope="module")
def made():
    if lacks := missing():
        pytest.skip(lacks)
    hosts = (
        ANSWERING,
        Host("none"),
        Host("rested"),
        Host("drop", rules=("meta l4proto udp drop",)),
        Host("silent", rules=("drop",)),
        Host("prohibited", rules=("meta l4proto udp reject with icmpx type admin-prohibited",)),
        Host("udponly", udp={161: "snmp"}, rules=("meta l4proto tcp drop",)),
    )
    with lab(hosts, counting=True) as made:
        yield made


def look(made, *names, six=False, **settings):
    """Return what the probe told of hosts, in their order."""
    addresses = [made[name].address6 if six else made[name].address for name in names]
    collector = Collector()
    task = make_task([host(address) for address in addresses], made.networks, **settings)
    remote.observe(remote.acquire(task), collector)
    return [collector.seen[address] for address in addresses]


def met(seen, proto="udp"):
    return {fact.values["port"]: fact.values["state"] for fact in seen.facts if fact.values["proto"] == proto}


def ask(address, ports, limit=64, seconds=10.0, permit=lambda: None) -> UdpLane:
    """Ask ports of one address; return its lane, which must have been finished once."""
    lane, done = UdpLane(address, Pace(1000), permit, tuple(ports)), []
    UdpEngine(Pace(1000), limit).run([lane], time.monotonic() + seconds, done.append, lambda: None)
    assert [id(one) for one in done] == [id(lane)]
    return lane


@contextlib.contextmanager
def answering(port, answer, *, sender=None):
    """Answer what comes to a port of HERE, from there or from another place, until the context ends."""
    with (
        socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as asked,
        socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as other,
    ):
        asked.bind((HERE, port))
        asked.settimeout(0.05)
        other.bind((sender or HERE, 0))
        over = threading.Event()

        def serve():
            while not over.is_set():
                with contextlib.suppress(TimeoutError):
                    _, place = asked.recvfrom(2048)
                    (other if sender else asked).sendto(answer, place)

        server = threading.Thread(target=serve)
        server.start()
        try:
            yield
        finally:
            over.set()
            server.join()


@pytest.mark.parametrize("six", [False, True])
def test_what_answers_is_open_and_what_is_silent_is_never(made, six):
    (seen,) = look(made, "udp", six=six, ports="22", udp_ports="53,69,123,161,514,999", rate=1000)
    told = met(seen)
    assert {port for port, state in told.items() if state == "open"} == {53, 123, 161}
    assert (told[69], told[514], told[999]) == ("no_reply", "no_reply", "closed")


@pytest.mark.parametrize("name", ["udp", "none", "drop"])
def test_open_ports_equal_those_of_nmap(made, needs, name):
    needs("nmap")
    ports, address = "53,69,123,161,514", made[name].address
    command = ["nmap", "-sU", "-n", "-Pn", "-p", ports, "-oG", "-", address]
    told = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    (seen,) = look(made, name, ports="22", udp_ports=ports, rate=1000)
    opened = {port for port, state in met(seen).items() if state == "open"}
    assert (
        opened
        == {int(port) for port in re.findall(r"(\d+)/open/udp", told)}
        == {port for port, answer in made[name].host.udp.items() if answer != "silent"}
    )


def test_closed_ports_of_many_are_counted_and_silence_is_not_closed(made):
    """A kernel answers some six at once, then one a second (net.ipv4.icmp_ratelimit)."""
    (seen,) = look(made, "rested", ports="top", rate=2000)  # which nobody else makes answer by ICMP
    assert met(seen) == {}
    assert seen.completeness is Completeness.OK
    assert f"Of {len(udpprobes.PORTS)} UDP ports: " in seen.detail
    closed, silent = (int(text.split()[0]) for text in seen.detail.split("UDP ports: ")[1].split(", "))
    assert closed >= 6
    assert closed + silent == len(udpprobes.PORTS)


def test_a_firewall_that_drops_is_no_reply_and_one_that_prohibits_is_filtered(made):
    dropped, prohibited = look(made, "drop", "prohibited", ports="22", udp_ports="53,161", rate=1000)
    assert met(dropped) == {53: "no_reply", 161: "no_reply"}
    assert met(prohibited) == {53: "filtered", 161: "filtered"}


def test_the_silence_of_a_silent_host_says_nothing(made):
    (seen,) = look(made, "silent", ports="22", udp_ports="53,161", rate=1000)
    assert set(met(seen).values()) == {"not_measured"}
    assert (seen.completeness, seen.looked["port"]) == (Completeness.FAILED, Reason.TIMEOUT)


def test_a_host_that_answers_by_udp_alone_is_alive(made):
    (seen,) = look(made, "udponly", ports="22,80", udp_ports="161", rate=1000)
    assert met(seen) == {161: "open"}
    assert met(seen, "tcp") == {22: "no_reply", 80: "no_reply"}


def test_few_tcp_ports_alone_ask_no_udp_port(made):
    (seen,) = look(made, "udp", ports="22", rate=1000)
    assert met(seen) == {}


def test_a_look_without_udp_is_no_look_at_the_host(made):
    (seen,) = look(made, "none", ports="top", udp_ports="none", rate=2000)
    assert (seen.completeness, seen.looked["port"]) == (Completeness.PARTIAL, Reason.NOT_CONFIGURED)


def test_a_deadline_leaves_udp_ports_unmeasured(made):
    (seen,) = look(made, "drop", ports="22", udp_ports="53,161", rate=1000, deadline=1.0)
    assert set(met(seen).values()) == {"not_measured"}
    assert seen.looked["port"] is Reason.TIMEOUT


def test_excluded_ports_are_not_asked(made):
    (seen,) = look(made, "udp", ports="22", udp_ports="53,161", exclude=("161",), rate=1000)
    assert met(seen) == {53: "open", 161: "not_measured"}
    assert seen.looked["port"] is Reason.NOT_ALLOWED


@pytest.mark.parametrize("rate", [20, 100])
def test_no_host_counts_more_than_its_budget_nor_more_than_all_tries(rate):
    if lacks := missing():
        pytest.skip(lacks)
    with lab((ANSWERING, Host("none"), Host("silent", rules=("drop",))), counting=True) as made:
        look(made, *made, ports="1-20", udp_ports="top", rate=rate)
        traffic = {name: running.traffic() for name, running in made.items()}
    assert {name: told for name, told in traffic.items() if told["busiest"] > 1.05 * rate} == {}
    most = len(udpprobes.PORTS) * TRIES
    assert {
        name: told for name, told in traffic.items() if not len(udpprobes.PORTS) <= told["udp"] <= most
    } == {}
    assert {told["dropped"] for told in traffic.values()} == {0}


@pytest.fixture(scope="module")
def running(tmp_path_factory):
    """Start a program once a module; return a function that does so, and waits until its port answers."""
    started = []

    def start(address: str, port: int, *command: str) -> None:
        process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        started.append(process)

        def ready() -> bool:
            assert process.poll() is None, command
            return answers(address, port, udpprobes.probe(port).tries)

        assert wait_for(ready, 60), command

    yield start
    for process in started:
        process.terminate()
        process.wait(timeout=60)


def identified(address, ports):
    """Return the `port` facts of UDP ports of this host, with what they serve."""
    collector = Collector()
    task = make_task([host(address)], ports="1", udp_ports=ports, rate=1000, identify=True)
    remote.observe(remote.acquire(task), collector)
    facts = [fact.values for fact in collector.seen[address].facts if fact.values["proto"] == "udp"]
    return {fact["port"]: fact for fact in facts}


@pytest.mark.parametrize(
    ("number", "community", "service"), [(10, "public", "snmp"), (11, "s3cret", "snmpv3")]
)
def test_snmpd_answers_to_public_or_in_version_3_alone(needs, running, tmp_path, number, community, service):
    needs("snmpd")
    address = f"127.88.161.{number}"
    (tmp_path / "snmpd.conf").write_text(f"rocommunity {community}\nsysdescr Linux secmon 6.1.0-18-amd64\n")
    environment = ("env", f"SNMP_PERSISTENT_DIR={tmp_path}")
    running(
        address,
        161,
        *environment,
        "snmpd",
        "-f",
        "-C",
        "-c",
        str(tmp_path / "snmpd.conf"),
        f"udp:{address}:161",
    )
    fact = identified(address, "161")[161]
    assert (fact["state"], fact["service"]) == ("open", service)
    assert (fact["banner"] == "Linux secmon 6.1.0-18-amd64") is (service == "snmp")


def test_memcached_answers_over_udp(needs, running):
    needs("memcached")
    address = "127.88.161.12"
    running(address, 11211, "memcached", "-u", "nobody", "-l", address, "-p", "0", "-U", "11211")
    fact = identified(address, "11211")[11211]
    assert (fact["state"], fact["service"], fact["product"]) == ("open", "memcached", "Memcached")


def test_an_answer_from_another_port_counts_where_the_protocol_has_it_so(needs):
    needs(root=True)
    refusal = b"\0\5\0\1File not found\0"
    with answering(69, refusal, sender=HERE), answering(53, refusal, sender=HERE):
        lane = ask(HERE, (69, 53))
    assert (lane.states, lane.replies) == ({69: State.OPEN, 53: State.NO_REPLY}, {69: refusal})


def test_an_answer_from_another_address_never_counts(needs):
    needs(root=True)
    with answering(69, b"\0\5\0\1File not found\0", sender=SOURCE):
        assert ask(HERE, (69,)).states == {69: State.NO_REPLY}


@pytest.mark.parametrize("answer", [b"", b"hello", b"x" * 9000])
def test_whatever_comes_back_is_open_and_is_cut(needs, answer):
    needs(root=True)
    with answering(123, answer):
        lane = ask(HERE, (123,))
    assert (lane.states, lane.replies) == ({123: State.OPEN}, {123: answer[:1024]})


def test_few_descriptors_slow_it_but_lose_nothing():
    lane = ask(HERE, (*udpprobes.PORTS, 514), limit=2)
    assert lane.states == dict.fromkeys(lane.ports, State.CLOSED)  # loopback knows no limit of ICMP errors


def test_a_gate_that_closes_ends_a_lane():
    left = iter(range(3))

    def permit() -> None:
        if next(left, None) is None:
            raise Unavailable(Reason.NOT_ALLOWED, "no more")

    lane = ask(HERE, udpprobes.PORTS, permit=permit)
    assert (lane.failure, lane.detail, len(lane.states)) == (Reason.NOT_ALLOWED, "no more", 3)


def test_no_route_ends_a_lane(needs):
    needs(root=True)
    script = "import tests.lab.test_ports_udp as t; lane = t.ask('192.0.2.1', (53,)); print(lane.failure, lane.states)"
    told = subprocess.run(
        ["unshare", "-n", ".venv/bin/python", "-c", script], check=True, capture_output=True, text=True
    )
    assert told.stdout.split() == ["unreachable", "{}"]


@pytest.mark.parametrize(("sender", "state"), [(OPEN, State.CLOSED), (SOURCE, State.FILTERED)])
def test_only_the_host_itself_says_that_a_port_is_closed(needs, sender, state):
    """What a firewall on the way refuses in the host's place is filtered."""
    needs(root=True)
    with contextlib.closing(Datagrams(OPEN, 9, strays=False)) as line, silent(OPEN, 9) as server:
        line.send(b"hello")
        _, (us, port) = server.recvfrom(64)
        about = IP(src=us, dst=OPEN) / UDP(sport=port, dport=9) / b"hello"
        error = ICMP(type=3, code=3) / about
        with socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_ICMP) as raw:
            raw.bind((sender, 0))
            raw.sendto(bytes(error), (us, 0))
        assert line.receive() is state


@contextlib.contextmanager
def silent(address, port):
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as server:
        server.bind((address, port))
        yield server
