from __future__ import annotations

import copy

from secmon.cli.status import status_text

STATUS = {
    "schema": "secmon.status/1",
    "version": "0.1.0",
    "agent": "may-chu-01",
    "pid": 4242,
    "started": 1763880000.0,
    "at": 1763883600.0,
    "root": False,
    "insecure_listen": False,
    "reload": {"config": True, "rules": True},
    "state_write_errors": 0,
    "alive": True,
    "assets": [
        {
            "id": "may-chu-01",
            "score": {"raw": 54.54, "accepted": 72.7, "coverage": 90.9, "grade": "C"},
            "findings": {
                "open": {"critical": 1, "high": 2, "medium": 0, "low": 0, "info": 0},
                "waived": {"critical": 0, "high": 1, "medium": 0, "low": 0, "info": 0},
            },
        }
    ],
    "checks": [
        {
            "check": "ports",
            "up": True,
            "interval": 900.0,
            "last_run": 1763883500.0,
            "duration": 0.31,
            "next_run": 1763884400.0,
            "last_complete": 1763883500.0,
            "canary": "ok",
            "quarantined": False,
            "missed": 0,
            "kills": 0,
            "failures": {},
        }
    ],
}
NEVER = {"check": "tls", "last_run": None, "duration": None, "canary": None, "quarantined": False}


def changed(**over):
    return copy.deepcopy(STATUS) | over


def test_a_running_agent():
    assert status_text(STATUS, "en") == (
        "secmon 0.1.0, may-chu-01: running, process 4242, since 2025-11-23 13:40\n"
        "\n"
        "may-chu-01: score 54.5, grade C, seen 91 %\n"
        "  to repair: 1 critical, 2 high\n"
        "  accepted: 1 high\n"
        "\n"
        "ports  last run 2025-11-23 14:38, took 0.3 s\n"
    )


def test_vietnamese():
    shown = status_text(changed(alive=False), "vi")
    assert "KHÔNG chạy; dưới đây là tình trạng lúc 23/11/2025 14:40" in shown
    assert "điểm 54,5, hạng C, đã xem 91 %" in shown


def test_what_is_wrong_with_the_agent_is_said():
    shown = status_text(
        changed(
            root=True, insecure_listen=True, state_write_errors=3, reload={"config": False, "rules": True}
        ),
        "en",
    )
    for text in ("runs as root", "unprotected", "3 writes", "faulty when last read"):
        assert text in shown


def test_waivers_that_want_looking_after():
    names = [f"W-{number}" for number in range(6)]
    shown = status_text(changed(waivers={"expired": names, "broad": ["W-9"]}), "en")
    assert "count again: W-0, W-1, W-2, W-3, … (+2). Where they stand: secmon config check\n" in shown
    assert "too broad: W-9. " in shown
    assert "chấp nhận" not in status_text(changed(waivers={"expired": [], "broad": []}), "vi").splitlines()[1]


def test_a_check_that_cannot_see_or_has_not_run_says_so():
    blind = STATUS["checks"][0] | {"canary": "permission", "quarantined": True}
    shown = status_text(changed(checks=[blind, NEVER]), "en")
    assert "could NOT look: not enough rights to look; paused after being killed several times" in shown
    assert "tls    has not run yet" in shown


def test_no_score_is_not_a_zero():
    asset = STATUS["assets"][0] | {"score": dict.fromkeys(("raw", "accepted", "coverage", "grade"))}
    assert "may-chu-01: no score yet" in status_text(changed(assets=[asset]), "en")
