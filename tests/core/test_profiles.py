from __future__ import annotations

import pytest

from secmon.core.model import Platform, Role, Severity, Vantage
from secmon.core.profiles import load_profiles
from secmon.core.rules import load_rules, rule_ids
from tests.support.rulebook import REGISTRY, read, rule, told

LIMIT = "require: {port: {lt: $limit}}\nparams: {limit: {type: integer, default: 10, tighten: down}}"
RULES = [
    ("r1", rule(LIMIT, name="ports.limit")),
    ("r2", rule("require: {proto: $which}\nparams: {which: {type: text, default: tcp}}", name="ports.which")),
    ("r3", rule("require: nonsense", name="ports.broken")),
]


def load(*texts):
    rules, _ = load_rules(RULES, REGISTRY)
    documents = [(f"p{number}", read(text)) for number, text in enumerate(texts, 1)]
    return load_profiles([*RULES, *documents], rules, rule_ids(RULES), REGISTRY)


HEAD = "profile: {name: p, vantage: inside, why: {vi: a, en: b}}\n"


def test_a_profile_is_read_whole():
    (profile,), faults = load(
        "profile: {name: server, platform: [linux, windows], roles: [server, database], vantage: inside, why: {vi: V, en: E}}\n"
        "rules:\n"
        "  - use: '*'\n"
        "  - {use: 'ports.*', params: {limit: 5}, severity: critical}\n"
        "  - {use: ports.which, enabled: false, reason: not here}\n"
    )
    assert told(faults) == []
    assert profile.name == "server"
    assert profile.platforms == (Platform.LINUX, Platform.WINDOWS)
    assert profile.roles == (Role.SERVER, Role.DATABASE)
    assert profile.vantage is Vantage.INSIDE
    assert profile.why == {"vi": "V", "en": "E"}
    everything, some, none = profile.uses
    assert (everything.pattern, everything.params, everything.severity, everything.enabled) == (
        "*",
        {},
        None,
        True,
    )
    assert (some.params, some.severity, str(some.place)) == ({"limit": 5}, Severity.CRITICAL, "p1:4:5")
    assert (none.enabled, none.reason) == (False, "not here")


def test_platform_and_roles_may_be_left_out():
    (profile,), faults = load(HEAD + "rules: [{use: '*'}]")
    assert told(faults) == []
    assert (profile.platforms, profile.roles) == ((), ())
    (profile,), _ = load(
        "profile: {name: p, platform: linux, vantage: outside, why: {vi: a, en: b}}\nrules: []"
    )
    assert profile.platforms == (Platform.LINUX,)


@pytest.mark.parametrize(
    ("use", "expected"),
    [
        ("{}", "2:9: rules[0]: the key use is missing"),
        ("{use: ports.limt}", '2:15: rules[0].use: no rule is named "ports.limt"; did you mean ports.limit?'),
        (
            "{use: 'tls.*'}",
            '2:15: rules[0].use: no rule is named "tls.*"; one of ports.broken, ports.limit, ports.which',
        ),
        (
            "{use: '*', enabled: false}",
            "2:9: rules[0]: rules are left out without a reason; write reason: why",
        ),
        ("{use: '*', enabled: no}", '2:29: rules[0].enabled: true or false is wanted, not "no"'),
        (
            "{use: '*', severity: bad}",
            '2:30: rules[0].severity: "bad" is not known here; one of critical, high, info, low, medium',
        ),
        (
            "{use: '*', params: {limt: 5}}",
            '2:29: rules[0].params.limt: no rule of "*" has a parameter "limt"; did you mean limit?',
        ),
        ("{use: '*', params: {limit: x}}", '2:36: rules[0].params.limit: a whole number is wanted, not "x"'),
        (
            "{use: '*', params: {which: tpc}}",
            '2:36: rules[0].params.which: "tpc" is not known here; did you mean tcp?',
        ),
        ("{use: '*', params: 5}", "2:28: rules[0].params: a mapping is wanted, not 5"),
    ],
)
def test_a_wrong_use_says_what_would_be_right(use, expected):
    profiles, faults = load(f"{HEAD}rules: [{use}]")
    assert profiles == []
    assert expected in [line.removeprefix("p1:") for line in told(faults)]
    assert len(faults) == 1


def test_a_rule_that_is_faulty_itself_may_be_used():
    assert load(HEAD + "rules: [{use: ports.broken}]")[1] == []


def test_wrong_heads():
    _, faults = load("profile: {name: P, platform: lynux, roles: [], vantage: in}\nrules: 5")
    assert sorted(told(faults)) == [
        "p1:1:10: profile: the key why is missing",
        'p1:1:17: profile.name: a name in lower-case letters, digits and hyphens is wanted, not "P"',
        'p1:1:30: profile.platform: "lynux" is not known here; did you mean linux?',
        "p1:1:44: profile.roles: the list is empty",
        'p1:1:57: profile.vantage: "in" is not known here; one of inside, outside',
        "p1:2:8: rules: a list is wanted, not 5",
    ]


def test_names_are_unique():
    profiles, faults = load(HEAD + "rules: []", HEAD + "rules: []")
    assert len(profiles) == 1
    assert told(faults) == ['p2:1:10: profile: the profile "p" stands twice; it stands at p1:1:10 already']
