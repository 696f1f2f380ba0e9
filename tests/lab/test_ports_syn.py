"""The SYN engine against hosts in network namespaces; it runs as nobody, without capabilities."""

from __future__ import annotations

import contextlib
import os
import pathlib
import socket
import struct
import subprocess
import time
from collections import Counter

import pytest

from secmon.checks.ports import filters, portlist, replies
from secmon.checks.ports.pace import Pace
from secmon.checks.ports.probe import ring, wire
from secmon.checks.ports.probe.lane import Lane
from secmon.checks.ports.probe.syn import SynEngine
from secmon.checks.ports.sweep import State
from secmon.core.contract import Unavailable
from secmon.core.model import Reason
from secmon.sources import routes
from tests.lab.ports_lab import HOSTS, SYN_PROXY, Host, Running, lab
from tests.lab.ports_scanner import scan

TOP = set(portlist.parse("top"))
OPEN = (22, 80, 443)


@pytest.fixture(autouse=True)
def _tools(needs):
    needs("ip", "nft", "ss", root=True)


@pytest.fixture
def wired():
    """An engine in this process, with a budget that is no hindrance."""
    made = SynEngine(wire.acquire(), Pace(100_000))
    yield made
    made.close()


def command(*words: str) -> None:
    subprocess.run(words, check=True, capture_output=True)


def test_eight_hosts_are_seen_as_they_are():
    with lab(HOSTS) as made:
        seen = scan(*((host.address, "top") for host in made.values()), rate=2000)
        for host in made.values():
            there = TOP & set(host.host.tcp)
            assert seen.ports(host.address, "open") == there, host.host.name
            assert seen.lanes[host.address]["failure"] is None
            assert len(seen.lanes[host.address]["states"]) == len(TOP)
        assert seen.ports(made["drop"].address, "no_reply") == TOP - set(made["drop"].host.tcp)
        rejected = seen.ports(made["reject"].address, "filtered")
        assert rejected, "a kernel sends few ICMP errors, but some"
        assert rejected | seen.ports(made["reject"].address, "no_reply") == TOP - set(made["reject"].host.tcp)
        for name in ("none", "five", "fifty", "udp", "six"):
            assert seen.ports(made[name].address, "closed") == TOP - set(made[name].host.tcp), name
        # A port of which every SYN is lost by chance has no reply: one of a thousand in some hundred runs.
        lossy = TOP - set(made["lossy"].host.tcp)
        assert len(lossy - seen.ports(made["lossy"].address, "closed")) <= 2
        assert lossy == seen.ports(made["lossy"].address, "closed") | seen.ports(
            made["lossy"].address, "no_reply"
        )
        assert seen.seconds < 30
        assert sorted(seen.finished) == sorted(seen.lanes)


def test_every_port_is_found_where_packets_are_lost():
    lossy = next(host for host in HOSTS if host.name == "lossy")
    with lab([lossy]) as made:
        address = made["lossy"].address
        seen = scan((address, "all"), rate=50_000)
        assert seen.ports(address, "open") == set(lossy.tcp)
        assert len(seen.ports(address, "closed")) > 65_000


def test_the_counter_of_a_host_never_shows_more_than_its_budget():
    hosts = [
        Host("closed", OPEN),
        Host("silent", OPEN, rules=("drop",)),
        Host("many", tuple(range(1000, 1400))),
    ]
    with lab(hosts, counting=True) as made:
        rate = 400
        seen = scan(*((host.address, "1-20,22,80,443,1000-1399") for host in made.values()), rate=rate)
        for host in made.values():
            told = host.traffic()
            assert told["dropped"] == 0
            assert told["busiest"] <= rate * 1.05, host.host.name
            assert told["syn"] <= 423 * 4
            assert told["most_syns"] <= 4
        assert made["closed"].traffic()["most_syns"] == 1, "only what did not answer is asked again"
        assert made["silent"].traffic()["most_syns"] == 2, "a host that answers nothing is asked twice"
        assert made["many"].traffic()["rst"] == 400, "the kernel resets what we did not want to open"
        half_open = made["many"].run("ss", "-Htn", "state", "syn-recv")
        assert half_open == ""
        assert seen.ports(made["many"].address, "open") == set(range(1000, 1400))


def test_the_budget_over_all_hosts_is_kept():
    with lab([Host("a"), Host("b")], counting=True) as made:
        scan(*((host.address, "1-600") for host in made.values()), rate=10_000, total=500)
        both = [host.traffic() for host in made.values()]
        assert sum(one["busiest"] for one in both) <= 500 * 1.05
        assert all(one["packets"] == 600 for one in both)


@contextlib.contextmanager
def behind(made, router: Running, host: str = "behind"):
    """Put a host behind a router; yields its addresses."""
    name = f"{made.bridge}-{host}"
    number = made.number
    near4, far4 = f"198.19.{number}.1", f"198.19.{number}.2"
    near6, far6 = f"fd5e:c308:{number:x}::1", f"fd5e:c308:{number:x}::2"
    command("ip", "netns", "add", name)
    try:
        for netns in (router.netns, name):  # else nobody is found over IPv6 for a second or two
            no_dad = "echo 0 > /proc/sys/net/ipv6/conf/default/dad_transmits"
            command("ip", "netns", "exec", netns, "sh", "-c", no_dad)
        command(
            "ip",
            "-n",
            router.netns,
            "link",
            "add",
            "far",
            "type",
            "veth",
            "peer",
            "name",
            "eth0",
            "netns",
            name,
        )
        for netns, link, address4, address6 in (
            (router.netns, "far", near4, near6),
            (name, "eth0", far4, far6),
        ):
            command("ip", "-n", netns, "addr", "add", f"{address4}/24", "dev", link)
            command("ip", "-n", netns, "addr", "add", f"{address6}/64", "dev", link, "nodad")
            command("ip", "-n", netns, "link", "set", link, "up")
        command("ip", "-n", name, "route", "add", "default", "via", near4)
        command("ip", "-n", name, "route", "add", "default", "via", near6)
        command("ip", "route", "add", f"198.19.{number}.0/24", "via", router.address)
        command("ip", "route", "add", f"fd5e:c308:{number:x}::/64", "via", router.address6)
        yield name, far4, far6
    finally:
        subprocess.run(["ip", "netns", "del", name], check=False, capture_output=True)


FORWARD = {"net/ipv4/ip_forward": "1", "net/ipv6/conf/all/forwarding": "1"}


def test_a_routed_host_is_reached_through_its_router():
    with lab([Host("router", sysctls=FORWARD)]) as made, behind(made, made["router"]) as (name, far4, far6):
        serve = "import socket,sys; s=socket.create_server(('::',8443),family=socket.AF_INET6,dualstack_ipv6=True); print(flush=True); sys.stdin.read()"
        server = subprocess.Popen(
            ["ip", "netns", "exec", name, "python3", "-c", serve],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
        )
        try:
            assert server.stdout.readline() == b"\n"
            nobody = far4.removesuffix("2") + "77"
            made["router"].run("ip", "route", "add", "unreachable", nobody)
            seen = scan((far4, "8440-8449"), (far6, "8440-8449"), (nobody, "8443"), rate=1000)
        finally:
            server.communicate()
        for address in (far4, far6):
            assert seen.ports(address, "open") == {8443}
            assert seen.ports(address, "closed") == set(range(8440, 8450)) - {8443}
        assert seen.lanes[nobody]["states"] == {"8443": "filtered"}, "the router says that nobody is there"


def test_a_neighbour_that_is_not_there_is_not_measured():
    with lab([Host("there", OPEN)]) as made:
        absent6 = made.addresses(250)[1]
        beyond = f"198.19.{made.number}.9"
        command("ip", "route", "add", f"198.19.{made.number}.0/24", "via", made.nobody)
        lanes = (made.nobody, absent6, beyond, made["there"].address)
        seen = scan(*((address, "22,23") for address in lanes), rate=1000)
        for address in (made.nobody, absent6, beyond):
            assert seen.lanes[address]["failure"] == Reason.UNREACHABLE
            assert seen.lanes[address]["states"] == {}, "down is not closed"
            assert address in seen.lanes[address]["detail"]
        assert seen.ports(made["there"].address, "open") == {22}


def test_a_syn_proxy_is_unreliable():
    with lab([SYN_PROXY]) as made:
        address = made["proxy"].address
        seen = scan((address, "1-400"), rate=2000)
        assert seen.ports(address, "unreliable") == set(range(1, 401))


def test_a_slow_host_is_waited_for():
    with lab([Host("slow", OPEN, delay=400)]) as made:
        address = made["slow"].address
        seen = scan((address, "1-50,80,443"), rate=200)
        assert seen.ports(address, "open") == {22, 80, 443}
        assert len(seen.ports(address, "closed")) == 49


def test_without_the_capability_there_is_no_engine():
    assert scan(("198.18.0.1", "22"), rate=100, drop_first=True).refusal == Reason.PERMISSION


def test_the_deadline_leaves_the_rest_not_measured():
    with lab([Host("five", OPEN)]) as made:
        address = made["five"].address
        seen = scan((address, "1-5000"), rate=100, timeout=2.0)
        assert 100 < len(seen.lanes[address]["states"]) < 250
        assert seen.finished == []
        assert seen.lanes[address]["failure"] is None
        assert seen.seconds < 10  # of fifty that all of them would take


def test_the_gate_is_asked_before_anything_is_sent(wired):
    with lab([Host("five", OPEN)], counting=True) as made:

        def refuse() -> None:
            raise Unavailable(Reason.NOT_ALLOWED, "not there")

        lane = Lane(made["five"].address, Pace(100), refuse, (22,))
        done: list[Lane] = []
        wired.run([lane], time.monotonic() + 10, done.append, lambda: None)
        assert (lane.failure, lane.detail, lane.states) == (Reason.NOT_ALLOWED, "not there", {})
        assert done == [lane]
        assert made["five"].traffic()["packets"] == 0


def test_only_what_goes_over_ethernet_is_supported(wired):
    with lab([Host("five", OPEN)]) as made:
        mine, mine6 = made.addresses(1)
        assert wired.supports(made["five"].address)
        assert wired.supports(made["five"].address6)
        for address in (
            mine,
            mine6,
            "127.0.0.1",
            "::1",
            "fe80::1%lo",
            "255.255.255.255",
            f"198.18.{made.number}.255",
        ):
            assert not wired.supports(address), address
        link = f"{made.bridge[:12]}d"
        command("ip", "link", "add", link, "type", "veth", "peer", "name", f"{link}p")
        try:
            command("ip", "link", "set", link, "arp", "off", "up")
            command("ip", "addr", "add", "198.19.250.1/24", "dev", link)
            assert not wired.supports("198.19.250.2"), "nobody answers for addresses there"
            command("ip", "route", "add", "unreachable", "198.19.251.0/24")
            assert not wired.supports("198.19.251.2")
        finally:
            subprocess.run(
                ["ip", "route", "del", "unreachable", "198.19.251.0/24"], check=False, capture_output=True
            )
            command("ip", "link", "del", link)


def segment(source: str, port: int, to: int, acknowledged: int, flags: int) -> bytes:
    """Return a TCP segment over IPv4 to this host, as it stands on the wire."""
    tcp = struct.pack(">HHIIBBHHH", port, to, 7, acknowledged, 0x50, flags, 1000, 0, 0)
    head = struct.pack(">BBHHHBBH", 0x45, 0, 20 + len(tcp), 0, 0, 64, 6, 0)
    return head + socket.inet_aton(source) + socket.inet_aton("127.0.0.1") + tcp


@pytest.fixture
def inject():
    """Let segments arrive here, over loopback, from whatever source they claim."""
    with (
        socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_RAW) as raw,
        socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as echo,
    ):
        echo.bind(("127.0.0.1", 0))

        def send(*segments: bytes) -> None:
            """Send them, never more at once than fit into the kernel's queue (net.core.netdev_max_backlog)."""
            for start in range(0, len(segments), 100):
                for data in segments[start : start + 100]:
                    raw.sendto(data, ("127.0.0.1", 0))
                echo.sendto(b"x", echo.getsockname())  # it comes after them, so then they have arrived
                echo.recv(1)

        yield send


def test_forged_answers_do_not_count(wired, inject):
    with lab([Host("drop", (22,), rules=("tcp dport != 22 drop",))]) as made:
        address = made["drop"].address
        to = wired._wire.port
        inject(segment(address, 23, to, 1, 0x12))
        asked = {socket.inet_aton(address): replies.Asked([0] * 65536, 0, {})}
        arrived = list(wired._wire.answers(asked))
        assert arrived == [(socket.inet_aton(address), {23: State.OPEN})], "else this test proves nothing"

        def forge() -> None:
            guesses = (0, 1, 2**31, 2**32 - 1)
            inject(
                *(
                    segment(address, port, to, guess, flags)
                    for port in (22, 23, 24)
                    for guess in guesses
                    for flags in (0x12, 0x14)
                )
            )

        lane = Lane(address, Pace(1000), forge, (22, 23, 24))
        wired.run([lane], time.monotonic() + 20, lambda _: None, lambda: None)
        assert lane.states == {22: State.OPEN, 23: State.NO_REPLY, 24: State.NO_REPLY}


def test_a_full_queue_of_this_host_slows_the_look_but_loses_nothing(wired):
    with lab([Host("five", OPEN)], counting=True) as made:
        shape = ("tc", "qdisc", "add", "dev", made.bridge, "root", "tbf", "rate", "400kbit", "burst", "1600")
        if subprocess.run([*shape, "limit", "3000"], check=False, capture_output=True).returncode:
            pytest.skip("needs the queueing discipline tbf")
        lane = Lane(made["five"].address, Pace(100_000), lambda: None, tuple(range(1, 1001)))
        wired.run([lane], time.monotonic() + 30, lambda _: None, lambda: None)
        assert Counter(lane.states.values()) == {State.OPEN: 3, State.CLOSED: 997}
        assert made["five"].traffic()["most_syns"] == 1, "what did not go is no try"


def test_a_link_that_goes_down_ends_the_look_there(wired):
    with lab([Host("five", OPEN)]) as made:
        calls = iter(range(10))

        def cut() -> None:
            if next(calls) == 5:
                command("ip", "link", "set", made.bridge, "down")

        lane = Lane(made["five"].address, Pace(100), cut, tuple(range(1, 1001)))
        wired.run([lane], time.monotonic() + 30, lambda _: None, lambda: None)
        assert lane.failure is Reason.UNREACHABLE
        assert "Network is down" in lane.detail
        assert 0 < len(lane.states) < 100, "what was met before still counts"


@pytest.mark.parametrize(("floods", "failure"), [(1, None), (100, Reason.PACKET_LOSS)])
def test_answers_lost_here_make_silence_no_verdict(wired, inject, floods, failure):
    with lab([Host("drop", (22,), rules=("tcp dport != 22 drop",))]) as made:
        address = made["drop"].address
        flood = [segment("198.19.0.1", 1, wired._wire.port, 1, 0x12)] * (ring.SLOTS + 500)
        left = iter(range(floods))

        def overrun() -> None:
            if next(left, None) is not None:
                inject(*flood)

        lane = Lane(address, Pace(1000), overrun, (22, 23, 24))
        wired.run([lane], time.monotonic() + 60, lambda _: None, lambda: None)
        assert lane.failure is failure
        silent = {port for port, state in lane.states.items() if state is State.NO_REPLY}
        assert silent == (set() if failure else {23, 24})


def test_the_ring_hands_over_what_it_held_and_counts_the_rest(inject):
    port = 61999
    made = ring.Ring(ring.open_cooked(), filters.answers_ipv4(port), ring.ETH_P_IP)
    inject(
        *(
            segment("198.19.0.1", number % 60_000 + 1, port, number, 0x12)
            for number in range(ring.SLOTS + 700)
        )
    )
    inject(segment("198.19.0.1", 1, port + 1, 1, 0x12))
    taken = [len(run) // 256 for run in made.runs()]
    assert (sum(taken), made.drops(), made.drops()) == (ring.SLOTS, 700, 0)
    inject(segment("198.19.0.1", 1, port, 1, 0x12))
    assert [len(run) // 256 for run in made.runs()] == [1]
    assert list(made.runs()) == []
    made.close()


def test_routes_are_those_that_ip_shows(needs):
    with lab([Host("five", OPEN)]) as made, routes.connect() as sock:
        for address in (made["five"].address, made["five"].address6, "127.0.0.1"):
            shown = subprocess.run(
                ["ip", "route", "get", address], check=True, capture_output=True, text=True
            ).stdout.split()
            route = routes.route(sock, address)
            if address == "127.0.0.1":
                assert shown[0] == "local"
                assert route is None
                continue
            family = socket.AF_INET6 if ":" in address else socket.AF_INET
            assert socket.inet_ntop(family, route.source) == shown[shown.index("src") + 1]
            link = routes.link(sock, route.interface)
            assert link.name == shown[shown.index("dev") + 1]
            assert (
                link.address.hex(":")
                == pathlib.Path(f"/sys/class/net/{link.name}/address").read_text().strip()
            )
        assert routes.neighbour(sock, route.interface if route else 1, socket.inet_aton(made.nobody)) == b""


def test_the_source_port_is_held_and_outside_the_ephemeral_range(wired):
    with open("/proc/sys/net/ipv4/ip_local_port_range", encoding="ascii") as file:
        low, high = map(int, file.read().split())
    port = wired._wire.port
    assert not low <= port <= high
    for family, anywhere in ((socket.AF_INET, "127.0.0.1"), (socket.AF_INET6, "::1")):
        with socket.socket(family) as other, pytest.raises(OSError, match="in use"):
            other.bind((anywhere, port))
    assert os.stat("/proc/self").st_uid == 0
