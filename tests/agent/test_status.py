"""Whoever asks is told how the agent is, also when it is down."""

from __future__ import annotations

import json
import os
import sqlite3
from dataclasses import replace

import pytest

from secmon.agent.memory import Memory
from secmon.agent.status import StatusUnavailable, make_status, read_status
from secmon.agent.store import DATABASE, Store
from secmon.core.judgement import WaivedUntil
from secmon.core.model import Reason, Severity
from secmon.core.snapshot import Agent, CheckStats, Reload, Usage, build
from tests.support.judgements import CHECK, judgement, plan, result, waiver

PLAN = plan()
NOW = 1_795_446_000.0


def status(
    *, canary=None, root=False, reload_ok=True, errors=0, judged=True, quarantined=False, insecure=False
):
    memory = Memory([])
    waived = result("ports.smb", 139)
    told = judgement(
        PLAN,
        result("ports.telnet", 23, severity=Severity.CRITICAL),
        result("ports.smb", 445),
        waived,
        finished=NOW - 200,
        canary=canary,
        waived=(WaivedUntil(waived.fingerprint, "w", NOW * 2),),
    )
    if judged:
        memory.take(told, PLAN, NOW)
    agent = Agent(
        "0.1.0",
        reload=Reload(NOW - 3600),
        usage=Usage(start_time=NOW - 7200),
    )
    stats = CheckStats(
        NOW - 200 if judged else None,
        1.0,
        NOW + 100,
        missed=1,
        failures={Reason.TIMEOUT: 2},
    )
    snapshot = build(memory.inputs(PLAN, {CHECK: stats}), agent, NOW)
    return make_status(snapshot, 42)


def test_waivers_that_want_looking_after_are_named():
    waivers = (
        waiver("W-over", NOW),
        waiver("W-broad", NOW + 1, asset="", unit="so"),
        waiver("W-fine", NOW + 1),
        waiver("W-both", NOW - 1, asset=""),
    )
    snapshot = build(Memory([]).inputs(replace(PLAN, waivers=waivers), {}), Agent("0.1.0"), NOW)
    assert make_status(snapshot, 42)["waivers"] == {"expired": ["W-over", "W-both"], "broad": ["W-broad"]}


def test_it_is_plain_json():
    told = status()
    assert json.loads(json.dumps(told)) == told
    assert told["assets"][0]["findings"]["open"] == {
        "critical": 1,
        "high": 1,
        "medium": 0,
        "low": 0,
        "info": 0,
    }
    assert told["assets"][0]["findings"]["waived"]["high"] == 1
    assert told["checks"][0]["failures"] == {"timeout": 2}
    assert told["checks"][0]["canary"] == "ok"


@pytest.mark.parametrize(
    ("changes", "canary", "up"),
    [
        ({}, "ok", True),
        ({"canary": Reason.PERMISSION}, "permission", False),
        ({"judged": False}, None, False),
    ],
)
def test_a_check_says_whether_it_can_see(changes, canary, up):
    (check,) = status(**changes)["checks"]
    assert (check["canary"], check["up"]) == (canary, up)
    assert check["next_run"] == NOW + 100


@pytest.fixture
def store(tmp_path):
    store = Store(tmp_path / "state", pytest.fail)
    yield store
    store.close()


def test_it_is_read_beside_a_running_agent_and_after_it(store, tmp_path):
    told = status()
    store.save_status(told)
    assert read_status(tmp_path / "state") == told | {"alive": True}
    store.close()
    assert read_status(tmp_path / "state") == told | {"alive": False}


def test_without_an_agent_it_says_what_to_do(tmp_path, store):
    with pytest.raises(StatusUnavailable, match=r"no agent has worked in .*secmon run"):
        read_status(tmp_path / "elsewhere")
    with pytest.raises(StatusUnavailable, match="has not finished starting"):
        read_status(tmp_path / "state")


def test_a_damaged_store_is_a_sentence(store, tmp_path):
    store.close()
    (tmp_path / "state" / DATABASE).write_bytes(b"garbage" * 1000)
    with pytest.raises(StatusUnavailable, match="file is not a database"):
        read_status(tmp_path / "state")


def test_reading_makes_no_file_of_another_user(store, tmp_path):
    store.save_status({"schema": "secmon.status/1"})
    store.close()
    if os.geteuid() == 0:
        for path in ((tmp_path / "state"), *(tmp_path / "state").iterdir()):
            os.chown(path, 65534, 65534)
    read_status(tmp_path / "state")
    owners = {path.stat().st_uid for path in (tmp_path / "state").iterdir()}
    assert len(owners) == 1
    sqlite3.connect(tmp_path / "state" / DATABASE).close()
