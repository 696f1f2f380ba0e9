"""The supervisor against a spawner that the test plays: real sockets and pipes, no process."""

from __future__ import annotations

import json
import os
import selectors
import socket

import pytest

from secmon.agent.channel import Channel, Event, Request, decode_request, receive, send_event
from secmon.agent.hooks import Hooks
from secmon.agent.supervisor import PROBES_LIMIT, RUN_LIMIT, Supervisor
from secmon.core.judgement import Judgement, encode_lines
from secmon.core.model import Reason
from secmon.core.plan import CheckPlan, CorePlan, Listen


class Desk:
    """A supervisor, and the other end of its channel."""

    def __init__(self) -> None:
        ours, self.spawner = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self.channel = Channel(ours, 0)
        self.selector = selectors.DefaultSelector()
        self.judged: list[tuple[str, Judgement | None, Reason | None]] = []
        self.plans: list[tuple[str, bytes]] = []
        self.progress: list[tuple[str, int, int]] = []
        self.crashed: list[tuple[str, str]] = []
        self.clock = 0.0
        self.supervisor = Supervisor(
            self.channel,
            self.selector,
            Hooks(
                lambda *args: self.plans.append(args),
                lambda *args: self.judged.append(args),
                lambda *args: self.progress.append(args),
                lambda *args: self.crashed.append(args),
            ),
            clock=lambda: self.clock,
            now=lambda: 1_000_000.0 + self.clock,
        )
        self.pipes: dict[int, int] = {}
        self.spools: list[bytes] = []

    def use(self, **checks: CheckPlan) -> None:
        self.supervisor.use(CorePlan("", "en", "", Listen(), (), checks, {}, {}, {}, {}, (), ""))

    def requests(self) -> list[Request]:
        """Take the requests that have come; start no child."""
        taken = []
        while True:
            try:
                data, fds = receive(self.spawner, 2048, 2)
            except BlockingIOError:
                return taken
            taken.append(decode_request(data))
            for fd in fds:
                self.spools.append(os.pread(fd, 1 << 26, 0))
                os.close(fd)

    def start(self, run: int) -> int:
        """Say that a child has started; the write end of its pipe."""
        reader, writer = os.pipe()
        send_event(self.spawner, Event("started", run, reader))
        os.close(reader)
        self.pipes[run] = writer
        self.turn()
        return writer

    def end(self, run: int, status: str = "ok") -> None:
        if run in self.pipes:
            os.close(self.pipes.pop(run))
        send_event(self.spawner, Event("ended", run, status=status))
        self.turn()

    def turn(self) -> None:
        """Run the main loop until nothing is ready."""
        while ready := self.selector.select(0):
            for key, _ in ready:
                key.data()

    def judge(self, run: int, check: str, status: str = "ok") -> None:
        """Play a judge child to its end."""
        os.write(self.start(run), b"".join(encode_lines(Judgement(check))))
        self.end(run, status)

    def close(self) -> None:
        self.supervisor.close()
        self.selector.close()
        for pipe in self.pipes.values():
            os.close(pipe)
        self.spawner.close()
        self.channel._socket.close()


@pytest.fixture
def desk():
    desk = Desk()
    before = len(os.listdir("/proc/self/fd"))
    yield desk
    mine = 4  # the pair, the selector, and the listing's own
    desk.close()
    assert len(os.listdir("/proc/self/fd")) <= before - mine + 1


def _check(*probes: str, enabled: bool = True, interval: float = 60.0, long_lived: str = "") -> CheckPlan:
    return CheckPlan(enabled, interval, 30.0, probes or ("probe",), ("here",), long_lived)


def _headers(spool: bytes) -> list[dict]:
    return [json.loads(line) for line in spool.splitlines() if b'"probe"' in line]


def test_a_run_has_one_child_for_each_probe_and_one_judge(desk: Desk):
    desk.use(tls=_check("endpoint", "files"))
    assert desk.supervisor.enqueue("tls")
    assert desk.requests() == [
        Request("probe", "tls", "endpoint", 1, 30.0),
        Request("probe", "tls", "files", 2, 30.0),
    ]
    for run in (1, 2):
        os.write(desk.start(run), b'{"from":%d}\n' % run)
    desk.clock = 5.0
    desk.end(1)
    assert desk.requests() == []
    desk.end(2, "timeout")
    assert desk.requests() == [Request("judge", "tls", "", 3, 120.0)]
    assert [(part["probe"], part["status"], part["size"]) for part in _headers(desk.spools[0])] == [
        ("endpoint", "ok", 11),
        ("files", "timeout", 11),
    ]
    assert desk.spools[0].splitlines()[1::2] == [b'{"from":1}', b'{"from":2}']
    assert not desk.supervisor.idle
    desk.judge(3, "tls")
    assert desk.judged == [("tls", Judgement("tls"), None)]
    assert desk.supervisor.idle
    counters = desk.supervisor.counters("tls")
    assert (counters.kills, counters.duration, counters.last_run) == (1, 5.0, 1_000_005.0)


def test_a_second_tick_is_counted(desk: Desk):
    desk.use(tls=_check())
    assert desk.supervisor.enqueue("tls")
    assert not desk.supervisor.enqueue("tls")
    assert len(desk.requests()) == 1
    assert desk.supervisor.counters("tls").missed == 1


def test_at_most_sixteen_probes_run_and_the_others_follow(desk: Desk):
    desk.use(**{f"check{number}": _check("a", "b") for number in range(10)})
    for number in range(10):
        assert desk.supervisor.enqueue(f"check{number}")
    runs = [request.run for request in desk.requests()]
    assert len(runs) == PROBES_LIMIT
    desk.start(runs[0])
    desk.end(runs[0])
    assert [request.do for request in desk.requests()] == ["probe"]


def test_judges_do_not_wait_for_probes(desk: Desk):
    desk.use(**{f"check{number}": _check() for number in range(20)})
    for number in range(20):
        desk.supervisor.enqueue(f"check{number}")
    desk.requests()
    desk.end(1)
    assert [request.do for request in desk.requests()] == ["judge", "probe"]


def test_a_child_that_could_not_start_or_was_refused(desk: Desk):
    desk.use(tls=_check("a", "b"))
    desk.supervisor.enqueue("tls")
    desk.requests()
    desk.end(1, "resource_limit")
    send_event(desk.spawner, Event("refused", 2, status="unregistered probe"))
    desk.turn()
    desk.requests()
    assert [part["status"] for part in _headers(desk.spools[0])] == ["resource_limit", "crashed"]


def test_half_a_frame_is_a_crash_and_left_out(desk: Desk):
    desk.use(tls=_check())
    desk.supervisor.enqueue("tls")
    desk.requests()
    os.write(desk.start(1), b'{"a":1}\n{"b"')
    desk.end(1)
    desk.requests()
    assert [(part["status"], part["size"]) for part in _headers(desk.spools[0])] == [("crashed", 8)]


def test_too_much_is_killed_and_the_other_probes_stay(desk: Desk):
    desk.use(tls=_check("loud", "quiet"))
    desk.supervisor.enqueue("tls")
    desk.requests()
    os.write(desk.start(2), b'{"quiet":1}\n')
    pipe = desk.start(1)
    block = b"x" * 60_000 + b"\n"
    sent = 0
    try:
        while sent <= RUN_LIMIT:
            sent += os.write(pipe, block)
            desk.turn()
    except BrokenPipeError:
        pass
    assert desk.requests() == [Request("kill", run=1)]
    desk.end(1, "resource_limit")
    desk.end(2)
    desk.requests()
    sizes = [(part["status"], part["size"]) for part in _headers(desk.spools[0])]
    assert sizes[1] == ("ok", 12)
    assert sizes[0][0] == "resource_limit"
    assert RUN_LIMIT * 0.9 < sizes[0][1] < RUN_LIMIT * 1.1


def test_the_pipe_that_could_not_be_taken_ends_the_child(desk: Desk):
    desk.use(tls=_check())
    desk.supervisor.enqueue("tls")
    desk.requests()
    send_event(desk.spawner, Event("started", 1))
    desk.turn()
    assert desk.requests() == [Request("kill", run=1)]


def test_a_disabled_check_and_one_without_targets_are_judged_at_once(desk: Desk):
    desk.use(tls=_check(enabled=False), ports=CheckPlan(True, 60.0, 30.0, (), ()))
    assert desk.supervisor.enqueue("tls")
    assert desk.supervisor.enqueue("ports")
    assert [(request.do, request.check) for request in desk.requests()] == [
        ("judge", "tls"),
        ("judge", "ports"),
    ]
    assert desk.spools == [b"", b""]
    assert desk.supervisor.counters("tls").last_run == 0.0


def test_rejudging_uses_the_last_spool_and_never_two_judges(desk: Desk):
    desk.use(tls=_check())
    assert not desk.supervisor.rejudge("tls")
    desk.supervisor.enqueue("tls")
    desk.requests()
    os.write(desk.start(1), b'{"a":1}\n')
    desk.end(1)
    assert [request.run for request in desk.requests()] == [2]
    assert desk.supervisor.rejudge("tls")
    assert desk.supervisor.rejudge("tls")
    assert desk.requests() == []
    desk.judge(2, "tls")
    assert [request.do for request in desk.requests()] == ["judge"]
    desk.judge(3, "tls")
    assert desk.requests() == []
    assert desk.spools[0] == desk.spools[1]
    assert len(desk.judged) == 2


@pytest.mark.parametrize(
    ("output", "status", "reason"),
    [
        (b"", "ok", Reason.CRASHED),
        (b"garbage\n", "ok", Reason.CRASHED),
        (b"[" * 100_000 + b"\n", "ok", Reason.CRASHED),
        (b'{"run": {"asset": 1}}\n', "ok", Reason.CRASHED),
        (b'{"crash":"TypeError: x (judge:1)"}\n', "crashed", Reason.CRASHED),
        (b"", "timeout", Reason.TIMEOUT),
    ],
)
def test_a_judge_that_fails(desk: Desk, output: bytes, status: str, reason: Reason):
    desk.use(tls=_check(enabled=False))
    desk.supervisor.enqueue("tls")
    desk.requests()
    pipe = desk.start(1)
    for begin in range(0, len(output), 50_000):
        os.write(pipe, output[begin : begin + 50_000])
        desk.turn()
    desk.end(1, status)
    assert desk.judged == [("tls", None, reason)]
    assert desk.supervisor.counters("tls").failures == {reason: 1}
    assert desk.crashed == [("tls", output[-1024:].decode())]


def test_quarantine_ends_by_the_clock(desk: Desk):
    desk.use(tls=_check())
    for run in (1, 3, 5):
        assert desk.supervisor.enqueue("tls")
        desk.requests()
        desk.end(run, "timeout")
        desk.requests()
        desk.judge(run + 1, "tls")
    assert desk.supervisor.counters("tls").quarantined
    desk.clock = 119.9
    assert not desk.supervisor.enqueue("tls")
    desk.clock = 120.0
    assert desk.supervisor.enqueue("tls")


@pytest.mark.parametrize(
    ("status", "output", "told"),
    [
        ("ok", b'{"core":1}\n{"child":2}\n', b'{"core":1}\n'),
        ("faults", b'{"a":1}\n{"b":2}\n', b'{"a":1}\n{"b":2}\n'),
        ("crashed", b'{"crash":"x"}\n', b'{"crash":"x"}\n'),
    ],
)
def test_the_core_takes_its_line_of_the_plan(desk: Desk, status: str, output: bytes, told: bytes):
    assert desk.supervisor.reload()
    assert not desk.supervisor.reload()
    (request,) = desk.requests()
    assert request.do == "plan"
    plan = os.memfd_create("plan")
    os.write(plan, output)
    os.lseek(plan, 0, os.SEEK_SET)
    send_event(desk.spawner, Event("plan", request.run, plan, status))
    os.close(plan)
    desk.turn()
    assert desk.plans == [(status, told)]
    assert desk.supervisor.reload()


def test_a_refused_plan_is_told(desk: Desk):
    desk.supervisor.reload()
    send_event(desk.spawner, Event("refused", 1, status="a plan is being made"))
    desk.turn()
    assert desk.plans == [("crashed", b"")]


def test_windows_are_runs_and_heartbeats(desk: Desk):
    desk.use(traffic=_check("live", interval=10.0, long_lived="live"))
    desk.supervisor.tick()
    assert desk.requests() == [Request("capture", "traffic", "live", 1, 30.0)]
    pipe = desk.start(1)
    desk.clock = 10.0
    os.write(pipe, b'{"begin":0}\n{"end":0}\n{"begin":1}\n')
    desk.turn()
    assert desk.requests() == [
        Request("judge", "traffic", "", 2, 120.0),
        Request("extend", run=1, deadline=30.0),
    ]
    assert desk.supervisor.counters("traffic").duration == 10.0
    desk.judge(2, "traffic")
    desk.clock = 40.0
    desk.end(1, "timeout")
    (judge,) = desk.requests()
    assert judge.do == "judge"
    (gap,) = _headers(desk.spools[1])
    assert (gap["status"], gap["started"], gap["finished"]) == ("timeout", 1_000_010.0, 1_000_040.0)
    assert desk.spools[1].endswith(b'{"begin":1}\n')
    desk.supervisor.tick()
    assert desk.requests() == []  # it pauses
    desk.clock = 45.0
    desk.supervisor.tick()
    assert [request.do for request in desk.requests()] == ["capture"]


def test_a_new_plan_replaces_a_long_lived_probe(desk: Desk):
    desk.use(traffic=_check("live", interval=10.0, long_lived="live"))
    desk.supervisor.tick()
    desk.requests()
    os.write(desk.start(1), b'{"begin":0}\n')
    desk.turn()
    desk.use(traffic=_check("live", interval=20.0, long_lived="live"))
    assert desk.requests() == [Request("kill", run=1)]
    os.write(desk.pipes[1], b'{"end":0}\n{"begin":1}\n')  # what it still says is nobody's
    desk.end(1, "resource_limit")
    desk.supervisor.tick()
    assert desk.requests() == [Request("capture", "traffic", "live", 2, 60.0)]
    assert desk.supervisor.counters("traffic").failures == {}


def test_a_check_that_is_switched_off_is_not_started_again(desk: Desk):
    desk.use(traffic=_check("live", interval=10.0, long_lived="live"))
    desk.supervisor.tick()
    desk.requests()
    desk.use(traffic=_check("live", interval=10.0, long_lived="live", enabled=False))
    desk.end(1, "resource_limit")
    desk.clock = 1e6
    desk.supervisor.tick()
    assert [request.do for request in desk.requests()] == ["kill"]


def _watched(interval: float = 60.0) -> CheckPlan:
    return _check("local", "remote", interval=interval, long_lived="local")


def test_windows_and_runs_are_judged_together(desk: Desk):
    desk.use(ports=_watched())
    desk.supervisor.tick()
    assert desk.supervisor.enqueue("ports")
    assert desk.requests() == [
        Request("capture", "ports", "local", 1, 180.0),
        Request("probe", "ports", "remote", 2, 30.0),
    ]
    os.write(desk.start(1), b'{"begin":0}\n{"end":0}\n')
    os.write(desk.start(2), b'{"begin":7}\n')
    desk.turn()
    assert [request.do for request in desk.requests()] == ["extend"]  # half of it would mislead
    desk.clock = 5.0
    desk.end(2)
    assert desk.requests() == [Request("judge", "ports", "", 3, 120.0)]
    desk.judge(3, "ports")
    desk.clock = 9.0
    os.write(desk.pipes[1], b'{"begin":1}\n{"end":1}\n')
    desk.turn()
    assert [request.do for request in desk.requests()] == ["judge", "extend"]
    local, remote = _headers(desk.spools[-1])
    assert (local["probe"], local["finished"]) == ("local", 1_000_009.0)
    assert (remote["probe"], remote["finished"]) == ("remote", 1_000_005.0)
    assert b'{"begin":1}\n' in desk.spools[-1]
    assert b'{"begin":0}\n' not in desk.spools[-1]
    assert desk.spools[-1].endswith(b'{"begin":7}\n')


def test_bad_runs_count_beside_good_windows(desk: Desk):
    desk.use(ports=_watched())
    desk.supervisor.tick()
    watcher = desk.start(1)
    for window in range(3):
        assert desk.supervisor.enqueue("ports")
        run = next(request.run for request in desk.requests() if request.do == "probe")
        desk.start(run)
        desk.end(run, "timeout")
        os.write(watcher, b'{"begin":%d}\n{"end":%d}\n' % (window, window))
        desk.turn()
        for request in desk.requests():
            if request.do == "judge":
                desk.judge(request.run, "ports")
    assert desk.supervisor.counters("ports").quarantined
    assert not desk.supervisor.enqueue("ports")


def test_unknown_events_are_dropped_and_their_pipes_closed(desk: Desk):
    pipe = desk.start(99)
    with pytest.raises(BrokenPipeError):
        os.write(pipe, b"nobody reads")
    desk.end(99)


def test_a_run_takes_the_targets_whose_hours_have_come(desk: Desk):
    # The clock of the desk begins at 20:46 in Vietnam.
    hours = {"remote": ("", "22:00-05:00")}
    desk.use(ports=CheckPlan(True, 60.0, 30.0, ("remote",), ("here",), hours=hours))
    assert desk.supervisor.enqueue("ports")
    assert desk.requests() == [Request("probe", "ports", "remote", 1, 30.0)]
    os.write(desk.start(1), b"by day\n")
    desk.end(1)
    assert [request.do for request in desk.requests()] == ["judge"]
    desk.judge(2, "ports")
    desk.clock = 2 * 3600.0
    assert desk.supervisor.enqueue("ports")
    assert [request.hours for request in desk.requests()] == ["", "22:00-05:00"]
    for run in (3, 4):
        os.write(desk.start(run), b"at night\n")
        desk.end(run)
    (judge,) = desk.requests()
    desk.judge(judge.run, "ports")
    assert [part["hours"] for part in _headers(desk.spools[-1])] == ["", "22:00-05:00"]
    desk.clock = 12 * 3600.0
    assert desk.supervisor.enqueue("ports")
    (by_day,) = desk.requests()
    desk.start(by_day.run)
    desk.end(by_day.run)
    assert b"at night\n" in desk.spools[-1]  # what was seen then still counts, and is as old as it is


def test_a_run_without_anything_due_changes_nothing(desk: Desk):
    desk.use(ports=CheckPlan(True, 60.0, 30.0, ("remote",), ("here",), hours={"remote": ("22:00-05:00",)}))
    assert desk.supervisor.enqueue("ports")
    assert desk.requests() == []
    assert desk.supervisor.idle
