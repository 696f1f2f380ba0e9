from __future__ import annotations

import pytest

from secmon.core.binding import bind, can_yield
from secmon.core.model import Asset, Form, Platform, Role, Severity, Target, Vantage
from secmon.core.overrides import load_overrides
from secmon.core.profiles import load_profiles
from secmon.core.rules import load_rules, rule_ids
from tests.support.rulebook import ANOMALY, CERTIFICATE, LISTENER, PORT, REGISTRY, read, rule, told

OWN = Asset("own", unit="so")
SWITCH = Asset("sw", platform=Platform.NETWORK, roles=(Role.APPLIANCE,), vantages=(Vantage.OUTSIDE,))
LOCAL = Target("own", "ports", Form.LOCAL, "local")
LIMIT = "require: {port: {lt: $limit}}\nparams: {limit: {type: integer, default: 10, level_3: 8, level_4: 6, tighten: down}}"
ALLOW = "require: {listed_in: $allow}\nparams: {allow: {type: predicates, local: true}}"
INSIDE = "profile: {name: inside, platform: linux, vantage: inside, why: {vi: a, en: b}}\n"
OUTSIDE = "profile: {name: outside, vantage: outside, why: {vi: a, en: b}}\n"


def bound(documents, profiles, *, overrides="", assets=(OWN,), targets=(LOCAL,)):
    """Bind rules of documents with profiles and overrides in YAML."""
    files = [(f"r{number}", document) for number, document in enumerate(documents, 1)]
    rules, faults = load_rules(files, REGISTRY)
    assert told(faults) == []
    texts = [(f"p{number}", read(text)) for number, text in enumerate(profiles, 1)]
    loaded, faults = load_profiles(texts, rules, rule_ids(files), REGISTRY)
    assert told(faults) == []
    changes, faults = ([], [])
    if overrides:
        changes, faults = load_overrides([("o", read(f"overrides:\n{overrides}"))], rules, None, REGISTRY)
    assert told(faults) == []
    return bind(rules, loaded, changes, assets, targets, REGISTRY)


def only(result):
    bindings, faults = result
    assert told(faults) == []
    (binding,) = bindings
    return binding


def test_a_binding_says_who_set_what():
    binding = only(bound([rule(LIMIT)], [INSIDE + "rules:\n  - use: '*'\n"]))
    assert (binding.asset, binding.rule, binding.profile) == ("own", "ports.a", "inside")
    assert binding.params == {"limit": 10}
    assert binding.severity is Severity.HIGH
    assert binding.origin == {"limit": "r1:2:5", "severity": "r1:2:5"}


@pytest.mark.parametrize(("level", "limit"), [(1, 10), (2, 10), (3, 8), (4, 6), (5, 6)])
def test_a_level_takes_the_nearest_value_at_or_below_it(level, limit):
    binding = only(bound([rule(LIMIT)], [INSIDE + "rules: [{use: '*'}]"], assets=[Asset("own", level=level)]))
    assert binding.params == {"limit": limit}


def test_a_profile_sets_over_the_level_and_later_lines_win():
    uses = (
        "rules:\n  - {use: '*', params: {limit: 9}}\n  - {use: ports.a, params: {limit: 20}, severity: low}\n"
    )
    binding = only(bound([rule(LIMIT)], [INSIDE + uses], assets=[Asset("own", level=4)]))
    assert binding.params == {"limit": 20}
    assert binding.severity is Severity.LOW
    assert binding.origin == {"limit": "p1:4:5", "severity": "p1:4:5"}


def test_a_profile_may_leave_a_rule_out_and_another_take_it():
    out = INSIDE + "rules: [{use: '*'}, {use: ports.a, enabled: false, reason: R}]"
    assert bound([rule(LIMIT)], [out])[0] == []
    again = out.replace("name: inside", "name: second").replace(
        ", {use: ports.a, enabled: false, reason: R}", ""
    )
    assert only(bound([rule(LIMIT)], [out, again])).profile == "second"


@pytest.mark.parametrize(
    ("head", "binds"),
    [
        ("platform: linux, vantage: inside", True),
        ("platform: windows, vantage: inside", False),
        ("platform: [windows, linux], vantage: inside", True),
        ("roles: [database], vantage: inside", False),
        ("roles: [database, server], vantage: inside", True),
        ("vantage: outside", False),
    ],
)
def test_a_profile_is_for_platform_roles_and_vantage(head, binds):
    profile = f"profile: {{name: p, {head}, why: {{vi: a, en: b}}}}\nrules: [{{use: '*'}}]"
    assert bool(bound([rule("require: never")], [profile])[0]) is binds


def test_the_strictest_of_several_profiles_wins():
    one = INSIDE + "rules: [{use: '*', params: {limit: 7}, severity: low}]"
    other = (
        INSIDE.replace("name: inside", "name: other")
        + "rules: [{use: '*', params: {limit: 5}, severity: critical}]"
    )
    for profiles in ([one, other], [other, one]):
        binding = only(bound([rule(LIMIT)], profiles))
        assert binding.params == {"limit": 5}
        assert binding.severity is Severity.CRITICAL


def test_two_profiles_may_not_differ_where_nothing_is_stricter():
    document = rule("require: {user: $name}\nparams: {name: {type: text, default: x}}")
    one = INSIDE + "rules: [{use: '*', params: {name: a}}]"
    other = INSIDE.replace("name: inside", "name: other") + "rules: [{use: '*', params: {name: b}}]"
    assert told(bound([document], [one, other])[1]) == [
        (
            "r1:2:5: ports.a.params.name: two profiles give $name different values; "
            "they stand at p1:2:9 and p2:2:9; remove one"
        )
    ]
    assert only(
        bound([document], [INSIDE.replace("name: inside", "name: z") + "rules: [{use: '*'}]", one])
    ).params == {"name": "a"}


def test_a_local_parameter_without_a_value_does_not_bind():
    profile = INSIDE + "rules: [{use: '*'}]"
    assert bound([rule(ALLOW)], [profile])[0] == []
    override = "  - {match: {asset: own}, rule: ports.a, params: {allow: [{port: 443}]}, reason: R}"
    binding = only(bound([rule(ALLOW)], [profile], overrides=override))
    assert binding.params == {"allow": [{"port": 443}]}
    assert binding.origin["allow"] == "o:2:5"


def test_overrides_only_tighten():
    profile = [INSIDE + "rules: [{use: '*'}]"]
    tighter = "  - {match: {unit: so}, rule: ports.a, params: {limit: 5}, severity: critical, reason: R}"
    binding = only(bound([rule(LIMIT)], profile, overrides=tighter))
    assert (binding.params, binding.severity) == ({"limit": 5}, Severity.CRITICAL)
    looser = "  - {match: {unit: so}, rule: ports.a, params: {limit: 50}, reason: R}"
    bindings, faults = bound([rule(LIMIT)], profile, overrides=looser)
    assert told(faults) == [
        "o:2:5: ports.a: $limit of 10 would be loosened to 50; a site only tightens; to accept a risk write a waiver"
    ]
    assert bindings[0].params == {"limit": 10}
    lower = "  - {match: {unit: so}, rule: ports.a, severity: low, reason: R}"
    assert "the severity high would be lowered" in told(bound([rule(LIMIT)], profile, overrides=lower)[1])[0]


def test_an_override_may_say_what_holds_already():
    same = "  - {match: {unit: so}, rule: ports.a, params: {limit: 10}, severity: high, reason: R}"
    binding = only(bound([rule(LIMIT)], [INSIDE + "rules: [{use: '*'}]"], overrides=same))
    assert (binding.params, binding.severity) == ({"limit": 10}, Severity.HIGH)


def test_a_value_of_one_profile_beats_none_of_another():
    document = rule("require: {user: $name}\nparams: {name: {type: text}}")
    one = INSIDE + "rules: [{use: '*', params: {name: a}}]"
    other = INSIDE.replace("name: inside", "name: other") + "rules: [{use: '*'}]"
    for profiles in ([one, other], [other, one]):
        assert only(bound([document], profiles)).params == {"name": "a"}
    assert bound([document], [other])[0] == []


def test_what_has_no_stricter_side_is_not_for_sites():
    document = rule("require: {user: $name}\nparams: {name: {type: text, default: x}}")
    change = "  - {match: {unit: so}, rule: ports.a, params: {name: y}, reason: R}"
    assert (
        "$name is not for sites to change"
        in told(bound([document], [INSIDE + "rules: [{use: '*'}]"], overrides=change)[1])[0]
    )


def test_an_override_of_a_unit_leaves_stricter_assets_as_they_are():
    assets = [OWN, Asset("second", unit="so", level=4)]
    change = "  - {match: {unit: so}, rule: ports.a, params: {limit: 7}, reason: R}"
    bindings, faults = bound([rule(LIMIT)], [INSIDE + "rules: [{use: '*'}]"], overrides=change, assets=assets)
    assert told(faults) == [], "it does what it says on one asset"
    assert [binding.params["limit"] for binding in bindings] == [7, 6]


def test_overrides_of_others_do_nothing():
    for match in ("{unit: other}", "{asset: other}", "{unit: so, asset: other}"):
        change = f"  - {{match: {match}, rule: ports.a, params: {{limit: 50}}, reason: R}}"
        assert only(bound([rule(LIMIT)], [INSIDE + "rules: [{use: '*'}]"], overrides=change)).params == {
            "limit": 10
        }


def target(form, vantage, check="ports", *, named=False, asset="a"):
    return Target(asset, check, form, "t", vantage, {"named": True} if named else {})


@pytest.mark.parametrize(
    ("kind", "vantage", "targets", "expected"),
    [
        (LISTENER, Vantage.INSIDE, [], True),
        (LISTENER, Vantage.OUTSIDE, [], False),
        (PORT, Vantage.INSIDE, [], False),
        (PORT, Vantage.OUTSIDE, [], True),
        (ANOMALY, Vantage.INSIDE, [], True),
        (CERTIFICATE, Vantage.OUTSIDE, [], True),
        (PORT, Vantage.OUTSIDE, [target(Form.HOST, Vantage.OUTSIDE)], True),
        (PORT, Vantage.INSIDE, [target(Form.HOST, Vantage.OUTSIDE)], False),
        (LISTENER, Vantage.INSIDE, [target(Form.FILE, Vantage.INSIDE)], True),
        (LISTENER, Vantage.INSIDE, [target(Form.FILE, Vantage.INSIDE, named=True)], False),
        (CERTIFICATE, Vantage.INSIDE, [target(Form.FILE, Vantage.INSIDE, named=True)], True),
        (PORT, Vantage.OUTSIDE, [target(Form.ENDPOINT, Vantage.OUTSIDE, named=True)], True),
        (CERTIFICATE, Vantage.OUTSIDE, [target(Form.HOST, Vantage.OUTSIDE, named=True)], False),
    ],
)
def test_what_a_vantage_can_yield(kind, vantage, targets, expected):
    assert can_yield(kind, vantage, targets) is expected


def test_rules_bind_assets_seen_from_outside():
    documents = [
        rule("require: never", name="ports.open", kind="port"),
        rule("require: never", name="ports.listens"),
    ]
    profiles = [INSIDE + "rules: [{use: '*'}]", OUTSIDE + "rules: [{use: '*'}]"]
    bindings, _ = bound(documents, profiles, assets=[OWN, SWITCH])
    assert [(item.asset, item.rule, item.profile) for item in bindings] == [
        ("own", "ports.listens", "inside"),
        ("sw", "ports.open", "outside"),
    ]
