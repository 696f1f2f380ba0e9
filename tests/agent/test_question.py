from __future__ import annotations

import os
import socket

import pytest

from secmon.agent.audit import PlanFailed
from secmon.agent.channel import Channel, Event, SpawnerGone, send_event
from secmon.agent.question import ask


@pytest.fixture
def ends():
    """A channel without a spawner behind it, and the end that the spawner would hold."""
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    yield Channel(ours, 0), theirs
    ours.close()
    theirs.close()


def written(text):
    fd = os.memfd_create("test")
    os.write(fd, text)
    os.lseek(fd, 0, os.SEEK_SET)
    return fd


def answered(ends, status, text):
    channel, theirs = ends
    fd = written(text)
    send_event(theirs, Event("plan", 1, fd, status))
    os.close(fd)
    return ask(channel)


def test_an_answer_is_one_json_value(ends):
    answer = answered(ends, "ok", b'{"rules": []}\n')
    assert (answer.value, answer.faults) == ({"rules": []}, ())


def test_faults_come_line_by_line(ends):
    line = b'{"file": "a.yml", "line": 1, "column": 2, "key": "k", "message": "m", "advice": "w"}\n'
    answer = answered(ends, "faults", line * 2)
    assert answer.value is None
    assert [str(fault) for fault in answer.faults] == ["a.yml:1:2: k: m; w"] * 2


def test_an_answer_may_come_with_warnings(ends):
    warning = b'{"file": "a.yml", "line": 1, "column": 2, "key": "k", "message": "m", "advice": "", "warning": true}\n'
    answer = answered(ends, "ok", b'{"rules": []}\n' + warning)
    assert answer.value == {"rules": []}
    assert [str(fault) for fault in answer.faults] == ["a.yml:1:2: warning: k: m"]


@pytest.mark.parametrize("status", ["timeout", "crashed", "resource_limit"])
def test_a_child_that_ends_otherwise_is_said(ends, status):
    with pytest.raises(PlanFailed, match=status):
        answered(ends, status, b'{"crash": "KeyError"}')


def test_a_spawner_that_is_gone_is_said(ends):
    channel, theirs = ends
    theirs.close()
    with pytest.raises(SpawnerGone):
        ask(channel)
