"""Signals arrive in the loop, in order, and are given back afterwards."""

from __future__ import annotations

import os
import selectors
import signal
import threading

import pytest

from secmon.agent.signals import delivered


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGHUP])
def test_a_signal_wakes_the_loop_and_no_handler_stays_behind(number):
    before = signal.getsignal(number)
    got = []
    with selectors.DefaultSelector() as selector:
        with delivered(selector, got.append):
            timer = threading.Timer(0.05, os.kill, (os.getpid(), number))
            timer.start()
            for key, _ in selector.select(5):
                key.data()
            timer.join()
        assert not selector.get_map()
    assert got == [number]
    assert signal.getsignal(number) is before


def test_signals_that_came_while_the_loop_was_busy_are_all_told():
    got = []
    with selectors.DefaultSelector() as selector, delivered(selector, got.append):
        for number in (signal.SIGHUP, signal.SIGTERM, signal.SIGHUP):
            os.kill(os.getpid(), number)
        for key, _ in selector.select(5):
            key.data()
        assert not selector.select(0)
    assert got == [signal.SIGHUP, signal.SIGTERM, signal.SIGHUP]
