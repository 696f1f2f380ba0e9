from __future__ import annotations

import re
import signal

from secmon.checks.ports.probe.matcher import Matcher
from secmon.core.fingerprint import Fingerprint


def known(name, pattern):
    return Fingerprint(name, "ssh", re.compile(pattern), product=name)


SLOW = known("slow", r"^(a+)+$")
HOSTILE = "a" * 60 + "!"


def test_the_first_that_knows_a_text_counts_and_a_name_is_loaded_once():
    loaded = []

    def load(name):
        loaded.append(name)
        return [known("one", "^a"), known("two", "^ab")] if name == "ssh" else []

    matcher = Matcher(load)
    assert matcher("ssh", "ab").product == "one"
    assert matcher("ssh", "b") is None
    assert matcher("ftp", "ab") is None
    assert loaded == ["ssh", "ftp"]


def test_a_pattern_that_takes_too_long_is_left_out_and_named():
    matcher = Matcher(lambda _: [known("one", "^b"), SLOW, known("last", "^a")], seconds=0.05)
    assert matcher("ssh", HOSTILE) is None, "what was not tried in time is not known"
    assert matcher.left_out == ["slow"]
    assert matcher("ssh", HOSTILE).product == "last"
    assert matcher("ssh", "b").product == "one"
    assert matcher.left_out == ["slow"]


def test_the_timer_is_put_away():
    before = signal.getsignal(signal.SIGVTALRM)
    Matcher(lambda _: [SLOW], seconds=0.05)("ssh", HOSTILE)
    assert signal.getsignal(signal.SIGVTALRM) is before
    assert signal.getitimer(signal.ITIMER_VIRTUAL) == (0.0, 0.0)


def test_a_text_is_cut():
    matcher = Matcher(lambda _: [known("end", "z")])
    assert matcher("ssh", "a" * 1023 + "z")
    assert matcher("ssh", "a" * 1024 + "z") is None
