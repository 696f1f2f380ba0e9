from __future__ import annotations

import pytest

from secmon.export.report.values import day_time, evidence_text, last_day, number, subject_text, unix_time
from tests.export.report.samples import listener, result


def test_numbers_have_the_sign_of_the_language():
    assert (number(54.54, "vi"), number(54.54, "en"), number(90.9, "en", 0)) == ("54,5", "54.5", "91")


def test_times_are_those_of_vietnam():
    assert day_time("2026-11-23T18:20:00Z", "vi") == "24/11/2026 01:20"
    assert day_time("2026-11-23T18:20:00Z", "en") == "2026-11-24 01:20"
    assert unix_time(1764547200, "en") == "2025-12-01 07:00"
    assert unix_time(1e300, "en") == "1e+300"


def test_a_waiver_lasts_to_the_end_of_its_last_day():
    assert last_day("2027-01-31T17:00:00Z", "vi") == "31/01/2027"


@pytest.mark.parametrize(
    ("subject", "expected"),
    [
        ({}, ""),
        (listener(23), "tcp 0.0.0.0:23"),
        (listener(23, "::1"), "tcp [::1]:23"),
        ({**listener(53), "netns": "web"}, "tcp 0.0.0.0:53 netns=web"),
        ({"proto": "udp", "address": "0.0.0.0", "port": "ephemeral"}, "udp 0.0.0.0:ephemeral"),
        ({"host": "a.vn", "port": 443, "sni": "b.vn"}, "a.vn:443 sni=b.vn"),
        ({"package": "openssl"}, "package=openssl"),
        ({"port": 443}, "port 443"),
        ({"place": "local", "index": 0}, "index=0"),
    ],
)
def test_a_subject_is_named_as_people_name_it(subject, expected):
    assert subject_text(result("tls.expiring", subject=subject)) == expected


def evidence(**fields):
    return evidence_text(
        result("tls.expiring", subject={"port": 1}, evidence=fields), {("tls", "not_after")}, "en"
    )


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ({"port": 1}, ""),
        ({"a": None, "b": True, "c": 1.5}, "a=- b=true c=1.5"),
        ({"names": ["x", "y"]}, "names=x,y"),
        ({"by": "two words"}, 'by="two words"'),
        ({"not_after": 1764547200}, "not_after=2025-12-01 07:00"),
        ({"not_after": None}, "not_after=-"),
        ({"record": {"k": [1]}}, "record={k: 1}"),
        ({"a": "\x1b[31m"}, "a=\\x1b[31m"),
        ({"a": "x" * 200}, "a=" + "x" * 159 + "…"),
    ],
)
def test_evidence_is_short_and_safe(fields, expected):
    assert evidence(**fields) == expected
