"""Two real agents, a real Prometheus, mutual TLS: from a listener to an alert, and from silence to a zero."""

from __future__ import annotations

import os
import shutil

import pytest

from tests.lab.province_lab import AGENTS, Province, scaled

TELNET = "import socket,time; s = socket.create_server(('0.0.0.0', 23)); time.sleep(600)"
CRITICAL = 'ALERTS{alertname="SecmonCriticalFinding",alertstate="firing",asset="may-01",check="ports"}'
SILENT = 'ALERTS{alertname="SecmonAgentSilent",alertstate="firing",agent="may-02"}'
# Two looks at the ports, ten seconds apart, and two scrapes and evaluations of a second; the rest is a busy machine.
TWO_INTERVALS = 45.0


@pytest.fixture(scope="module")
def province(tmp_path_factory):
    """The province of docs/province.md, with everything started."""
    for program in ("ip", "curl", "openssl", "prometheus", "promtool"):
        if shutil.which(program, path="/usr/bin:/bin:/usr/sbin:/sbin") is None:
            pytest.skip(f"needs the program {program}")
    if os.geteuid() != 0:
        pytest.skip("needs root")
    with Province(tmp_path_factory.mktemp("province"), f"secmonprov{os.getpid()}-") as made:
        _set_up(made)
        yield made


def _set_up(province):
    province.run("CN=secmon CA")
    for agent in AGENTS:
        province.run("agent=may-01", agent)
        etc = province.write("/etc/secmon/web.yml", agent).parent
        province.write("/etc/secmon/secmon.yml", agent)
        shutil.copy(province.centre / "ca.crt", etc)
        for kind in ("crt", "key"):
            shutil.copy(province.centre / f"{agent}.{kind}", etc / f"agent.{kind}")
        assert province.run("config check", agent) == "Cấu hình hợp lệ.\n"
        province.start_agent(agent)
    inventory = province.write("inventory.yml")
    digest = province.run("whose sha256 is").strip()
    assert len(digest) == 64
    inventory.write_text(inventory.read_text().replace("0" * 64, digest))
    province.run("inventory check")
    province.run("promtool check config")
    for name in ("prometheus.yml", "secmon-rules.yml", "secmon-alerts.yml"):
        path = province.centre / name
        path.write_text(scaled(path.read_text()))
    province.start_block("python3 -m http.server")
    province.start_block("prometheus --config.file")
    _everything_is_seen(province)


def _everything_is_seen(province):
    seen = 'sum by (unit) (unit:secmon_coverage:ratio{unit_kind="department"}) > 0'
    checks = "count by (agent) (secmon_check_last_run_timestamp_seconds > 0) >= 3"
    province.until(lambda: len(province.query(seen)) == 2, "scores of both units")
    province.until(lambda: len(province.query(checks)) == 2, "every check has run")
    for agent in AGENTS:
        province.until(lambda agent=agent: province.log(agent).count("event=judged") >= 4, "judged")


def score(province, unit, what="score"):
    return province.value(f'unit:secmon_{what}:ratio{{unit="{unit}"}}')


def test_only_prometheus_reads_the_page(province):
    province.run("/-/healthy")
    page = "https://192.0.2.11:9877/metrics"
    shown = ("--cacert", "ca.crt", "--output", "/dev/null", "--write-out", "%{http_code}")
    nobody = province.curl(*shown, page)
    other_agent = province.curl(*shown, "--cert", "may-02.crt", "--key", "may-02.key", page)
    for refused in (nobody, other_agent):
        assert refused.returncode != 0
        assert refused.stdout == "000"


def test_both_units_are_ranked_by_the_queries_of_the_page(province):
    ranking, lacking, published, standing = province.queries
    ranked = [labels["unit"] for labels, _ in province.query(ranking)]
    few = [labels["unit"] for labels, _ in province.query(lacking)]
    assert sorted(ranked + few) == ["so-01", "so-02"]
    assert len(province.query(scaled(published))) == 2
    province.query(standing)
    assert 0 < province.value("province:secmon_score:ratio") < 1


def test_a_telnet_listener_raises_an_alert_lowers_its_unit_and_resolves(province):
    assert province.query(CRITICAL) == []
    before, other = score(province, "so-01"), score(province, "so-02")
    province.start("telnet", f'{shutil.which("python3")} -c "{TELNET}"', "may-01")
    raised = province.until(lambda: province.query(CRITICAL), "the alert", TWO_INTERVALS)
    province.until(lambda: score(province, "so-01") < before, "a lower score", 20)
    assert score(province, "so-02") == other
    assert score(province, "so-01", "coverage") > 0
    province.stop("telnet")
    resolved = province.until(lambda: not province.query(CRITICAL), "the end of the alert", TWO_INTERVALS)
    province.until(lambda: score(province, "so-01") == before, "the score of before", 20)
    print(f"raised after {raised:.1f} s, resolved after {resolved:.1f} s, score {before}")


def test_an_agent_that_stops_lowers_score_and_coverage_and_is_called_silent(province):
    assert province.query(SILENT) == []
    before = province.value("province:secmon_score:ratio")
    assert score(province, "so-02") > 0
    province.stop("may-02")
    took = province.until(lambda: province.query(SILENT), "the alert")
    assert score(province, "so-02") == score(province, "so-02", "coverage") == 0
    assert score(province, "so-01") > 0
    assert province.value("province:secmon_score:ratio") < before
    print(f"silent after {took:.1f} s")
