"""Whatever a document holds, a reader tells faults or returns values; it raises nothing."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from secmon.core.binding import bind
from secmon.core.hosts import Own
from secmon.core.model import Asset
from secmon.core.overrides import load_overrides
from secmon.core.plan import Invocation
from secmon.core.profiles import load_profiles
from secmon.core.rules import load_rules, rule_ids
from secmon.core.ruletests import run_tests
from secmon.core.settings import read_settings
from secmon.core.targets import choose
from secmon.core.waiverfiles import load_waivers
from tests.support.rulebook import LISTENER, REGISTRY

SCALARS = st.sampled_from(
    [
        None,
        True,
        False,
        0,
        1,
        -5,
        23,
        1.5,
        "",
        "x",
        "tcp",
        "exposed",
        "$limit",
        "$allow",
        "$names",
        "$fact.port",
        "$asset.level",
        "$",
        "never",
        "pass",
        "fail",
        "high",
        "listener",
        "ports",
        "ports.a",
        "inside",
        "10.0.0.0/8",
        "2026-11-23",
        "5m",
        "integer",
        "predicates",
        "texts",
        "down",
        "*",
        "local",
        "own",
        "/a",
        "::1",
        "timeout",
        "unknown",
        "port_scan",
        "1:2-3",
    ]
)
KEYS = st.sampled_from(
    [
        "id",
        "check",
        "severity",
        "params",
        "for_each",
        "where",
        "require",
        "count",
        "title",
        "fix",
        "maps",
        "tests",
        "vi",
        "en",
        "all",
        "any",
        "not",
        "listed_in",
        "until",
        "proto",
        "port",
        "address",
        "names",
        "since",
        "version",
        "eq",
        "in",
        "lt",
        "between",
        "exists",
        "glob",
        "cidr",
        "version_lt",
        "contains",
        "some",
        "every",
        "limit",
        "allow",
        "type",
        "default",
        "level_3",
        "tighten",
        "local",
        "name",
        "facts",
        "expect",
        "looked",
        "level",
        "roles",
        "now",
        "use",
        "enabled",
        "reason",
        "match",
        "unit",
        "asset",
        "rule",
        "author",
        "approved_by",
        "created",
        "expires",
        "subject",
        "platform",
        "vantage",
        "why",
        "targets",
        "interval",
        "deadline",
        "path",
        "interface",
        "host",
        "tls",
        "ports",
        "traffic",
        "cidr",
        "detectors",
        "paths",
        "waivers",
        "rate",
        "trust",
        "sni",
        "starttls",
        "user",
        "records",
    ]
)
TREES = st.recursive(
    SCALARS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(KEYS, inner, max_size=5),
    max_leaves=25,
)
SITE = st.dictionaries(
    st.sampled_from(
        [
            "agent",
            "asset",
            "watches",
            "checks",
            "rules",
            "listen",
            "state_dir",
            "lang",
            "allowed_networks",
            "known_sources",
        ]
    ),
    TREES,
    max_size=6,
)
RIGHT = {
    "id": "ports.a",
    "check": "ports",
    "severity": "high",
    "for_each": "listener",
    "require": {"port": {"lt": "$limit"}, "user": {"in": "$names"}},
    "params": {
        "limit": {"type": "integer", "default": 5, "tighten": "down"},
        "names": {"type": "texts", "default": ["x"]},
        "allow": {"type": "predicates", "local": True},
    },
    "where": {"not": {"listed_in": "$allow"}},
    "title": {"vi": "a", "en": "b"},
    "fix": {"vi": "a", "en": "b"},
    "tests": [{"name": "a", "facts": {"port": 3}, "expect": "pass", "params": {"allow": []}}],
}
FIXED, NONE = load_rules([("f", {"rules": [RIGHT]})], REGISTRY)
IDS = frozenset({"ports.a"})


def changed(right):
    """Return a right mapping with some keys replaced by anything."""
    return st.dictionaries(st.sampled_from(sorted(right)), TREES, max_size=3).map(
        lambda change: right | change
    )


def test_the_right_one_is_right():
    assert not NONE


@given(TREES | st.builds(lambda entry: {"rules": [entry]}, changed(RIGHT)))
def test_rules(document):
    documents = [("f", document)]
    rules, faults = load_rules(documents, REGISTRY)
    rule_ids(documents)
    assert rules or faults or document == {"rules": []} or "profile" in document
    for rule in rules:
        run_tests(rule, LISTENER)
        assert rule == FIXED[0] or faults == []


PROFILE = {"name": "p", "vantage": "inside", "why": {"vi": "a", "en": "b"}}
USE = {"use": "*", "params": {"limit": 3}}


@given(TREES | st.builds(lambda head, use: {"profile": head, "rules": [use]}, changed(PROFILE), changed(USE)))
def test_profiles(document):
    profiles, _ = load_profiles([("f", document)], FIXED, IDS, REGISTRY)
    bindings, _ = bind(FIXED, profiles, [], [Asset("own")], [], REGISTRY)
    assert len(bindings) <= 1


OVERRIDE = {"match": {"unit": "u"}, "rule": "*", "params": {"limit": 3}, "reason": "r"}


@given(TREES | st.builds(lambda entry: {"overrides": [entry]}, changed(OVERRIDE)))
def test_overrides(document):
    overrides, _ = load_overrides([("f", document)], FIXED, IDS, REGISTRY)
    profiles, _ = load_profiles([("p", {"profile": PROFILE, "rules": [USE]})], FIXED, IDS, REGISTRY)
    bind(FIXED, profiles, overrides, [Asset("own", unit="u")], [], REGISTRY)


WAIVER = {
    "id": "W",
    "rule": "ports.a",
    "match": {"asset": "a", "subject": {"port": 1}},
    "reason": "r",
    "author": "a",
    "approved_by": "b",
    "created": "2026-11-20",
    "expires": "2026-11-30",
}


@given(TREES | st.builds(lambda entry: {"waivers": [entry]}, changed(WAIVER)))
def test_waivers(document):
    waivers, faults = load_waivers([("f", document)], FIXED, IDS, REGISTRY, 2e9)
    assert waivers or faults or document == {"waivers": []}
    assert all(0 < waiver.expires - waiver.created <= 181 * 86_400 for waiver in waivers)


@pytest.mark.parametrize("targets", [(), ("203.0.113.1:443",)])
@given(document=TREES | SITE)
def test_settings(targets, document):
    configuration, _ = read_settings(document, "f", REGISTRY, Own("own"))
    chosen = choose(configuration, Invocation("scan", targets=targets), REGISTRY, Own("own"))
    known = {asset.id for asset in chosen.assets}
    assert {target.asset for target in chosen.targets} <= known
    assert all(10 <= check.interval <= 43_200 for check in configuration.checks.values())
