from __future__ import annotations

import pytest

from secmon.core.quantities import parse_instant
from secmon.core.rules import load_rules, rule_ids
from secmon.core.waiverfiles import load_waivers
from tests.support.rulebook import REGISTRY, read, rule, told

NOW = parse_instant("2026-11-23T12:00:00+07:00")
RULES = [("r", rule("require: never"))]
ENTRY = {
    "id": "W-2026-014",
    "rule": "ports.a",
    "match": "{asset: sw-old-01}",
    "reason": "Thiết bị cũ",
    "author": "quan-tri",
    "approved_by": "truong-phong",
    "created": "2026-11-20",
    "expires": "2027-02-15",
}


def load(*changes, known=True, ids=None):
    rules, _ = load_rules(RULES, REGISTRY)
    lines = []
    for change in changes or ({},):
        entry = {key: value for key, value in (ENTRY | change).items() if value is not None}
        lines += [
            f"{'  - ' if number == 0 else '    '}{key}: {value}"
            for number, (key, value) in enumerate(entry.items())
        ]
    text = "waivers:\n" + "\n".join(lines)
    return load_waivers(
        [("w", read(text))], rules, ids or (rule_ids(RULES) if known else None), REGISTRY, NOW
    )


def test_a_waiver_is_read_whole():
    (only,), faults = load(
        {"match": "{asset: sw-old-01, unit: xa, subject: {proto: tcp, port: 23, address: null}}"}
    )
    assert told(faults) == []
    assert (only.id, only.rule, only.unit, only.asset) == ("W-2026-014", "ports.a", "xa", "sw-old-01")
    assert only.subject == {"proto": "tcp", "port": 23, "address": None}
    assert (only.author, only.approved_by, only.reason) == ("quan-tri", "truong-phong", "Thiết bị cũ")
    assert only.created == parse_instant("2026-11-20T00:00:00+07:00")
    assert only.expires == parse_instant("2027-02-16T00:00:00+07:00"), "the end of its last day in Vietnam"
    assert str(only.place) == "w:2:5"


def test_one_that_is_over_is_kept():
    (only,), faults = load({"created": "2026-01-01", "expires": "2026-03-01"})
    assert told(faults) == []
    assert only.expires < NOW


def test_180_days_are_allowed_and_181_are_not():
    assert load({"created": "2026-11-20", "expires": "2027-05-19"})[1] == []
    assert told(load({"created": "2026-11-20", "expires": "2027-05-20"})[1]) == [
        "w:9:14: waivers[0].expires: 181 days are too long; at most 180: 2027-05-19 is the latest"
    ]


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        ({"expires": None}, "w:2:5: waivers[0]: the key expires is missing"),
        (
            {"expires": "soon"},
            'w:9:14: waivers[0].expires: "soon" cannot be read; a day is written YYYY-MM-DD',
        ),
        ({"expires": "2026-11-19"}, "w:9:14: waivers[0].expires: it ends before it begins"),
        (
            {"created": "2026-11-24"},
            "w:8:14: waivers[0].created: it is not made yet; created is the day on which it was written",
        ),
        (
            {"approved_by": "QUAN-TRI"},
            "w:7:18: waivers[0].approved_by: the approver is the author; somebody else approves",
        ),
        ({"rule": "ports.b"}, 'w:3:11: waivers[0].rule: no rule is named "ports.b"; did you mean ports.a?'),
        (
            {"match": "{}"},
            "w:4:12: waivers[0].match: an empty match would be for everything; give unit or asset or subject",
        ),
        (
            {"match": "{subject: {prot: tcp}}"},
            'w:4:23: waivers[0].match.subject.prot: unknown key "prot"; did you mean proto?',
        ),
        (
            {"match": "{subject: {proto: tpc}}"},
            'w:4:30: waivers[0].match.subject.proto: "tpc" is not known here; did you mean tcp?',
        ),
        (
            {"match": "{subject: {scope: exposed}}"},
            'w:4:23: waivers[0].match.subject.scope: unknown key "scope"; one of address, port, proto',
        ),
        (
            {"match": "{asset: a, subject: {}}"},
            (
                "w:4:32: waivers[0].match.subject: no subject is named; "
                "give values of its key fields, or leave the key out"
            ),
        ),
        ({"match": "{subject: 5}"}, "w:4:22: waivers[0].match.subject: a mapping is wanted, not 5"),
        ({"id": "W 14"}, 'w:2:9: waivers[0].id: an id of letters, digits and .-_ is wanted, not "W 14"'),
        ({"reason": "''"}, "w:5:13: waivers[0].reason: it is empty"),
    ],
)
def test_a_wrong_waiver_says_what_would_be_right(change, expected):
    waivers, faults = load(change)
    assert waivers == []
    assert told(faults) == [expected]


def test_ids_are_unique():
    assert told(load({}, {})[1]) == [
        'w:10:9: waivers[1].id: the id "W-2026-014" stands twice; it stands at w:2:5 already'
    ]


def test_rules_that_are_not_here_may_be_named():
    (only,), faults = load({"rule": "ports.b", "match": "{asset: a, subject: {anything: 1}}"}, known=False)
    assert told(faults) == []
    assert only.subject == {"anything": 1}, "dropped, it would be for everything"
    for subject in ("5", "{}", "[proto]"):
        waivers, faults = load({"rule": "ports.b", "match": f"{{asset: a, subject: {subject}}}"}, known=False)
        assert (waivers, len(faults)) == ([], 1)


def test_a_rule_that_resembles_none_is_looked_for_in_the_list():
    many = frozenset(f"ports.rule-{number}" for number in range(99))
    assert told(load({"rule": "tls.nothing-like-it"}, ids=many)[1]) == [
        'w:3:11: waivers[0].rule: no rule is named "tls.nothing-like-it"; `secmon rules list` shows all'
    ]
