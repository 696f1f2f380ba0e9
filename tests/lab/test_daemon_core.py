"""A real agent, looked at from outside: it starts, serves, reloads, survives and ends as it promises."""

from __future__ import annotations

import contextlib
import json
import os
import re
import shutil
import signal
import socket
import sqlite3
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import pytest

from secmon.agent.status import StatusUnavailable, read_status
from tests.support.agent import PATIENCE_SECONDS, Agent, is_alive
from tests.support.processes import wait_for

FAST = "agent: {name: vm}\nchecks: {ports: {interval: 10s}, traffic: {enabled: false}}\n"
HEAVY = ("yaml", "cryptography", "rich", "jinja2", "psutil", "scapy")
LISTENER = 'rule_results{asset="vm",outcome="fail",rule="ports.telnet-exposed",severity="critical"}'


@pytest.fixture(scope="module")
def agent(tmp_path_factory):
    """An agent whose checks have all run once."""
    with Agent(tmp_path_factory.mktemp("agent"), configuration=FAST) as started:
        started.ready()
        started.wait_for_metric(
            lambda seen: sum(key.startswith("check_up") and value for key, value in seen.items()) == 3
        )
        yield started
        assert started.stop() == 0


def test_the_page_is_what_promtool_accepts(agent, needs):
    needs("promtool")
    page = agent.get("/metrics")[1]
    done = subprocess.run(
        [shutil.which("promtool"), "check", "metrics"], input=page.encode(), capture_output=True, check=False
    )
    assert (done.returncode, done.stdout + done.stderr) == (0, b"")


def test_it_is_healthy_and_ready_and_has_scores(agent):
    assert agent.get("/-/healthy") == (200, "ok\n")
    assert agent.get("/-/ready") == (200, "ok\n")
    seen = agent.metrics()
    assert (
        0
        < seen['score_ratio{asset="vm"}']
        <= seen['accepted_ratio{asset="vm"}']
        <= seen['coverage_ratio{asset="vm"}']
        < 1
    )
    assert seen["config_last_reload_successful"] == seen["rules_last_reload_successful"] == 1
    assert seen["process_open_fds"] > 5
    assert seen["state_write_errors_total"] == 0


def test_no_thread_of_the_core_has_a_capability(agent):
    statuses = []
    for task in Path(f"/proc/{agent.process.pid}/task").iterdir():
        with contextlib.suppress(FileNotFoundError, ProcessLookupError):  # the thread has ended meanwhile
            statuses.append((task / "status").read_text())
    held = re.findall(r"^Cap(?:Eff|Prm|Inh|Amb):\s+(\w+)$", "".join(statuses), re.MULTILINE)
    assert len(statuses) > 1  # the clock's thread
    assert len(held) == 4 * len(statuses)
    assert {int(word, 16) for word in held} == {0}


def test_a_new_listener_is_a_finding_until_it_closes(agent, needs):
    needs(root=True)
    with socket.create_server(("0.0.0.0", 23)):
        seen = agent.wait_for_metric(lambda seen: seen.get(LISTENER) == 1)
        assert seen['findings{asset="vm",check="ports",severity="critical",state="open"}'] >= 1
        assert (
            seen['grade_info{asset="vm",grade="C"}' if 'grade_info{asset="vm",grade="C"}' in seen else "no"]
            == 1
            or seen
        )
    agent.wait_for_metric(lambda seen: LISTENER not in seen)
    database = sqlite3.connect(agent.state / "secmon.db")
    rows = database.execute("SELECT state, body FROM findings WHERE ended IS NOT NULL").fetchall()
    database.close()
    assert "resolved" in {state for state, body in rows if json.loads(body)["rule"] == "ports.telnet-exposed"}


def test_status_can_be_read_beside_it(agent):
    status = read_status(agent.state)
    assert status["alive"]
    assert status["pid"] == agent.process.pid
    assert {check["check"] for check in status["checks"]} == {"ports", "tls", "patches"}
    assert status["root"] == (os.geteuid() == 0)
    assert status["assets"][0]["score"]["grade"] in "ABCDE"


def test_a_bad_configuration_is_told_by_place_and_the_one_before_stays(agent):
    good = (agent.folder / "secmon.yml").read_text()
    plan = [line for line in agent.lines if 'event="plan in use"' in line]
    agent.configure("chekcs: {}\nchecks: {ports: {interval: 10}}\n")
    agent.reload()
    faults = [line for line in agent.lines if "configuration refused" in line]
    assert any(f"{agent.folder}/secmon.yml:2:1" in line for line in faults)
    assert any(f"{agent.folder}/secmon.yml:3:" in line for line in faults)
    # A page that waits for judgements of the plan before comes after the word that the reload is over.
    seen = agent.wait_for_metric(lambda seen: seen["config_last_reload_successful"] == 0)
    assert seen["rules_last_reload_successful"] == 1
    assert [line for line in agent.lines if 'event="plan in use"' in line] == plan
    (agent.folder / "secmon.yml").write_text(good)
    agent.reload()
    agent.wait_for_metric(lambda seen: seen["config_last_reload_successful"] == 1)


def test_bad_rules_are_told_apart_from_a_bad_configuration(agent):
    good = (agent.folder / "secmon.yml").read_text()
    (agent.folder / "site").mkdir()
    (agent.folder / "site" / "x.yml").write_text("rules:\n  - id: ports.mine\n    chek: ports\n")
    (agent.folder / "secmon.yml").write_text(good + f"rules: {{paths: [builtin, {agent.folder}/site]}}\n")
    agent.reload()
    seen = agent.wait_for_metric(lambda seen: seen["rules_last_reload_successful"] == 0)
    assert seen["config_last_reload_successful"] == 1
    (agent.folder / "secmon.yml").write_text(good)
    agent.reload()
    agent.wait_for_metric(lambda seen: seen["rules_last_reload_successful"] == 1)


def test_protection_that_is_not_there_is_refused_rather_than_ignored(agent):
    good = (agent.folder / "secmon.yml").read_text()
    (agent.folder / "secmon.yml").write_text(
        f"listen: {{port: {agent.port}, address: 0.0.0.0, web_config: /x}}\n"
    )
    agent.reload()
    assert any("listen.web_config" in line for line in agent.lines)
    agent.wait_for_metric(lambda seen: seen["config_last_reload_successful"] == 0)
    (agent.folder / "secmon.yml").write_text(good)
    agent.reload()
    agent.wait_for_metric(lambda seen: seen["config_last_reload_successful"] == 1)


def test_the_page_moves_on_reload_and_stays_where_it_cannot(agent):
    good = (agent.folder / "secmon.yml").read_text()
    with socket.create_server(("127.0.0.1", 0)) as other:
        (agent.folder / "secmon.yml").write_text(good.replace(str(agent.port), str(other.getsockname()[1])))
        agent.reload()
        agent.wait_for_metric(lambda seen: seen["config_last_reload_successful"] == 0)
        old, new = agent.port, other.getsockname()[1]
    agent.reload()
    agent.port = new
    agent.wait_for_metric(lambda seen: seen["config_last_reload_successful"] == 1)
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(("127.0.0.1", old))
    agent.port = old
    (agent.folder / "secmon.yml").write_text(good)
    ready = agent.told.count("READY=1")
    agent.process.send_signal(signal.SIGHUP)
    assert wait_for(lambda: agent.told.count("READY=1") > ready, PATIENCE_SECONDS)


def test_every_reload_is_told_to_the_manager(agent):
    agent.reload()
    assert agent.told[0] == "READY=1"
    assert agent.told.index("RELOADING=1") < len(agent.told) - 1 - agent.told[::-1].index("READY=1")


# One agent for each of the tests below.


def test_the_core_imports_nothing_heavy_and_nothing_after_it_is_ready(tmp_path):
    with Agent(tmp_path, python=("-X", "importtime")) as agent:
        agent.ready()
        ready = len(agent.lines)
        agent.wait_for_metric(lambda seen: seen.get('check_last_run_timestamp_seconds{check="patches"}'))
        agent.reload()
        assert agent.stop() == 0
        imports = [line.rpartition("|")[2].strip() for line in agent.lines if line.startswith("import time:")]
        assert "secmon.agent.daemon" in imports
        assert not {name for name in imports if name.split(".")[0] in HEAVY}
        # Children write to /dev/null, so every line is the core's or the spawner's.
        late = [line for line in agent.lines[ready:] if line.startswith("import time:")]
        assert late == []


def test_it_ends_within_five_seconds_while_twenty_checks_hang(tmp_path):
    acts = {
        f"check{number}": {"act": "family", "deadline": 3600.0, "interval": 3600.0} for number in range(20)
    }
    with Agent(tmp_path, acts) as agent:
        agent.ready()
        assert wait_for(lambda: len(agent.family()) >= 2 + 4 * 4, PATIENCE_SECONDS)
        family = agent.family()
        began = time.monotonic()
        agent.process.terminate()
        assert agent.process.wait(PATIENCE_SECONDS) == 0
        assert time.monotonic() - began < 5
        assert wait_for(lambda: not any(map(is_alive, family)))
        assert wait_for(lambda: "STOPPING=1" in agent.told)
    assert not read_status(agent.state)["alive"]


def test_nothing_survives_kill_9_of_the_core(tmp_path):
    with Agent(tmp_path, {"one": {"act": "family", "deadline": 3600.0}}) as agent:
        agent.ready()
        assert wait_for(lambda: len(agent.family()) >= 5, PATIENCE_SECONDS)
        family = agent.family()
        agent.process.kill()
        assert wait_for(lambda: not any(map(is_alive, family)))


def name(pid: int) -> str:
    with contextlib.suppress(OSError):  # it has ended since it was found
        return Path(f"/proc/{pid}/comm").read_text().strip()
    return ""


def test_without_its_spawner_it_ends_with_a_failure(tmp_path):
    with Agent(tmp_path, {"one": {"act": "hang", "deadline": 3600.0}}) as agent:
        agent.ready()
        spawner = next(pid for pid in agent.family() if name(pid) == "secmon-spawner")
        os.kill(spawner, signal.SIGKILL)
        assert agent.ended() == 1
        assert any("the spawner has ended" in line for line in agent.lines)


def test_a_taken_port_is_told_and_never_ready(tmp_path):
    with (
        socket.create_server(("127.0.0.1", 0)) as other,
        Agent(tmp_path, port=other.getsockname()[1]) as agent,
    ):
        assert agent.ended() == 1
        assert any(
            "Address already in use; stop the other program or change listen.port" in line
            for line in agent.lines
        )
    assert "READY=1" not in agent.told


def test_a_second_agent_on_the_same_state_is_refused(tmp_path):
    with Agent(tmp_path) as first:
        first.ready()
        (tmp_path / "second").mkdir()
        (tmp_path / "second" / "state").symlink_to(first.state)
        with Agent(tmp_path / "second") as second:
            assert second.ended() == 1
            assert any(f"in use by another secmon (pid {first.process.pid})" in line for line in second.lines)
        assert first.get("/-/healthy")[0] == 200


def test_a_bad_configuration_at_the_start_ends_with_2(tmp_path):
    (tmp_path / "secmon.yml").write_text("listen: {port: 99999}\nunknown: 1\n")
    with Agent(tmp_path) as agent:
        assert agent.ended() == 2
        assert sum("configuration refused" in line for line in agent.lines) == 2
    assert "READY=1" not in agent.told


def test_a_restart_goes_on_where_it_stopped(tmp_path):
    with Agent(tmp_path, configuration=FAST) as first:
        first.ready()
        before = first.wait_for_metric(
            lambda seen: sum(key.startswith("check_up") and value for key, value in seen.items()) == 3
        )
        first.process.kill()
        first.process.wait()
    with Agent(tmp_path, port=first.port) as second:
        second.ready()
        after = second.metrics()
    for name in ("points_covered", "points_earned", "findings", "results", "rule_results"):
        series = [key for key in before if key.startswith(name + "{")]
        assert series
        assert {key: before[key] for key in series} == {key: after.get(key) for key in series}


def test_the_watchdog_hears_from_the_loop(tmp_path):
    with Agent(tmp_path, {"one": {"act": "fine"}}, watchdog_seconds=0.4) as agent:
        agent.ready()
        assert wait_for(lambda: agent.told.count("WATCHDOG=1") >= 5, PATIENCE_SECONDS)
        agent.process.send_signal(signal.SIGSTOP)
        assert wait_for(lambda: stopped(agent.process.pid))
        heard = words_until(agent, "STOPPED=1").count("WATCHDOG=1")
        time.sleep(1.0)
        assert words_until(agent, "LATER=1").count("WATCHDOG=1") == heard
        agent.process.send_signal(signal.SIGCONT)


def stopped(pid: int) -> bool:
    """Say whether every thread of a process is stopped."""
    states = [
        path.read_text().rpartition(")")[2].split()[0] for path in Path(f"/proc/{pid}/task").glob("*/stat")
    ]
    return set(states) == {"T"}


def words_until(agent: Agent, word: str) -> list[str]:
    """Return all that was told before a word that is told now: what was under way is then through."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as sock:
        sock.sendto(word.encode(), str(agent.folder / "notify"))
    assert wait_for(lambda: word in agent.told)
    return agent.told[: agent.told.index(word)]


@pytest.fixture
def small_disk(tmp_path, needs):
    """A file system of 400 KiB for the state folder."""
    needs("mount", "umount", root=True)
    state = tmp_path / "state"
    state.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=400k,mode=0700", "tmpfs", state], check=True)
    yield tmp_path
    subprocess.run(["umount", "-l", state], check=True)


def errors(agent: Agent) -> float:
    return agent.metrics()["state_write_errors_total"]


def is_told_alive(state: Path) -> bool:
    with contextlib.suppress(StatusUnavailable):
        return read_status(state)["alive"]
    return False


def test_a_full_disk_is_counted_and_heals_while_the_page_is_served(small_disk):
    with Agent(small_disk, {"one": {"act": "fine", "interval": 1.0}}) as agent:
        agent.ready()
        agent.wait_for_metric(
            lambda seen: seen.get('check_last_run_timestamp_seconds{check="one"}') is not None
        )
        assert errors(agent) == 0
        filler = agent.state / "filler"
        with filler.open("wb", buffering=0) as full, pytest.raises(OSError, match="No space"):
            while True:
                full.write(bytes(1024))
        agent.wait_for_metric(lambda seen: seen["state_write_errors_total"] > 0)
        assert agent.get("/-/healthy")[0] == 200
        filler.unlink()
        at = read_status(agent.state)["at"]
        assert wait_for(lambda: read_status(agent.state)["at"] > at, PATIENCE_SECONDS)
        assert agent.stop() == 0


def test_a_read_only_disk_is_counted_and_heals(small_disk):
    # Nothing may be open for writing while a disk is made read-only: it is so from the start.
    subprocess.run(["mount", "-o", "remount,ro", small_disk / "state"], check=True)
    with Agent(small_disk, {"one": {"act": "fine", "interval": 1.0}}) as agent:
        agent.ready()
        agent.wait_for_metric(lambda seen: seen["state_write_errors_total"] > 1)
        assert agent.get("/-/healthy")[0] == 200
        subprocess.run(["mount", "-o", "remount,rw", small_disk / "state"], check=True)
        assert wait_for(lambda: is_told_alive(agent.state), PATIENCE_SECONDS)
        assert agent.stop() == 0


def test_as_an_ordinary_user_nothing_crashes(needs):
    needs("setpriv", root=True)
    wrapper = (
        "setpriv",
        "--reuid=65534",
        "--regid=65534",
        "--clear-groups",
        "--inh-caps=-all",
        "--no-new-privs",
    )
    if subprocess.run(
        [*wrapper, sys.executable, "-c", "import ssl"], capture_output=True, check=False
    ).returncode:
        pytest.skip("needs a Python that the user nobody may run")
    with tempfile.TemporaryDirectory(prefix="secmon-lab-") as name:
        folder = Path(name)
        folder.chmod(0o777)
        with Agent(folder, wrapper=wrapper, configuration=FAST) as agent:
            agent.ready()
            seen = agent.wait_for_metric(lambda seen: seen.get('points_covered{asset="vm",check="ports"}'))
            assert seen["process_open_fds"] > 5  # also where the process may not be dumped
            assert seen['coverage_ratio{asset="vm"}'] < 1
            assert not any("running as root" in line for line in agent.lines)
            assert agent.stop() == 0
