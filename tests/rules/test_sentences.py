"""Fourteen sentences that a network-security team says, each as a rule in tests/rules/packs.

Each is loaded by the real loader, keeps its own tests, and is judged on observations as the judge child does.
"""

from __future__ import annotations

import pathlib
from dataclasses import replace

import pytest

from secmon.checks import load
from secmon.core.binding import bind
from secmon.core.contract import FieldSpec, FieldType, Registry
from secmon.core.intake import Part
from secmon.core.judge import judge_check
from secmon.core.model import Asset, Completeness, Fact, Form, Observation, Reason, Role, Target, Vantage
from secmon.core.overrides import load_overrides
from secmon.core.plan import ChildPlan
from secmon.core.profiles import load_profiles
from secmon.core.rules import load_rules, rule_ids
from secmon.core.ruletests import run_tests
from secmon.sources import yaml
from tests.rules.mutation import mutants
from tests.rules.test_mutations import survives
from tests.support.rulebook import told

FOLDER = pathlib.Path(__file__).parent / "packs"
DAY = 86_400.0
MORNING = 1_806_451_200.0  # 2027-03-31T00:00:00Z, seven in the morning in Vietnam


def with_history() -> Registry:
    """Return the checks, with two fields of the design that no probe can tell yet (docs/adr/0013)."""
    checks = dict(load().checks)
    patches = checks["patches"]
    host = patches.kind("host")
    since = "oldest_security_update_timestamp"
    more = (
        FieldSpec(since, FieldType.TIMESTAMP, "", "", unit="seconds"),
        FieldSpec("oldest_security_update_days", FieldType.INTEGER, "", "", unit="days", days_since=since),
        FieldSpec("package_servers", FieldType.TEXTS, "", ""),
    )
    kinds = tuple(
        replace(kind, fields=kind.fields + more) if kind is host else kind for kind in patches.kinds
    )
    return Registry({**checks, "patches": replace(patches, kinds=kinds)})


REGISTRY = with_history()
DOCUMENTS = [
    (document.file, document.value)
    for document in (yaml.read(path.read_bytes(), path.name) for path in sorted(FOLDER.glob("*.yml")))
    if "overrides" not in document.value
]
RULES, RULE_FAULTS = load_rules(DOCUMENTS, REGISTRY)
PROFILES, PROFILE_FAULTS = load_profiles(DOCUMENTS, RULES, rule_ids(DOCUMENTS), REGISTRY)
SITE = yaml.read((FOLDER / "site.yml").read_bytes(), "site.yml").value
OVERRIDES, OVERRIDE_FAULTS = load_overrides([("site.yml", SITE)], RULES, rule_ids(DOCUMENTS), REGISTRY)
BY_ID = {rule.id: rule for rule in RULES}


def test_the_packs_load_and_there_are_fourteen():
    assert told([*RULE_FAULTS, *PROFILE_FAULTS, *OVERRIDE_FAULTS]) == []
    assert len(RULES) == 14


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.id)
def test_each_keeps_its_own_tests_and_they_notice_every_mistake(rule):
    kind = REGISTRY.kind(rule.check, rule.kind)
    assert [str(failure) for failure in run_tests(rule, kind)] == []
    assert {"fail", "unknown"} < {test.expect for test in rule.tests}
    assert [mutant.what for mutant in mutants(rule, kind) if survives(mutant.rule, kind)] == []


def judge(rule_id, *facts, role=Role.SERVER, level=2, looked=None, now=MORNING, form=Form.LOCAL):
    """Bind every rule to one asset, judge facts of one rule's kind, and return what that rule says.

    Returns:
        The outcome and whether it is decided; None where the rule does not bind.
    """
    rule = BY_ID[rule_id]
    kind = REGISTRY.kind(rule.check, rule.kind)
    asset = Asset("srv", level=level, roles=(role,))
    target = Target("srv", rule.check, form, "t", Vantage.INSIDE)
    bindings, faults = bind(RULES, PROFILES, OVERRIDES, [asset], [target], REGISTRY)
    assert told(faults) == []
    mine = [binding for binding in bindings if binding.rule == rule_id]
    if not mine:
        return None
    names = [f"{kind.name}/{part}" for part in kind.parts] or [kind.name]
    seen = Observation(
        asset="srv",
        check=rule.check,
        target="t",
        started=now - 2,
        finished=now - 1,
        completeness=Completeness.OK,
        looked=dict.fromkeys(names, looked),
        facts=tuple(fact_of(kind, index, values) for index, values in enumerate(facts)),
    )
    probes = [probe for probe in REGISTRY.checks[rule.check].probes if form in probe.forms]
    parts = [Part(probe.name, None, now - 2, now - 1, True, None, "", (seen,)) for probe in probes[:1]]
    plan = ChildPlan((target,), {}, (), (), (asset,), tuple(RULES), tuple(mine))
    (verdict,) = judge_check(REGISTRY.checks[rule.check], plan, parts, now, lambda *_: []).verdicts
    return verdict.outcome.value, verdict.decided


def fact_of(kind, index, values):
    """Return a fact; the fields of its key that the case leaves open make it a subject of its own."""
    numbers = (FieldType.INTEGER, FieldType.NUMBER)
    key = {
        name: index if kind.field(name).type in numbers else f"k{index}"
        for name in kind.key
        if name not in values
    }
    missing = {spec.name: Reason.PERMISSION for spec in kind.fields if spec.name not in {*key, *values}}
    return Fact(kind.name, {**key, **values}, missing)


PASS, FAIL, UNKNOWN = ("pass", True), ("fail", True), ("unknown", False)
NOTHING = ("not_applicable", True)


def listener(port, **more):
    return {"proto": "tcp", "scope": "exposed", "port": port, **more}


def test_1_only_listed_ports_each_until_its_day():
    assert judge("ports.listed", listener(443)) == PASS
    assert judge("ports.listed", listener(443), listener(9000)) == FAIL
    assert judge("ports.listed", listener(8443)) == PASS
    assert judge("ports.listed", listener(8443), now=MORNING + 17 * 3600 - 1) == PASS
    assert judge("ports.listed", listener(8443), now=MORNING + 17 * 3600) == FAIL
    assert judge("ports.listed", {"proto": "tcp", "scope": "exposed"}) == UNKNOWN
    assert judge("ports.listed", listener(443), looked=Reason.PERMISSION) == ("unknown", False)


def test_2_a_database_is_exposed_on_database_servers_alone():
    inner = listener(5432, address_class="private")
    assert judge("ports.database", inner) == FAIL
    assert judge("ports.database", inner, role=Role.DATABASE) == PASS
    assert judge("ports.database", listener(5432, address_class="wildcard"), role=Role.DATABASE) == FAIL
    assert judge("ports.database", listener(443), role=Role.DATABASE) == NOTHING


def test_3_certificates_are_renewed_earlier_at_a_higher_level():
    for level, days, said in (
        (2, 14, PASS),
        (2, 13, FAIL),
        (3, 20, FAIL),
        (3, 21, PASS),
        (5, 29, FAIL),
        (5, 30, PASS),
    ):
        end = {"not_after": MORNING + days * DAY}
        assert judge("tls.expiry", end, level=level) == said, (level, days)
    assert judge("tls.expiry", {}) == UNKNOWN


def test_4_digital_signature_trusts_the_national_root_alone():
    national = {"trusted": True, "trust_profile": "national"}
    public = {"trusted": True, "trust_profile": "public"}
    assert judge("tls.national-root", public) is None
    assert judge("tls.national-root", public, role=Role.DIGITAL_SIGNATURE) == FAIL
    assert judge("tls.national-root", national, role=Role.DIGITAL_SIGNATURE) == PASS
    assert judge("tls.national-root", {"port": 443}, role=Role.DIGITAL_SIGNATURE) == UNKNOWN


def test_5_security_updates_are_installed_in_time_for_the_level():
    for level, days, said in (
        (1, 30, PASS),
        (2, 31, FAIL),
        (3, 14, PASS),
        (3, 15, FAIL),
        (4, 8, FAIL),
        (5, 7, PASS),
    ):
        pending = {"oldest_security_update_timestamp": MORNING - days * DAY}
        assert judge("patches.age", pending, level=level) == said, (level, days)
    assert judge("patches.age", {"os_id": "debian"}) == UNKNOWN


def test_6_the_newest_kernel_runs():
    assert judge("patches.kernel", {"kernel_stale": False}) == PASS
    assert judge("patches.kernel", {"kernel_stale": True}) == FAIL
    assert judge("patches.kernel", {"kernel_running": "6.1"}) == UNKNOWN


def test_7_the_system_is_supported():
    assert judge("patches.supported", {"eol_date": MORNING + DAY}) == PASS
    assert judge("patches.supported", {"eol_date": MORNING - 1}) == FAIL
    assert judge("patches.supported", {"os_id": "x"}) == UNKNOWN


def test_8_updates_install_themselves_or_come_from_the_central_server():
    central = ["http://kho.example.gov.vn/debian"]
    assert judge("patches.unattended", {"auto_updates": True, "package_servers": []}) == PASS
    assert judge("patches.unattended", {"auto_updates": False, "package_servers": central}) == PASS
    assert (
        judge("patches.unattended", {"auto_updates": False, "package_servers": ["http://deb.debian.org"]})
        == FAIL
    )
    assert judge("patches.unattended", {"auto_updates": False}) == UNKNOWN
    assert judge("patches.unattended", {"auto_updates": True}) == PASS


def scan(source):
    return {"detector": "port_scan", "source": source, "destination": "10.0.0.1"}


def test_9_nobody_scans_but_the_scanner():
    assert judge("traffic.scan", scan("10.9.0.7")) == NOTHING
    assert judge("traffic.scan", scan("10.9.1.7")) == FAIL
    assert judge("traffic.scan", scan(None)) == FAIL
    assert (
        judge("traffic.scan", {"detector": "syn_flood", "source": None, "destination": "10.0.0.1"}) == NOTHING
    )
    assert judge("traffic.scan", looked=Reason.ONE_SIDED) == UNKNOWN


def test_10_ssh_must_listen():
    assert judge("ports.ssh", listener(22)) == PASS
    assert judge("ports.ssh", listener(80)) == FAIL
    assert judge("ports.ssh") == FAIL
    assert judge("ports.ssh", looked=Reason.UNSUPPORTED) == UNKNOWN
    assert judge("ports.ssh", listener(22), looked=Reason.TIMEOUT) == ("pass", False), (
        "seen, but not everything"
    )


def test_11_at_most_three_are_exposed():
    ports = [listener(port) for port in (22, 80, 443, 8080)]
    assert judge("ports.three", *ports[:3], {**ports[3], "scope": "loopback"}) == PASS
    assert judge("ports.three", *ports) == FAIL
    assert judge("ports.three", *ports[:3], {"proto": "tcp", "port": 8080}) == UNKNOWN
    assert judge("ports.three", *ports, looked=Reason.TIMEOUT) == ("fail", False)


def test_12_everything_of_one_unit_is_on_loopback():
    def redis(scope):
        return listener(6379, scope=scope, systemd_unit="redis-server.service")

    assert (
        judge("ports.unit-on-loopback", redis("loopback"), listener(22, systemd_unit="ssh.service")) == PASS
    )
    assert judge("ports.unit-on-loopback", redis("loopback"), redis("exposed")) == FAIL
    assert judge("ports.unit-on-loopback", listener(22, systemd_unit=None)) == NOTHING
    assert judge("ports.unit-on-loopback", listener(6379)) == UNKNOWN
    assert judge("ports.unit-on-loopback", listener(6379, scope="loopback")) == PASS, "whoever holds it"


def test_13_one_of_two_things_is_enough():
    assert judge("tls.pinned-or-trusted", {"pinned": True, "trusted": False}) == PASS
    assert judge("tls.pinned-or-trusted", {"pinned": None, "trusted": True}) == PASS
    assert judge("tls.pinned-or-trusted", {"pinned": False, "trusted": False}) == FAIL
    assert judge("tls.pinned-or-trusted", {"pinned": True}) == PASS
    assert judge("tls.pinned-or-trusted", {"pinned": None}) == UNKNOWN


def test_14_two_fields_are_compared():
    assert (
        judge("patches.kernel-is-the-newest", {"kernel_running": "6.1-40", "kernel_newest": "6.1-40"}) == PASS
    )
    assert (
        judge("patches.kernel-is-the-newest", {"kernel_running": "6.1-39", "kernel_newest": "6.1-40"}) == FAIL
    )
    assert (
        judge("patches.kernel-is-the-newest", {"kernel_running": "6.1-39", "kernel_newest": None}) == NOTHING
    )
    assert judge("patches.kernel-is-the-newest", {"kernel_newest": "6.1-40"}) == UNKNOWN
