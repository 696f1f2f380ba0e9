from __future__ import annotations

from secmon.checks import load
from secmon.core.assemble import Parts, assemble
from secmon.core.binding import bind
from secmon.core.codec import decode, encode
from secmon.core.hosts import Own
from secmon.core.plan import ChildPlan, CorePlan, Invocation, Pack
from secmon.core.profiles import load_profiles
from secmon.core.rules import load_rules, rule_ids
from secmon.core.settings import read_settings
from secmon.core.targets import choose
from tests.support.rulebook import REGISTRY, read, rule

OWN = Own("own")
DOCUMENTS = [
    ("r1", rule("require: never\ntests:\n  - {name: t, facts: {}, expect: fail}", severity="critical")),
    ("r2", rule("require: never", name="ports.b", severity="medium")),
    ("r3", rule("require: never", name="traffic.c", kind="anomaly", severity="high")),
    ("r4", rule("require: never", name="ports.outside", kind="port")),
    (
        "p",
        read(
            "profile: {name: p, vantage: inside, why: {vi: a, en: b}}\nrules: [{use: '*'}, {use: ports.a, severity: low}]"
        ),
    ),
]


def plan(*, resident=False):
    configuration, _ = read_settings(
        read("checks: {tls: {enabled: false}, ports: {interval: 1h}}"), "f", REGISTRY, OWN
    )
    chosen = choose(configuration, Invocation("scan"), REGISTRY, OWN)
    rules, faults = load_rules(DOCUMENTS, REGISTRY)
    assert not faults
    profiles, _ = load_profiles(DOCUMENTS, rules, rule_ids(DOCUMENTS), REGISTRY)
    bindings, _ = bind(rules, profiles, [], chosen.assets, chosen.targets, REGISTRY)
    packs = (Pack("builtin", "1", "0" * 64, signed=False),)
    parts = Parts(configuration, chosen, rules, bindings, [], packs, "d", "/state", "vi", resident)
    return assemble(parts, REGISTRY)


def test_points_come_from_the_rules_own_severity():
    core, _ = plan()
    assert core.possible == {"own": {"ports": 13, "traffic": 6}}, (
        "a profile's lower severity removes no points"
    )
    assert core.critical == {"own": ("ports.a",)}
    assert set(core.rules) == {"ports.a", "ports.b", "traffic.c"}


def test_checks_are_planned_as_configured():
    core, _ = plan()
    assert (core.checks["ports"].interval, core.checks["ports"].probes, core.checks["ports"].assets) == (
        3600,
        ("local",),
        ("own",),
    )
    assert (core.checks["tls"].enabled, core.checks["tls"].probes) == (False, ())
    assert core.checks["traffic"].long_lived == ""


def test_only_the_daemon_runs_long_lived_probes():
    core, _ = plan(resident=True)
    assert core.checks["traffic"].long_lived == "live"
    assert core.checks["ports"].long_lived == ""


def test_a_long_lived_probe_is_given_its_window_to_speak():
    """The supervisor waits three intervals for a window; it must never be the shorter of the two."""
    registry = load(("traffic",))
    configuration, faults = read_settings(
        read("checks: {traffic: {interval: 10s, window: 2m}}"), "f", registry, OWN
    )
    assert not faults
    for resident, interval in ((True, 120), (False, 10)):
        chosen = choose(configuration, Invocation("scan"), registry, OWN)
        parts = Parts(configuration, chosen, [], [], [], (), "d", "/state", "vi", resident)
        core, _ = assemble(parts, registry)
        assert core.checks["traffic"].interval == interval


def test_children_get_the_bound_rules_without_their_tests():
    _, child = plan()
    assert [item.id for item in child.rules] == ["ports.a", "ports.b", "traffic.c"]
    assert all(item.tests == () for item in child.rules)
    assert len(child.bindings) == 3


def test_both_halves_survive_the_wire():
    core, child = plan()
    assert decode(CorePlan, encode(core)) == core
    assert decode(ChildPlan, encode(child)) == child
