"""What every shipped rule and profile owes to the person who reads it."""

from __future__ import annotations

import itertools
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from secmon.checks.ports.portlist import parse
from secmon.core.binding import bind, is_stricter
from secmon.core.evaluate import COMPLETE, compile_rule, fold, make_subject
from secmon.core.model import Asset, Fact, Form, Outcome, Platform, Role, Severity, Target, Vantage
from secmon.core.rule import Override, Place
from secmon.core.ruletests import effective
from tests.rules.shipped import PROFILES, REGISTRY, RULES, kind_of
from tests.support.rulebook import told

BY_ID = {rule.id: rule for rule in RULES}
PLACE = Place("x.yml", 1, 1)
NIST = re.compile(r"[A-Z]{2}-[0-9]{1,2}(\([0-9]{1,2}\))?\Z")
CIS = re.compile(r"(1[0-8]|[1-9])\.(1[0-4]|[1-9])\Z")
TCVN_SECTIONS = {
    *("4.5.2.1", "5.4.2.4", "5.4.2.8", "6.3.2.3", "7.3.2.3", "5.13"),
    *("3.5", "3.7.2.2", "3.8"),  # x.5, x.7.2.2, x.8 of the lowest level
}
"""Those that the study of the Vietnamese texts gives; nobody has compared them with the original yet."""

each_rule = pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.id)
each_profile = pytest.mark.parametrize("profile", PROFILES, ids=lambda profile: profile.name)


def test_there_are_rules_worth_having():
    assert len(RULES) >= 40
    assert {rule.check for rule in RULES} == set(REGISTRY.checks)


@each_rule
def test_a_rule_speaks_both_languages(rule):
    for texts in (rule.title, rule.fix):
        assert set(texts) == {"vi", "en"}
        assert texts["vi"] != texts["en"]
        assert not texts["vi"].isascii(), "Vietnamese without its marks"
        assert texts["en"].isascii()
    assert all(text.rstrip().endswith(".") for text in rule.fix.values())
    assert not any(text.endswith(".") for text in rule.title.values())


@each_rule
def test_a_rule_has_a_case_of_each_outcome(rule):
    good = {"not_applicable"} if rule.never else {"pass"}
    assert {test.expect for test in rule.tests} >= {"fail", "unknown", *good}


@each_rule
def test_maps_have_the_form_of_their_framework(rule):
    assert all(NIST.match(section) for section in rule.maps["nist-800-53"])
    assert all(CIS.match(section) for section in rule.maps.get("cis-8", ()))
    for entry in rule.maps.get("tcvn-14423-2026", ()):
        assert entry["status"] == "unconfirmed"
        assert entry["section"] in TCVN_SECTIONS
    assert set(rule.maps) <= {"nist-800-53", "cis-8", "tcvn-14423-2026"}


def test_a_port_that_a_rule_names_is_one_that_top_looks_at():
    """Else a complete look at `top` would call a port fine that nobody tried."""
    top = set(parse("top"))
    for rule in RULES:
        if rule.kind == "port":
            assert set(ports_of(rule.where)) <= top, rule.id


def ports_of(tree):
    for key, value in tree.items():
        if key == "any":
            for branch in value:
                yield from ports_of(branch)
        elif key == "port":
            operators = value if isinstance(value, dict) else {"in": [value]}
            low, high = operators.get("between", (1, 0))
            yield from (*operators.get("in", ()), *range(low, high + 1))


# Profiles


def test_every_role_and_every_platform_is_spoken_of():
    assert {role for profile in PROFILES for role in profile.roles} | {Role.SERVER} == set(Role)
    assert {profile.name for profile in PROFILES} >= {"server", "outside", "appliance", "windows"}


@each_profile
def test_a_profile_says_in_one_line_why_it_differs(profile):
    assert set(profile.why) == {"vi", "en"}
    assert all(len(why) <= 130 and "\n" not in why for why in profile.why.values())
    assert not profile.why["vi"].isascii()


@each_profile
def test_what_a_profile_changes_is_changed_where_it_can_be_seen(profile):
    """A line for a rule whose facts the profile's vantage cannot yield would change nothing."""
    for use in profile.uses:
        if use.pattern == "*":
            continue
        prefix = use.pattern.rstrip("*")
        for rule in RULES:
            if rule.id == use.pattern or (prefix != use.pattern and rule.id.startswith(prefix)):
                seen = {vantage for vantages in kind_of(rule).sources.values() for vantage in vantages}
                assert profile.vantage in seen, (use.pattern, rule.id)


def bound(*, overrides=(), **asset):
    one = Asset("a", **asset)
    vantage = one.vantages[0]
    form = Form.LOCAL if vantage is Vantage.INSIDE else Form.HOST
    targets = [Target("a", check, form, "t", vantage) for check in REGISTRY.checks]
    bindings, faults = bind(RULES, PROFILES, overrides, [one], targets, REGISTRY)
    return {binding.rule: binding for binding in bindings}, told(faults)


def inside(*roles, level=2):
    return bound(roles=roles or (Role.SERVER,), level=level)[0]


def outside(*roles, platform=Platform.OTHER):
    return bound(roles=roles or (Role.SERVER,), platform=platform, vantages=(Vantage.OUTSIDE,))[0]


def test_the_base_binds_every_rule_that_an_agent_can_judge_and_no_site_has_to_fill():
    wanted = {
        rule.id
        for rule in RULES
        if any(Vantage.INSIDE in vantages for vantages in kind_of(rule).sources.values())
        and not kind_of(rule).when
        and all(param.default is not None for param in rule.params)
    }
    assert set(inside()) == wanted


def test_a_kind_that_a_target_has_to_ask_for_binds_only_where_one_does():
    asking = Target("one", "ports", Form.LOCAL, "local", Vantage.INSIDE, {"join": "report.json"})
    one = Asset("one", roles=(Role.SERVER,), vantages=(Vantage.INSIDE,))
    without = {rule.id for rule in RULES} & set(inside())
    with_it = {binding.rule for binding in bind(RULES, PROFILES, (), [one], [asking], REGISTRY)[0]}
    assert with_it - without == {"ports.reached-without-listener", "ports.listener-filtered"}


@pytest.mark.parametrize("level", [1, 2, 3, 4, 5])
@pytest.mark.parametrize("roles", [(role,) for role in Role] + [tuple(Role)], ids=str)
@pytest.mark.parametrize("platform", Platform)
def test_no_role_is_held_to_less_than_the_base_of_its_level(roles, level, platform):
    """Every role binds what a plain server binds, as strictly, and two roles together agree."""
    for vantage in Vantage:
        base, faults = bound(level=level, platform=platform, vantages=(vantage,))
        assert faults == []
        mine, faults = bound(roles=roles, level=level, platform=platform, vantages=(vantage,))
        assert faults == []
        assert mine.keys() >= base.keys()
        for name, binding in base.items():
            assert mine[name].severity.rank >= binding.severity.rank
            for param in BY_ID[name].params:
                if param.tighten:
                    assert is_stricter(param, mine[name].params[param.name], binding.params[param.name])


def test_a_higher_level_is_never_held_to_less():
    for rule in RULES:
        for param in rule.params:
            if param.tighten:
                values = [effective(param, level) for level in range(1, 6)]
                assert all(is_stricter(param, after, before) for before, after in itertools.pairwise(values))


def test_what_roles_are_for():
    assert "tls.root-not-allowed" not in inside()
    assert inside(Role.DIGITAL_SIGNATURE)["tls.root-not-allowed"].params == {"roots": ["national"]}
    assert inside(Role.DIGITAL_SIGNATURE)["tls.weak-key"].params == {"min_rsa_bits": 3072}
    assert inside()["ports.database-exposed"].params == {"allow": []}
    assert inside(Role.DATABASE)["ports.database-exposed"].params["allow"] == [
        {"address_class": "private"},
        {"address_class": "ula"},
    ]
    assert inside(Role.PUBLIC_SERVICE)["tls.certificate-expiring"].params == {"min_days": 14}
    assert inside(Role.DOCUMENT_EXCHANGE, level=2)["tls.certificate-expiring"].params == {"min_days": 30}
    assert inside(Role.PAYMENT)["patches.security-index-age"].params == {"max_days": 2}
    assert inside(Role.LEARNING)["ports.listener-from-temporary-folder"].severity is Severity.CRITICAL
    assert inside(Role.WORKSTATION)["ports.too-many-listeners"].params == {"max_listeners": 4}


def test_an_http_page_is_a_finding_on_devices_alone():
    rule = "ports.web-cleartext-reachable"
    assert rule not in outside()
    assert rule not in outside(platform=Platform.WINDOWS)
    assert outside(platform=Platform.NETWORK)[rule].severity is Severity.MEDIUM
    assert outside(Role.APPLIANCE)[rule].severity is Severity.LOW


def test_a_list_of_a_site_binds_its_rule():
    override = Override("", "a", "ports.unexpected-listener", {"allow": [{"port": 22}]}, None, "r", PLACE)
    bindings, faults = bound(overrides=[override])
    assert faults == []
    assert bindings["ports.unexpected-listener"].params == {"allow": [{"port": 22}]}
    assert "ports.unexpected-listener" not in inside()


# Tightening


TIGHTENED = [(rule, param) for rule in RULES for param in rule.params if param.tighten]


@pytest.mark.parametrize(("rule", "param"), TIGHTENED, ids=lambda value: getattr(value, "id", ""))
@given(data=st.data())
def test_a_stricter_value_never_judges_kinder(rule, param, data):
    """`tighten` says the truth: overrides may only tighten, and must not raise a score by it."""
    kind = kind_of(rule)
    pool = [facts for test in rule.tests for facts in test.facts]
    fields = {name: [facts[name] for facts in pool if name in facts] for facts in pool for name in facts}
    row = st.fixed_dictionaries({}, optional={name: number_or(values) for name, values in fields.items()})
    facts = data.draw(st.lists(row, max_size=4))
    kinder, stricter = data.draw(st.lists(st.integers(0, 500), min_size=2, max_size=2))
    if not is_stricter(param, stricter, kinder):
        kinder, stricter = stricter, kinder
    params = {
        other.name: effective(other, 2) if effective(other, 2) is not None else [] for other in rule.params
    }
    before = said(rule, kind, facts, {**params, param.name: kinder})
    after = said(rule, kind, facts, {**params, param.name: stricter})
    good = (Outcome.PASS, Outcome.NOT_APPLICABLE)
    assert not (before not in good and after in good)
    assert not (before is Outcome.FAIL and after is not Outcome.FAIL)


def number_or(values):
    texts = st.sampled_from(values)
    if all(isinstance(value, (int, float)) and not isinstance(value, bool) for value in values):
        return texts | st.integers(-5, 500)
    return texts


def said(rule, kind, facts, params):
    judge = compile_rule(rule, kind, Asset("a"), params, severity=rule.severity, now=0.0)
    subjects = []
    for values in facts:
        subject = make_subject(kind, Fact(kind.name, dict(values)), 0.0)
        subject.values.update(values)
        subjects.append(subject)
    return fold(judge.judge_target("t", subjects, COMPLETE))
