"""What a scan sends, counted at its targets: never more than the budget in a second, nor than its tries in all."""

from __future__ import annotations

import pytest

from secmon.agent import confine
from secmon.checks.ports.probe import remote
from tests.lab.ports_lab import HARD, HOSTS, Host, lab, missing
from tests.lab.ports_probe import host, make_task
from tests.support import Collector

SYNS = 4
"""At most to one port while it is measured; a doubtful one is confirmed by as many more."""
WALL = Host("wall", tuple(range(1, 151)))
"""Opens all that is asked, as no host does."""

ALL = {one.name: one for one in (*HOSTS, *HARD, WALL)}


@pytest.fixture(params=["syn", "connect"])
def _engine(request):
    before = confine.capabilities()
    if request.param == "connect":
        confine.set_capabilities(before.effective & ~confine.mask(["NET_RAW"]), before.permitted)
    yield
    confine.set_capabilities(before.effective, before.permitted)


@pytest.mark.usefixtures("_engine")
@pytest.mark.parametrize(
    ("rate", "ports", "hosts"), [(20, 40, ALL), (100, 150, ALL), (1000, 1000, ("fifty", "drop", "proxy"))]
)
def test_no_host_counts_more_packets_in_a_second_than_its_budget_allows(rate, ports, hosts):
    if lacks := missing():
        pytest.skip(lacks)
    with lab([ALL[name] for name in hosts], counting=True) as made:
        targets = [host(running.address) for running in made.values()]
        task = make_task(targets, made.networks, rate=rate, ports=f"1-{ports}", deadline=100.0)
        remote.observe(remote.acquire(task), Collector())
        traffic = {name: running.traffic() for name, running in made.items()}
    assert {name: told for name, told in traffic.items() if told["busiest"] > 1.05 * rate} == {}
    doubted = {"proxy", "tarpit", "sticky", "mirror", "wall"}
    most = {name: ports * SYNS * (2 if name in doubted else 1) for name in traffic}
    assert {name: told for name, told in traffic.items() if told["syn"] > most[name]} == {}
    assert {name for name, told in traffic.items() if told["syn"] < ports} == set(), "each port was asked"
    assert {name for name, told in traffic.items() if told["dropped"]} == set(), "the counter missed packets"
