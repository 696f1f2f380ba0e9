"""The fate of every attempt, and whether both directions are seen."""

from __future__ import annotations

import pytest

from secmon.checks.traffic import conversations, headers
from secmon.checks.traffic.conversations import Conversations
from secmon.checks.traffic.events import Fate
from tests.checks.traffic import packets as p

A, B = "10.0.0.1", "10.0.0.2"
TO, BACK = (1024, 80), (80, 1024)
SYN_FRAME, SYN_ACK = p.tcp(A, B, TO, p.SYN), p.tcp(B, A, BACK, p.SYN | p.ACK)
CLIENT_ACK, SERVER_ACK = p.tcp(A, B, TO, p.ACK), p.tcp(B, A, BACK, p.ACK)
CLIENT_RST, SERVER_RST = p.tcp(A, B, TO, p.RST), p.tcp(B, A, BACK, p.RST | p.ACK)


def follow(frames: list[bytes], start: float = 10.0, step: float = 0.01) -> Conversations:
    followed = Conversations()
    for number, data in enumerate(frames):
        followed.segment(start + number * step, headers.parse_ethernet(data, 0, len(data)))
    return followed


@pytest.mark.parametrize(
    ("frames", "fate"),
    [
        ([SYN_FRAME, SYN_ACK, CLIENT_ACK], Fate.COMPLETED),
        ([SYN_FRAME, SYN_FRAME, SYN_ACK, SYN_ACK, CLIENT_ACK, CLIENT_ACK], Fate.COMPLETED),
        ([SYN_FRAME, SERVER_RST], Fate.REFUSED),
        ([SYN_FRAME, SYN_ACK, CLIENT_RST], Fate.ABORTED),
        ([SYN_FRAME, CLIENT_ACK, CLIENT_ACK], Fate.UNSEEN),
        ([SYN_FRAME, CLIENT_RST], Fate.UNSEEN),
    ],
)
def test_a_segment_decides_an_attempt_once(frames, fate):
    decided = follow(frames).decided
    assert [(attempt.fate, attempt.client, attempt.server, attempt.port) for attempt in decided] == [
        (fate, p.ip(A), p.ip(B), 80)
    ]
    assert decided[0].began == 10.0


@pytest.mark.parametrize(
    ("frames", "patience", "fate"),
    [([SYN_FRAME], 1.0, Fate.UNANSWERED), ([SYN_FRAME, SYN_ACK], 1.01, Fate.HALF_OPEN)],
)
def test_time_decides_an_attempt(frames, patience, fate):
    followed = follow(frames)
    followed.expire(10.0 + patience)
    assert followed.decided == []
    followed.expire(10.02 + patience)
    assert [attempt.fate for attempt in followed.decided] == [fate]


def test_a_clock_that_was_set_back_decides_nothing():
    followed = follow([SYN_FRAME])
    followed.expire(5.0)
    assert [attempt.fate for attempt in followed.decided] == [Fate.UNSEEN]


@pytest.mark.parametrize(
    ("frames", "one_sided"),
    [
        ([], None),
        ([SYN_FRAME], None),  # nothing says whether an answer was to be seen
        ([SYN_FRAME, SYN_ACK, CLIENT_ACK], False),
        ([SYN_FRAME, SERVER_RST], False),
        ([SYN_FRAME, CLIENT_ACK, CLIENT_ACK], True),
        ([SYN_ACK, SERVER_ACK, SERVER_ACK], True),
        ([CLIENT_ACK, CLIENT_ACK], True),
        ([CLIENT_ACK], None),
        ([CLIENT_ACK, SERVER_ACK], False),
        ([SERVER_ACK, SERVER_ACK, CLIENT_ACK], False),
        ([SERVER_RST], True),  # answers to a scan whose questions were not seen
        ([SYN_FRAME, SYN_ACK, CLIENT_ACK, SERVER_RST, SERVER_RST], False),
    ],
)
def test_one_sidedness(frames, one_sided):
    assert follow(frames).one_sided is one_sided


def test_repeated_answers_to_a_half_open_scan_are_no_sign_of_one_sidedness():
    followed = follow([SYN_FRAME, SYN_ACK])
    followed.expire(20.0)
    for stamp in (21.0, 22.0, 23.0):
        followed.segment(stamp, headers.parse_ethernet(SYN_ACK, 0, len(SYN_ACK)))
    assert followed.one_sided is False


def test_a_flood_of_forged_sources_stays_within_the_limit(monkeypatch):
    monkeypatch.setattr(conversations, "MAX_HANDSHAKES", 64)
    followed = Conversations()
    for number in range(1000):
        data = p.tcp(f"10.1.{number >> 8}.{number & 255}", B, TO, p.SYN)
        followed.segment(10.0, headers.parse_ethernet(data, 0, len(data)))  # time stands still
        assert len(followed._under_way) <= 64
    assert followed.attempts == 1000
    assert followed.evicted == len(followed.decided) >= 1000 - 64
    assert {attempt.fate for attempt in followed.decided} == {Fate.UNANSWERED}


def test_a_new_window_forgets_counts_and_keeps_handshakes():
    followed = follow([SYN_FRAME, SYN_ACK])
    followed.begin_window()
    assert (followed.attempts, followed.answers, followed.one_sided) == (0, 0, None)
    followed.segment(10.5, headers.parse_ethernet(CLIENT_ACK, 0, len(CLIENT_ACK)))
    assert [attempt.fate for attempt in followed.decided] == [Fate.COMPLETED]
