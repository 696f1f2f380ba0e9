"""Nobody can make the spawner do anything but run a registered probe on configured targets."""

from __future__ import annotations

import contextlib
import json
import os
import random
import resource
import select
import signal
import socket
import sys
from array import array
from pathlib import Path

import pytest

from secmon.agent.channel import Event, Request, SpawnerGone, encode_request
from tests.support.processes import Lab, said, wait_for

ACTS = {"good": {"act": "fine"}, "hung": {"act": "acquire_hang", "deadline": 60.0}}
GOOD = {"do": "probe", "check": "good", "probe": "probe", "run": 9, "deadline": 5.0}


def _events(lab: Lab, count: int, seconds: float = 30.0) -> list[Event]:
    events: list[Event] = []
    while len(events) < count:
        assert select.select([lab.channel], [], [], seconds)[0], f"only {events}"
        events += lab.channel.receive()
    for event in events:
        if event.fd is not None:
            os.close(event.fd)
    return events


def _raw(lab: Lab, data: bytes, fds: list[int] | None = None) -> None:
    rights = [(socket.SOL_SOCKET, socket.SCM_RIGHTS, array("i", fds))] if fds else []
    lab.channel._socket.sendmsg([data], rights)


def _loaded() -> Lab:
    lab = Lab(ACTS)
    assert lab.load() == "ok"
    return lab


def _still_serves(lab: Lab) -> None:
    lab.channel.send(Request("probe", "good", "probe", 77, 10.0))
    kinds = [(event.kind, event.run, event.status) for event in _events(lab, 2)]
    assert kinds == [("started", 77, ""), ("ended", 77, "ok")]


BAD = [
    b"",
    b"\0",
    b"garbage",
    b"[" * 1000,
    b"[]",
    b"{}",
    b"null",
    b'"probe"',
    b"9" * 1024,
    b"\xff\xfe" * 300,
    json.dumps({**GOOD, "check": "x" * 2000}).encode(),
    json.dumps({**GOOD, "more": 1}).encode(),
    json.dumps({key: value for key, value in GOOD.items() if key != "run"}).encode(),
    *(
        json.dumps({**GOOD, key: value}).encode()
        for key, value in [
            ("do", "exec"),
            ("do", "Probe"),
            ("do", None),
            ("do", ["probe"]),
            ("do", {}),
            ("do", "capture"),  # the probe is not long-lived
            ("do", "judge"),  # without a spool
            ("check", "os"),
            ("check", "good\0"),
            ("check", "../good"),
            ("check", ""),
            ("check", None),
            ("check", {"good": 1}),
            ("probe", "other"),
            ("probe", "tests.support.probe"),
            ("probe", "../probe"),
            ("probe", ""),
            ("probe", 0),
            ("run", 0),
            ("run", -1),
            ("run", True),
            ("run", 1.5),
            ("run", "9"),
            ("run", 1 << 60),
            ("deadline", 0),
            ("deadline", -1),
            ("deadline", True),
            ("deadline", "5"),
            ("deadline", None),
            ("deadline", float("nan")),
            ("deadline", float("-inf")),
        ]
    ),
]


def test_everything_else_is_refused_and_nothing_is_started():
    with _loaded() as lab:
        for data in BAD:
            _raw(lab, data)
            (event,) = _events(lab, 1)
            assert event.kind == "refused", data
            assert not event.status.isspace()
        _still_serves(lab)


def test_before_there_is_a_plan_nothing_runs():
    with Lab(ACTS) as lab:
        lab.channel.send(Request("probe", "good", "probe", 5, 5.0))
        (event,) = _events(lab, 1)
        assert (event.kind, event.status) == ("refused", "there is no plan yet")


def test_random_bytes_and_mutations_never_end_it():
    chance = random.Random(7)
    good = encode_request(Request("probe", "hung", "probe", 3, 0.2))
    with _loaded() as lab:
        seen: list[Event] = []
        for _ in range(1500):
            data = bytearray(good if chance.random() < 0.7 else chance.randbytes(chance.randrange(1, 1300)))
            for _ in range(chance.randrange(1, 4)):
                data[chance.randrange(len(data))] = chance.randrange(256)
            _raw(lab, bytes(data))
            if select.select([lab.channel], [], [], 0)[0]:
                seen += _events(lab, 1)
        last = 1 << 50
        lab.channel.send(Request("probe", "good", "another", last, 1.0))
        # Once the last is refused all were dealt with; once what was started has ended, nothing more is told.
        while ("refused", last) not in {(event.kind, event.run) for event in seen} or _under_way(seen):
            seen += _events(lab, 1)
        assert wait_for(lambda: not lab.survivors)
        assert sum(event.kind == "refused" for event in seen) > 1000
        _still_serves(lab)


def _under_way(events: list[Event]) -> set[int]:
    """Return the runs that have started and not ended."""
    runs: set[int] = set()
    for event in events:
        if event.kind == "started":
            runs.add(event.run)
        elif event.kind == "ended":
            runs.discard(event.run)
    return runs


def test_descriptors_that_do_not_belong_are_closed():
    with _loaded() as lab:
        _still_serves(lab)
        before = _count_of_spawner(lab)
        null = os.open(os.devnull, os.O_RDONLY)
        for fds in ([null], [null] * 2, [null] * 50):
            _raw(lab, json.dumps(GOOD).encode(), fds)
            (event,) = _events(lab, 1)
            assert event.kind == "refused"
        os.close(null)
        assert wait_for(lambda: _count_descriptors(lab.channel.pid) == before)


def _count_descriptors(pid: int | str) -> int:
    return len(os.listdir(f"/proc/{pid}/fd"))


def _count_of_spawner(lab: Lab) -> int:
    """Count its descriptors once it has closed those of the runs whose end it has told."""
    _raw(lab, b"{}")  # answered only after that
    assert [event.kind for event in _events(lab, 1)] == ["refused"]
    return _count_descriptors(lab.channel.pid)


def test_a_number_that_lives_is_refused():
    with _loaded() as lab:
        lab.channel.send(Request("probe", "hung", "probe", 4, 60.0))
        lab.channel.send(Request("probe", "good", "probe", 4, 60.0))
        kinds = [event.kind for event in _events(lab, 2)]
        assert kinds == ["started", "refused"]


def test_kill_and_extend_of_what_has_ended_are_nothing():
    with _loaded() as lab:
        lab.channel.send(Request("kill", run=99))
        lab.channel.send(Request("extend", run=99, deadline=5.0))
        _still_serves(lab)


def test_the_deadline_can_be_extended_and_cut():
    with _loaded() as lab:
        lab.channel.send(Request("probe", "hung", "probe", 4, 1.0))
        lab.channel.send(Request("extend", run=4, deadline=60.0))
        assert [event.kind for event in _events(lab, 1)] == ["started"]
        assert not select.select([lab.channel], [], [], 2.0)[0]
        lab.channel.send(Request("extend", run=4, deadline=0.01))
        (event,) = _events(lab, 1)
        assert (event.kind, event.status) == ("ended", "timeout")


def test_too_many_children_end_of_a_resource_limit():
    with _loaded() as lab:
        for run in range(1, 41):
            lab.channel.send(Request("probe", "hung", "probe", run, 60.0))
        events = _events(lab, 40)
        assert [event.kind for event in events] == ["started"] * 32 + ["ended"] * 8
        assert {event.status for event in events[32:]} == {"resource_limit"}


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP, signal.SIGINT])
def test_it_ignores_signals_that_are_meant_for_the_core(number: int):
    with _loaded() as lab:
        os.kill(lab.channel.pid, number)
        _still_serves(lab)


def test_a_core_that_does_not_read_stops_being_served_and_deadlines_stand():
    with _loaded() as lab:
        lab.channel.send(Request("probe", "hung", "probe", 1, 0.5))
        _events(lab, 1)
        sent = 0
        with pytest.raises(SpawnerGone):  # its buffer is full at last
            while sent < 100_000:
                lab.channel.send(Request("kill", run=1 << 54))  # refused: one event each
                sent += 1
        assert wait_for(lambda: not lab.survivors)
        # Nothing is lost: every request has its answer, and the child its end.
        events = _events(lab, sent + 1)
        assert sum(event.kind == "refused" for event in events) == sent
        assert [event.status for event in events if event.kind == "ended"] == ["timeout"]
        _still_serves(lab)


def test_the_core_learns_that_the_spawner_is_gone():
    with _loaded() as lab:
        os.kill(lab.channel.pid, signal.SIGKILL)
        with pytest.raises(SpawnerGone):
            _events(lab, 1)
        with pytest.raises(SpawnerGone):
            lab.channel.send(Request("kill", run=1))


def test_a_child_that_was_taken_over_cannot_reach_the_spawner():
    with Lab({"evil": {"act": "attack"}}) as lab:
        judgement, _ = lab.run("evil")["evil"]
        tried = said(judgement)
    assert not [link for link in tried["fds"] if "socket:" in link or "memfd" in link]
    assert len([link for link in tried["fds"] if "pipe:" in link]) == 1  # its own
    assert tried["stolen"] == []
    assert tried["ptrace"] == -1
    assert tried["setuid"] == 1  # EPERM
    assert tried["raw"] == 1
    assert all(tried[name] == 13 for name in ("fd", "mem", "environ"))  # EACCES


def test_the_plan_cannot_be_changed_by_who_holds_it():
    with Lab(ACTS) as lab:
        lab.channel.send(Request("plan", run=1, deadline=60.0))
        select.select([lab.channel], [], [], 60.0)
        (event,) = lab.channel.receive()
        assert event.fd is not None
        for harm in (
            lambda fd: os.pwrite(fd, b"x", 0),
            lambda fd: os.ftruncate(fd, 0),
            lambda fd: os.ftruncate(fd, 1 << 20),
        ):
            with pytest.raises(PermissionError):
                harm(event.fd)
        assert len(os.read(event.fd, 1 << 20).splitlines()) == 2
        os.close(event.fd)


@pytest.mark.parametrize(
    ("act", "status"),
    [("faults", "faults"), ("abort", "crashed"), ("flood", "resource_limit")],
)
def test_a_plan_that_fails_keeps_the_old_one(act: str, status: str):
    with Lab({"good": {"act": "fine"}, "config": {"act": act}}) as lab:
        lab.supervisor.reload()
        lab.loop(lambda: bool(lab.plans))
        assert lab.plans[0][0] == status
        if act == "faults":
            assert lab.plans[0][1] == b'{"fault": "a file is missing"}\n'
        lab.channel.send(Request("probe", "good", "probe", 5000, 5.0))
        (event,) = _events(lab, 1)
        assert event.status == "there is no plan yet"


def test_a_plan_that_hangs_is_killed_at_its_deadline():
    with Lab({"config": {"act": "hang"}}) as lab:
        lab.channel.send(Request("plan", run=1, deadline=1.0))
        lab.channel.send(Request("plan", run=2, deadline=1.0))
        events = _events(lab, 2)
        assert [(event.kind, event.run, event.status) for event in events] == [
            ("refused", 2, "a plan is being made"),
            ("plan", 1, "timeout"),
        ]


def test_no_descriptor_is_left_after_five_hundred_runs():
    acts = {name: {"act": "fine"} for name in ("a", "b", "c", "d", "e")}
    with Lab(acts) as lab:
        lab.run(*acts)
        here, there = _count_descriptors("self"), _count_of_spawner(lab)
        for _ in range(100):
            for name in acts:
                assert lab.supervisor.enqueue(name)
            lab.loop(lambda: lab.supervisor.idle)
        for _ in range(5):
            lab.load()
        lab.loop(lambda: lab.supervisor.idle)
        assert _count_descriptors("self") == here
        assert wait_for(lambda: _count_descriptors(lab.channel.pid) == there)  # it closes after it has sent
        assert len(lab.judged) == 505


def test_closing_leaves_no_descriptor():
    before = _count_descriptors("self")
    with _loaded() as lab:
        lab.supervisor.enqueue("hung")
        lab.supervisor.enqueue("good")
        lab.loop(lambda: bool(lab.judged))
    assert _count_descriptors("self") == before


def test_a_fork_that_fails_is_a_resource_limit(needs):
    needs(root=True)
    with _loaded() as lab:
        soft, hard = resource.prlimit(lab.channel.pid, resource.RLIMIT_NOFILE)
        resource.prlimit(lab.channel.pid, resource.RLIMIT_NOFILE, (4, hard))  # no pipe can be made
        lab.channel.send(Request("probe", "good", "probe", 1, 5.0))
        (event,) = _events(lab, 1)
        assert (event.kind, event.status) == ("ended", "resource_limit")
        lab.channel.send(Request("plan", run=2, deadline=5.0))
        (event,) = _events(lab, 1)
        assert (event.kind, event.status) == ("plan", "resource_limit")
        resource.prlimit(lab.channel.pid, resource.RLIMIT_NOFILE, (soft, hard))
        _still_serves(lab)


def test_a_child_in_the_kernel_is_abandoned_and_counts(needs):
    """A frozen cgroup holds a process against SIGKILL, as a dead disk does."""
    needs(root=True)
    freezer = Path("/sys/fs/cgroup/freezer")
    if not (freezer / "tasks").exists():
        pytest.skip("needs the freezer of cgroup v1")
    group = freezer / f"secmon-{os.getpid()}"
    try:
        group.mkdir()
    except OSError as error:
        pytest.skip(f"needs the freezer of cgroup v1 to be writable ({error.strerror})")
    try:
        with _loaded() as lab:
            lab.channel.send(Request("probe", "hung", "probe", 1, 5.0))
            _events(lab, 1)
            assert wait_for(lambda: len(lab.survivors) == 1)
            (group / "tasks").write_text(str(lab.survivors[0]))
            (group / "freezer.state").write_text("FROZEN")
            (event,) = _events(lab, 1)
            assert (event.kind, event.status) == ("ended", "timeout")
            assert lab.survivors
            _still_serves(lab)
            (group / "freezer.state").write_text("THAWED")
            assert wait_for(lambda: not lab.survivors)
            assert not select.select([lab.channel], [], [], 0.2)[0]  # its end was told already
    finally:
        (group / "freezer.state").write_text("THAWED")
        assert wait_for(lambda: not (group / "tasks").read_text())
        assert wait_for(lambda: _is_removed(group))


def _is_removed(group: Path) -> bool:
    """Try to remove a cgroup: it is busy for a moment after its last process has gone."""
    with contextlib.suppress(OSError):
        group.rmdir()
    return not group.exists()


def test_closed_standard_streams_are_no_trap():
    script = (
        "import os, sys\n"
        "from tests.support.processes import Lab\n"
        "with Lab({'good': {'act': 'fine'}}) as lab:\n"
        "    judgement, reason = lab.run('good')['good']\n"
        "    os._exit(0 if reason is None and not judgement.reasons else 1)\n"
    )
    pid = os.fork()
    if pid == 0:
        os.closerange(0, 3)
        os.execv(sys.executable, [sys.executable, "-c", script])
    assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 0
