"""Requests are read strictly: the core may have been taken over."""

from __future__ import annotations

import json
import os
import socket
from dataclasses import asdict

import pytest
from hypothesis import given
from hypothesis import strategies as st

from secmon.agent.channel import (
    DEADLINE_LIMIT_SECONDS,
    Channel,
    Event,
    Request,
    SpawnerGone,
    check_request,
    decode_request,
    encode_request,
    receive,
    send_event,
)
from tests.support.processes import make_registry

GOOD = Request("probe", "tls", "endpoint", 7, 30.0)
REGISTRY = make_registry(["tls"])


def _with(**changes) -> bytes:
    return json.dumps({**asdict(GOOD), **changes}).encode()


def test_a_request_comes_back():
    assert decode_request(encode_request(GOOD)) == GOOD
    assert decode_request(encode_request(Request("kill", run=1))) == Request("kill", run=1)


@pytest.mark.parametrize("deadline", [1e9, 10**400 // 10**390, float("inf")])
def test_the_deadline_is_capped(deadline: float):
    assert decode_request(_with(deadline=deadline)).deadline == DEADLINE_LIMIT_SECONDS


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"", "not JSON"),
        (b"\xff", "not JSON"),
        (b"[" * 1024, "not JSON"),
        (b"9" * 1024, "other keys"),
        (b"[]", "other keys"),
        (_with(more=1), "other keys"),
        (_with(check="x" * 1024), "too long"),
        (_with(do="exec"), "unknown do"),
        (_with(do=[]), "unknown do"),
        (_with(check=1), "check, probe and hours are text"),
        (_with(probe=None), "check, probe and hours are text"),
        (_with(run=0), "run is"),
        (_with(run=True), "run is"),
        (_with(run=2**53), "run is"),
        (_with(run=1.0), "run is"),
        (_with(deadline=-1), "deadline is"),
        (_with(deadline=False), "deadline is"),
        (_with(deadline=float("nan")), "deadline is"),
        (_with(deadline=0), "only kill"),
        (_with(do="kill"), "only kill"),
    ],
)
def test_anything_else_is_refused(data: bytes, message: str):
    with pytest.raises(ValueError, match=message):
        decode_request(data)


@given(st.binary(max_size=1100))
def test_bytes_are_a_request_or_refused(data: bytes):
    try:
        decode_request(data)
    except ValueError as error:
        assert str(error).isascii()


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=5,
)


@given(st.fixed_dictionaries(dict.fromkeys(asdict(GOOD), json_values)))
def test_values_are_a_request_or_refused(value: dict):
    try:
        request = decode_request(json.dumps(value).encode())
    except ValueError:
        return
    assert request.run > 0
    assert 0 <= request.deadline <= DEADLINE_LIMIT_SECONDS


@pytest.mark.parametrize(
    ("request_", "fds", "has_plan", "message"),
    [
        (Request("probe", "tls", "probe", 1, 1.0), 0, True, ""),
        (Request("judge", "tls", "", 1, 1.0), 1, True, ""),
        (Request("plan", run=1, deadline=1.0), 0, False, ""),
        (Request("kill", run=1), 0, False, ""),
        (Request("probe", "tls", "probe", 1, 1.0), 1, True, "descriptor"),
        (Request("judge", "tls", "", 1, 1.0), 0, True, "descriptor"),
        (Request("plan", run=1, deadline=1.0), 1, True, "descriptor"),
        (Request("probe", "tls", "probe", 1, 1.0), 0, False, "no plan"),
        (Request("probe", "ssh", "probe", 1, 1.0), 0, True, "unregistered check"),
        (Request("judge", "ssh", "", 1, 1.0), 1, True, "unregistered check"),
        (Request("probe", "tls", "tests.support.probe", 1, 1.0), 0, True, "unregistered probe"),
        (Request("capture", "tls", "probe", 1, 1.0), 0, True, "unregistered probe"),
    ],
)
def test_only_what_is_registered_is_done(request_: Request, fds: int, has_plan: bool, message: str):
    if not message:
        check_request(request_, REGISTRY, fds=fds, has_plan=has_plan)
        return
    with pytest.raises(ValueError, match=message):
        check_request(request_, REGISTRY, fds=fds, has_plan=has_plan)


@pytest.fixture
def ends():
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    yield ours, theirs
    ours.close()
    theirs.close()


def test_an_event_comes_with_its_descriptor(ends):
    ours, theirs = ends
    reader, writer = os.pipe()
    send_event(theirs, Event("started", 5, reader))
    send_event(theirs, Event("ended", 5, status="timeout"))
    started, ended = Channel(ours, 0).receive()
    assert started.fd not in (None, reader)
    assert ended == Event("ended", 5, None, "timeout")
    os.write(writer, b"x")
    assert os.read(started.fd, 2) == b"x"
    assert not os.get_inheritable(started.fd)
    for fd in (reader, writer, started.fd):
        os.close(fd)


def test_what_came_before_the_end_is_given_first(ends):
    ours, theirs = ends
    send_event(theirs, Event("ended", 5, status="ok"))
    theirs.close()
    channel = Channel(ours, 0)
    assert [event.run for event in channel.receive()] == [5]
    with pytest.raises(SpawnerGone):
        channel.receive()
    with pytest.raises(SpawnerGone):
        channel.send(GOOD)


def test_a_request_takes_its_descriptor_along(ends):
    ours, theirs = ends
    spool = os.memfd_create("spool")
    Channel(ours, 0).send(Request("judge", "tls", run=1, deadline=5.0), spool)
    data, fds = receive(theirs, 2048, 2)
    assert decode_request(data).do == "judge"
    assert [os.fstat(fd).st_ino for fd in fds] == [os.fstat(spool).st_ino]
    for fd in (spool, *fds):
        os.close(fd)


def test_receiving_never_waits(ends):
    with pytest.raises(BlockingIOError):
        receive(ends[0], 10, 1)
