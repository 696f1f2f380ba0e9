from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from secmon.core.binding import bind
from secmon.core.explain import Places, Site, explain
from secmon.core.model import Asset, Form, Platform, Role, Severity, Target, Vantage
from secmon.core.overrides import load_overrides
from secmon.core.profiles import load_profiles
from secmon.core.rules import load_rules, rule_ids
from tests.support.rulebook import REGISTRY, read, rule, told

OWN = Asset("own", unit="so", level=3)
LOCAL = Target("own", "ports", Form.LOCAL, "local")
LIMIT = (
    "params: {limit: {type: integer, default: 10, level_3: 8, level_4: 6, tighten: down}}\n"
    "require: {port: {lt: $limit}}"
)
ALLOW = "params: {allow: {type: predicates, local: true}}\nrequire: {listed_in: $allow}"
HEAD = "profile: {name: NAME, platform: linux, vantage: inside, why: {vi: a, en: b}}\nrules:\n"


def explained(body, profiles, overrides="", asset=OWN, *, targets=(LOCAL,), kind="listener"):
    """Return the explanation of the one rule, and its binding."""
    rules = [("r", rule(body, kind=kind, file="r"))]
    loaded, faults = load_rules(rules, REGISTRY)
    texts = [(f"p{number}", read(text)) for number, text in enumerate(profiles, 1)]
    uses, more = load_profiles(texts, loaded, rule_ids(rules), REGISTRY)
    changes = [("o", read(f"overrides:\n{overrides}"))] if overrides else []
    overriding, last = load_overrides(changes, loaded, None, REGISTRY)
    assert told([*faults, *more, *last]) == []
    site = Site(uses, overriding, targets, REGISTRY, Places([*rules, *texts, *changes]))
    (only,) = loaded
    bindings, _ = bind(loaded, uses, overriding, [asset], targets, REGISTRY)
    return explain(only, REGISTRY.kind("ports", kind), asset, site), (bindings or [None])[0]


def profile(lines, name="all", head=HEAD):
    return head.replace("NAME", name) + lines


def steps_of(explanation, name="limit"):
    value = next(value for value in explanation.values if value.name == name)
    return [
        (step.layer, step.who, step.value, str(step.place), step.in_force, step.refused)
        for step in value.steps
    ]


def test_a_rule_changed_at_three_layers_names_three_places():
    explanation, _ = explained(
        LIMIT,
        [profile("  - {use: '*', params: {limit: 7}}\n")],
        "  - {match: {unit: so}, rule: ports.a, params: {limit: 5}, reason: R}\n",
    )
    assert explanation.binds
    assert steps_of(explanation) == [
        ("rule", "", 10, "r:8:46", False, False),
        ("level", "level_3", 8, "r:8:59", False, False),
        ("profile", "all", 7, "p1:3:32", False, False),
        ("override", "R", 5, "o:2:56", True, False),
    ]


def test_the_severity_is_explained_like_a_parameter():
    explanation, _ = explained(
        LIMIT,
        [profile("  - {use: '*', severity: critical}\n")],
    )
    assert steps_of(explanation, "severity") == [
        ("rule", "", Severity.HIGH, "r:4:15", False, False),
        ("profile", "all", Severity.CRITICAL, "p1:3:26", True, False),
    ]
    assert explanation.values[0].effective is Severity.CRITICAL


def test_an_override_that_would_loosen_is_shown_as_refused():
    explanation, _ = explained(
        LIMIT,
        [profile("  - use: '*'\n")],
        "  - {match: {unit: so}, rule: ports.a, params: {limit: 5}, reason: first}\n"
        "  - {match: {asset: own}, rule: ports.a, params: {limit: 7}, reason: second}\n"
        "  - {match: {asset: other}, rule: ports.a, params: {limit: 1}, reason: of another}\n",
    )
    assert [(who, force, refused) for _, who, _, _, force, refused in steps_of(explanation)] == [
        ("", False, False),
        ("level_3", False, False),
        ("first", True, False),
        ("second", False, True),
    ]


@pytest.mark.parametrize(
    ("head", "lines", "asset", "standing", "place"),
    [
        (HEAD, "  - use: '*'\n", OWN, "uses", "p1:3:5"),
        (HEAD, "  - use: '*'\n", Asset("own", platform=Platform.OTHER), "platform", "p1:3:5"),
        (
            HEAD.replace("linux", "linux, roles: [database]"),
            "  - use: '*'\n",
            Asset("own", roles=(Role.SERVER,)),
            "roles",
            "p1:3:5",
        ),
        (HEAD, "  - use: '*'\n", Asset("own", vantages=(Vantage.OUTSIDE,)), "vantage", "p1:3:5"),
        (HEAD, "  []\n", OWN, "unused", "p1:1:10"),
        (
            HEAD,
            "  - use: '*'\n  - {use: ports.a, enabled: false, reason: no ports here}\n",
            OWN,
            "disabled",
            "p1:4:5",
        ),
        (
            HEAD,
            "  - {use: ports.a, enabled: false, reason: R}\n  - use: ports.*\n",
            OWN,
            "uses",
            "p1:4:5",
        ),
        (
            HEAD.replace("inside", "outside"),
            "  - use: '*'\n",
            Asset("own", vantages=(Vantage.INSIDE, Vantage.OUTSIDE)),
            "kind",
            "p1:3:5",
        ),
    ],
)
def test_why_a_profile_uses_a_rule_or_does_not(head, lines, asset, standing, place):
    explanation, binding = explained(LIMIT, [profile(lines, head=head)], asset=asset)
    (verdict,) = explanation.verdicts
    assert (verdict.standing, str(verdict.place)) == (standing, place)
    assert verdict.reason == ("no ports here" if standing == "disabled" else "")
    assert explanation.binds == (binding is not None) == (standing == "uses")


def test_a_parameter_that_a_site_has_not_filled_keeps_the_rule_from_binding():
    explanation, _ = explained(ALLOW, [profile("  - use: '*'\n")])
    assert (explanation.binds, explanation.unfilled) == (False, ("allow",))
    assert steps_of(explanation, "allow") == []
    filled, _ = explained(
        ALLOW,
        [profile("  - use: '*'\n")],
        "  - {match: {unit: so}, rule: ports.a, params: {allow: [{port: 22}]}, reason: R}\n",
    )
    assert (filled.binds, filled.unfilled) == (True, ())
    assert steps_of(filled, "allow") == [("override", "R", [{"port": 22}], "o:2:56", True, False)]


def test_without_a_profile_nothing_binds():
    explanation, _ = explained(LIMIT, [])
    assert (explanation.binds, explanation.verdicts, explanation.unfilled) == (False, (), ())
    assert explanation.values[1].effective is None


def test_a_place_that_cannot_be_found_is_that_of_its_item():
    explanation, _ = explained(LIMIT, [profile("  - use: '*'\n")])
    item = explanation.values[0].steps[0].item
    assert Places([]).of(item, "severity") == item
    assert Places([("r", None), ("s", [1]), ("t", read("rules: 5"))]).of(item, "params", "limit") == item


uses = st.lists(
    st.tuples(
        st.sampled_from(["'*'", "ports.a", "ports.*"]),
        st.sampled_from(["", "limit: 4", "limit: 8", "limit: 20"]),
        st.sampled_from(["", "low", "high", "critical"]),
        st.booleans(),
    ),
    max_size=3,
)
overrides = st.lists(
    st.tuples(
        st.sampled_from(["unit: so", "asset: own", "unit: so, asset: own", "unit: other"]),
        st.sampled_from([3, 5, 8, 30]),
        st.sampled_from(["low", "high", "critical"]),
    ),
    max_size=3,
    unique_by=lambda change: change[
        0
    ],  # two for the same assets would contradict each other, which is a fault
)


def use_line(pattern, params, severity, enabled):
    more = f", params: {{{params}}}" * bool(params) + f", severity: {severity}" * bool(severity)
    return f"  - {{use: {pattern}, enabled: {str(enabled).lower()}, reason: R{more}}}\n"


@settings(max_examples=150, deadline=None)
@given(profiles=st.lists(uses, max_size=3), changes=overrides, level=st.integers(1, 5))
def test_an_explanation_says_what_binding_does(profiles, changes, level):
    texts = [
        profile("".join(use_line(*use) for use in lines) or "  []\n", name=f"p{number}")
        for number, lines in enumerate(profiles)
    ]
    override = "".join(
        f"  - {{match: {{{match}}}, rule: '*', params: {{limit: {limit}}}, severity: {severity}, reason: R}}\n"
        for match, limit, severity in changes
    )
    explanation, binding = explained(LIMIT, texts, override, Asset("own", unit="so", level=level))
    assert explanation.binds == (binding is not None)
    assert explanation.binds == any(verdict.standing == "uses" for verdict in explanation.verdicts)
    for value in explanation.values:
        ruling = [step for step in value.steps if step.in_force]
        if binding is None:
            assert (value.effective, ruling) == (None, [])
            continue
        wanted = binding.severity if value.name == "severity" else binding.params[value.name]
        (only,) = ruling
        assert value.effective == only.value == wanted
        assert str(only.item) == binding.origin[value.name]
        assert not only.refused
