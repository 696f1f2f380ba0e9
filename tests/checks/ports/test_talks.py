from __future__ import annotations

import pytest

from secmon.checks.ports.talks import QUESTIONS, SAY_NOTHING, Talk, page, plan


@pytest.mark.parametrize(
    ("port", "first"),
    [
        (22, Talk.LISTEN), (80, Talk.WEB), (443, Talk.TLS), (993, Talk.TLS), (6379, Talk.REDIS), (5432, Talk.POSTGRES),
        (11211, Talk.MEMCACHED), (27017, Talk.MONGODB), (1433, Talk.MSSQL), (3389, Talk.RDP), (554, Talk.RTSP),
        (31337, Talk.LISTEN),
    ],
)  # fmt: skip
def test_the_likeliest_comes_first_and_others_follow(port, first):
    talks = plan(port)
    assert talks[0] is first
    assert Talk.TLS in talks
    assert len(set(talks)) == len(talks) <= 3


@pytest.mark.parametrize("port", [9100, 9107, 502, 102])
def test_printers_and_controllers_are_only_listened_to(port):
    assert plan(port) == (Talk.LISTEN,)
    assert port in SAY_NOTHING


def test_each_question_has_an_answer_of_its_own():
    assert set(QUESTIONS) == set(Talk) - {Talk.LISTEN, Talk.WEB, Talk.TLS}
    rtsp = QUESTIONS[Talk.RTSP]
    assert rtsp.read(b"RTSP/1.0 200 OK\r\nServer: x\r\n\r\n").service == "rtsp"
    assert rtsp.read(b"HTTP/1.1 400 Bad Request\r\n\r\n") is None
    assert page("a").read(b"HTTP/1.1 200 OK\r\n\r\n").service == "http"
    assert page("a").read(b"SSH-2.0-x\r\n") is None
