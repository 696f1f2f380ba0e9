"""Messages of threads and signals reach the loop, in order, however many there are."""

from __future__ import annotations

import os
import selectors
import signal
import threading

import pytest

from secmon.agent.mailbox import Mailbox, Message


@pytest.fixture
def box():
    got = []
    with selectors.DefaultSelector() as selector:
        mailbox = Mailbox(selector, got.append)

        def turn(timeout=5):
            for key, _ in selector.select(timeout):
                key.data()
            return got

        yield mailbox, turn
        mailbox.close()


def test_messages_of_threads_arrive_in_order(box):
    mailbox, turn = box
    thread = threading.Thread(target=lambda: [mailbox.post(Message("due", str(n))) for n in range(100_000)])
    thread.start()
    thread.join()
    assert [message.check for message in turn()] == [str(n) for n in range(100_000)]
    assert turn(0) == turn(0)


@pytest.mark.parametrize(
    ("number", "kind"), [(signal.SIGTERM, "stop"), (signal.SIGINT, "stop"), (signal.SIGHUP, "reload")]
)
def test_signals_wake_the_loop_and_are_given_back_afterwards(box, number, kind):
    mailbox, turn = box
    before = signal.getsignal(number)
    with mailbox.signals():
        threading.Timer(0.05, os.kill, (os.getpid(), number)).start()
        assert turn() == [Message(kind)]
    assert signal.getsignal(number) is before
