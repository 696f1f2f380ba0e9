from __future__ import annotations

import copy

import pytest

from secmon.cli.rulepages import (
    explanation_text,
    fault_rows,
    faults_text,
    good_text,
    list_text,
    outcomes_text,
)
from secmon.core.rule import Fault, Place

PLACE = {"file": "a.yml", "line": 2, "column": 5}
TESTS = {
    "rules": 2,
    "cases": 3,
    "failures": [{"rule": "ports.a", "case": "one\x1b[2J", "expected": "fail", "got": "pass", **PLACE}],
    "lacking": [{"rule": "tls.b", "lacks": ["fail", "unknown"], **PLACE}],
}
ROWS = [
    {"id": "ports.a", "severity": "critical", "title": {"vi": "Mở \u202e", "en": "Open"}},
    {"id": "tls.bcd", "severity": "low", "title": {"vi": "Hết hạn", "en": "Expired"}},
]
TOLD = {
    "rule": {
        "id": "ports.a",
        "check": "ports",
        "for_each": "listener",
        "title": {"vi": "T", "en": "U"},
        **PLACE,
    },
    "asset": {
        "id": "own",
        "unit": "",
        "platform": "linux",
        "level": 3,
        "roles": ["database"],
        "vantages": ["inside", "outside"],
    },
    "enabled": True,
    "binds": True,
    "verdicts": [
        {
            "profile": "other",
            "standing": "roles",
            "place": PLACE,
            "platforms": [],
            "roles": ["payment"],
            "vantage": "inside",
            "reason": "",
        },
        {
            "profile": "all",
            "standing": "uses",
            "place": PLACE,
            "platforms": [],
            "roles": [],
            "vantage": "inside",
            "reason": "",
        },
    ],
    "unfilled": [],
    "sources": {"local": ["inside"]},
    "values": [
        {
            "name": "limit",
            "unit": "days",
            "effective": 5,
            "local": False,
            "steps": [
                {
                    "layer": "rule",
                    "who": "",
                    "value": 10,
                    "place": PLACE,
                    "in_force": False,
                    "refused": False,
                },
                {
                    "layer": "override",
                    "who": "R\x07",
                    "value": 5,
                    "place": PLACE,
                    "in_force": True,
                    "refused": False,
                },
                {
                    "layer": "override",
                    "who": "S",
                    "value": 7,
                    "place": PLACE,
                    "in_force": False,
                    "refused": True,
                },
            ],
        }
    ],
}


def test_faults_are_counted():
    faults = [Fault(Place(file, 1, 1), "k", "m", "a") for file in ("a", "a", "b")]
    assert faults_text(faults, "en") == "3 faults in 2 files"
    assert faults_text(faults[:1], "vi") == "1 lỗi"
    assert fault_rows(faults)[2] == {
        "file": "b",
        "line": 1,
        "column": 1,
        "key": "k",
        "message": "m",
        "advice": "a",
    }
    counts = dict.fromkeys(("files", "rules", "profiles", "overrides", "waivers"), 2)
    assert good_text(counts, 0, "en") == (
        "No faults. 2 files: 2 rules, 2 profiles, 2 overrides, 2 waivers.\n"
    )
    assert good_text(counts, 1, "en").endswith("2 waivers. 1 warning.\n")
    assert good_text(counts, 3, "vi").endswith(" 3 cảnh báo.\n")


def test_warnings_are_no_faults():
    warning = Fault(Place("w", 1, 1), "W-1", "m", "a", warning=True)
    faults = [Fault(Place("a", 1, 1), "k", "m", "a"), warning]
    assert faults_text(faults, "en") == "1 fault, 1 warning"
    assert faults_text([*faults, *faults], "vi") == "2 lỗi trong 1 tệp, 2 cảnh báo"
    assert str(warning) == "w:1:1: warning: W-1: m; a"


def test_a_failed_case_says_where_and_what():
    assert outcomes_text(TESTS, "en") == (
        'a.yml:2:5: ports.a: "one\\x1b[2J": expected fail, got pass\n'
        "a.yml:2:5: tls.b: no test expects: fail, unknown\n"
        "2 rules, 3 tests: 2 passed, 1 failed. 1 rules lack tests.\n"
    )
    good = TESTS | {"failures": [], "lacking": []}
    assert outcomes_text(good, "vi") == "2 quy tắc, 3 bài kiểm thử: 3 đạt, 0 không đạt.\n"


def test_a_list_is_a_table_in_the_language_of_the_reader():
    assert list_text(ROWS, "en") == (
        "SEVERITY  ID       TITLE\ncritical  ports.a  Open\nlow       tls.bcd  Expired\n2 rules\n"
    )
    assert "nghiêm trọng  ports.a  Mở \\u202e\n" in list_text(ROWS, "vi")
    assert list_text([], "vi") == "0 quy tắc\n"


def test_an_explanation_marks_what_is_in_force():
    assert explanation_text(TOLD, "en") == (
        "ports.a: U\n"
        "  check ports, for each listener\n"
        "  a.yml:2:5\n"
        "\n"
        "Asset own: linux, level 3, roles database, unit none, looked at from inside, from outside\n"
        "It BINDS this asset.\n"
        "  profile all uses it\n"
        "      a.yml:2:5\n"
        "  profile other does not: it is for the role payment\n"
        "\n"
        "$limit = 5 days\n"
        "   10  the rule         a.yml:2:5\n"
        "=> 5   override: R\\x07  a.yml:2:5\n"
        "   7   override: S      a.yml:2:5  (refused: it would loosen)\n"
    )


@pytest.mark.parametrize(
    ("change", "texts"),
    [
        ({"binds": False}, ["KHÔNG áp dụng", "\n$limit\n"]),
        ({"enabled": False}, ["đang tắt trong cấu hình", "not_configured"]),
        ({"binds": False, "unfilled": ["limit"]}, ["Tham số $limit chưa có giá trị"]),
        ({"verdicts": []}, ["Không có hồ sơ nào."]),
    ],
)
def test_why_a_rule_does_not_count_is_said_in_vietnamese(change, texts):
    shown = explanation_text(TOLD | change, "vi")
    assert all(text in shown for text in texts)


@pytest.mark.parametrize(
    ("standing", "text"),
    [
        ("platform", "does not: it is for the platform network"),
        ("vantage", "does not: it is for assets looked at from outside"),
        (
            "kind",
            "does not: no target of this asset yields a listener from outside; a listener comes from: local",
        ),
        ("unused", "does not: none of its lines names the rule"),
        ("disabled", "does not: it leaves the rule out: no need\n      a.yml:2:5"),
    ],
)
def test_why_a_profile_does_not_use_a_rule(standing, text):
    told = copy.deepcopy(TOLD)
    told["verdicts"][0] |= {
        "standing": standing,
        "platforms": ["network"],
        "vantage": "outside",
        "reason": "no need",
    }
    assert f"  profile other {text}" in explanation_text(told, "en")
