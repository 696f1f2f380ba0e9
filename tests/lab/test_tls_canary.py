"""The canary dies of what it is there to notice."""

from __future__ import annotations

import asyncio
import socket
import time
from dataclasses import replace

import pytest

from secmon.checks.tls.probe import canary, endpoint
from secmon.core.contract import Unavailable
from secmon.core.model import Reason
from tests.support import Collector


@pytest.fixture
def ready():
    made = canary.open_canary(time.time())
    yield made
    made.listener.close()


def told(ready) -> Reason | None:
    collector = Collector()
    asyncio.run(endpoint.prove(ready, collector))
    ((reason, detail),) = collector.canaries
    assert bool(reason) == bool(detail)
    return reason


def test_it_lives(ready):
    assert told(ready) is None


def test_another_certificate_is_noticed(ready):
    assert told(replace(ready, certificate=b"another")) is Reason.BAD_DATA


def test_a_server_that_does_not_answer_is_noticed(ready):
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        ready.listener.close()
        other.close()
        with socket.socket() as dead:
            dead.setblocking(False)
            dead.bind(("127.0.0.1", port))
            assert told(replace(ready, listener=dead)) is Reason.REFUSED


def test_a_server_that_could_not_be_started_is_told():
    assert told(Unavailable(Reason.UNSUPPORTED, "why")) is Reason.UNSUPPORTED
