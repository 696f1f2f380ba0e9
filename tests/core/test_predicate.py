from __future__ import annotations

import fnmatch
import ipaddress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from secmon.core.cursor import start
from secmon.core.model import Asset, Platform, Role
from secmon.core.predicate import compile_count, compile_predicate, negate, parts_named
from secmon.core.quantities import parse_instant
from secmon.core.rule import Param
from secmon.core.typecheck import Scope, check_predicate
from tests.support.rulebook import ANOMALY, LISTENER, read, told

ASSET = Asset("web-01", "so-khcn", Platform.LINUX, 3, (Role.SERVER, Role.DATABASE))
NOW = parse_instant("2026-11-23T12:00:00+07:00")


def said(text, values, **params):
    """Compile a predicate in YAML and test one subject."""
    return compile_predicate(read(text), LISTENER, params, ASSET, NOW).test(values)


SUBJECT = {
    "proto": "tcp",
    "address": "10.1.2.3",
    "port": 23,
    "user": None,
    "load": 1.5,
    "wanted": True,
    "names": ["a.gov.vn", "b.gov.vn"],
    "version": "1:2.0-1~deb12u1",
    "records": [{"a": 1}],
}


@pytest.mark.parametrize(
    ("predicate", "expected"),
    [
        ("port: 23", True),
        ("port: 24", False),
        ("scope: exposed", None),
        ("port: {eq: 23}", True),
        ("port: {ne: 23}", False),
        ("port: {in: [22, 23]}", True),
        ("port: {not_in: [22, 23]}", False),
        ("port: {lt: 23}", False),
        ("port: {le: 23}", True),
        ("port: {gt: 22.5}", True),
        ("port: {ge: 24}", False),
        ("port: {between: [23, 23]}", True),
        ("port: {between: [24, 30]}", False),
        ("port: {gt: 20, lt: 23}", False),
        ("port: {exists: true}", True),
        ("port: {exists: false}", False),
        ("wanted: true", True),
        ("wanted: {ne: true}", False),
        ("address: {glob: '10.*.3'}", True),
        ("address: {glob: '10.?.3'}", False),
        ("address: {prefix: '10.'}", True),
        ("address: {suffix: '.4'}", False),
        ("address: {cidr: 10.0.0.0/8}", True),
        ("address: {cidr: [192.0.2.0/24, '2001:db8::/32']}", False),
        ("version: {version_lt: '1:2.0-1'}", True),
        ("version: {version_lt: '1:2.0-1~deb12u1'}", False),
        ("names: {contains: a.gov.vn}", True),
        ("names: {contains: c.gov.vn}", False),
        ("names: {some: {glob: 'b.*'}}", True),
        ("names: {every: {suffix: .gov.vn}}", True),
        ("names: {every: a.gov.vn}", False),
        ("names: {some: {not: {suffix: .gov.vn}}}", False),
        ("records: {exists: true}", True),
        ("port: {not: 23}", False),
        ("port: {not: {in: [1, 2], gt: 0}}", True),
        ("{port: 23, proto: tcp}", True),
        ("{port: 23, proto: udp}", False),
        ("any: [{port: 1}, {proto: tcp}]", True),
        ("any: [{port: 1}, {proto: udp}]", False),
        ("all: [{port: 23}, {proto: udp}]", False),
        ("not: {port: 23, proto: udp}", True),
    ],
)
def test_operators(predicate, expected):
    assert said(predicate, SUBJECT) is expected


@pytest.mark.parametrize(
    ("predicate", "expected"),
    [
        ("user: {exists: false}", True),
        ("user: {exists: true}", False),
        ("user: null", True),
        ("user: root", False),
        ("user: {ne: root}", True),
        ("user: {in: [root, null]}", True),
        ("user: {in: [root]}", False),
        ("user: {not_in: [root]}", True),
        ("user: {glob: '*'}", False),
        ("user: {prefix: r}", False),
        ("user: {not: {prefix: r}}", True),
        ("port: {lt: 5}", False),
        ("port: {between: [0, 65535]}", False),
        ("address: {cidr: 0.0.0.0/0}", False),
        ("version: {version_lt: '9'}", False),
        ("names: {contains: a}", False),
        ("names: {some: a}", False),
        ("names: {every: a}", False),
    ],
)
def test_null_means_looked_and_there_is_none(predicate, expected):
    assert said(predicate, dict.fromkeys(SUBJECT)) is expected


@pytest.mark.parametrize(
    "operator",
    [
        "23",
        "{ne: 23}",
        "{in: [23]}",
        "{not_in: [23]}",
        "{lt: 1}",
        "{between: [1, 2]}",
        "{exists: true}",
        "{not: 23}",
    ],
)
def test_a_field_that_was_not_seen_makes_every_operator_unknown(operator):
    assert said(f"port: {operator}", {}) is None


def test_false_beats_unknown_in_a_conjunction_and_true_in_a_disjunction():
    assert said("{port: 23, proto: udp}", {"proto": "tcp"}) is False
    assert said("{port: 23, proto: udp}", {"proto": "udp"}) is None
    assert said("any: [{port: 23}, {proto: udp}]", {"proto": "udp"}) is True
    assert said("any: [{port: 23}, {proto: udp}]", {"proto": "tcp"}) is None
    assert said("not: {port: 23}", {}) is None


def test_a_name_is_in_no_network_for_sure():
    assert said("address: {cidr: 10.0.0.0/8}", {"address": "db.local"}) is None


def test_zones_and_mapped_addresses_belong_to_their_network():
    assert said("address: {cidr: 'fe80::/10'}", {"address": "fe80::1%eth0"}) is True
    assert said("address: {cidr: 10.0.0.0/8}", {"address": "::ffff:10.0.0.1"}) is True
    assert said("address: {cidr: '::/0'}", {"address": "10.0.0.1"}) is False


def test_a_version_without_order_is_unknown():
    assert said("version: {version_lt: '2'}", {"version": "not a version"}) is None


def test_no_element_fulfils_every_and_none_fulfils_some():
    assert said("names: {every: x}", {"names": []}) is True
    assert said("names: {some: x}", {"names": []}) is False


def test_references_to_parameters_facts_and_the_asset():
    assert said("port: {le: $top}", SUBJECT, top=23) is True
    assert said("port: {in: [$top, 5]}", SUBJECT, top=23) is True
    assert said("user: {in: $users}", {"user": "www"}, users=["www"]) is True
    assert said("address: {cidr: $nets}", SUBJECT, nets=["10.0.0.0/8"]) is True
    assert said("port: {gt: $fact.load}", SUBJECT) is True
    assert said("port: {between: [$fact.load, $asset.level]}", SUBJECT) is False
    assert said("user: $asset.platform", {"user": "linux"}) is True
    assert said("user: {in: $asset.roles}", {"user": "database"}) is True
    assert said("user: $$x", {"user": "$x"}) is True
    assert said("names: {contains: $fact.user}", {"names": ["a"], "user": "a"}) is True


def test_a_reference_to_a_missing_or_null_field():
    assert said("port: {gt: $fact.load}", {"port": 5}) is None
    assert said("port: {gt: $fact.load}", {"port": 5, "load": None}) is False
    assert said("port: {between: [$fact.load, 9]}", {"port": 5, "load": None}) is False
    assert said("user: {ne: $fact.scope}", {"user": "a", "scope": None}) is True
    assert said("address: {cidr: $fact.user}", {"address": "10.0.0.1", "user": "no network"}) is None


def test_fields_are_all_that_is_read():
    tree = read("{port: {gt: $fact.load}, any: [{proto: tcp}, {not: {user: x}}], listed_in: $allow}")
    compiled = compile_predicate(tree, LISTENER, {"allow": [{"scope": "link"}]}, ASSET, NOW)
    assert compiled.fields == {"port", "load", "proto", "user", "scope"}


def test_a_list_of_predicates():
    allow = [{"port": 443}, {"port": 8443, "until": "2026-11-23"}, {"port": 80, "until": "2026-11-22"}]
    assert said("listed_in: $allow", {"port": 443}, allow=allow) is True
    assert said("listed_in: $allow", {"port": 8443}, allow=allow) is True, "the last day is included"
    assert said("listed_in: $allow", {"port": 80}, allow=allow) is False, "yesterday is over"
    assert said("listed_in: $allow", {}, allow=allow) is None
    assert said("listed_in: $allow", {}, allow=[]) is False, "an empty list is false"


def test_an_entry_ends_at_midnight_in_vietnam():
    tree, params = {"listed_in": "$allow"}, {"allow": [{"port": 80, "until": "2026-11-23"}]}
    midnight = parse_instant("2026-11-24T00:00:00+07:00")
    before = compile_predicate(tree, LISTENER, params, ASSET, midnight - 1).test({"port": 80})
    after = compile_predicate(tree, LISTENER, params, ASSET, midnight).test({"port": 80})
    assert (before, after) == (True, False)


def test_counts():
    assert [compile_count({"le": 2}, {}, ASSET)(number) for number in (1, 2, 3)] == [True, True, False]
    assert compile_count({"ge": "$least", "not": {"eq": 5}}, {"least": 4}, ASSET)(5) is False
    assert compile_count({"lt": "$asset.level"}, {}, ASSET)(2) is True


@pytest.mark.parametrize(
    ("where", "expected"),
    [
        ("detector: port_scan", {"port_scan"}),
        ("detector: {eq: port_scan}", {"port_scan"}),
        ("detector: {in: [port_scan, syn_flood]}", {"port_scan", "syn_flood"}),
        ("detector: {in: $which}", {"arp_spoof"}),
        ("detector: {in: [port_scan, $one]}", {"port_scan", "syn_flood"}),
        ("{detector: {in: [port_scan, syn_flood]}, all: [{detector: port_scan}]}", {"port_scan"}),
        ("any: [{detector: port_scan}, {detector: syn_flood}]", {"port_scan", "syn_flood"}),
        ("any: [{detector: port_scan}, {source: '::1'}]", None),
        ("not: {detector: port_scan}", None),
        ("detector: {ne: port_scan}", None),
        ("detector: {glob: 'port*'}", None),
        ("detector: $fact.source", None),
        ("source: '::1'", None),
    ],
)
def test_parts_that_a_where_restricts_itself_to(where, expected):
    got = parts_named(read(where), ANOMALY, {"which": ["arp_spoof"], "one": "syn_flood"})
    assert got == expected


def test_all_parts_where_nothing_restricts():
    assert parts_named(None, ANOMALY, {}) is None
    assert parts_named({"port": 1}, LISTENER, {}) is None


# Kleene's laws, and a slow interpreter that was written from the sentences of DESIGN.md.

SUBJECTS = st.fixed_dictionaries(
    {},
    optional={
        "proto": st.sampled_from([None, "tcp", "udp"]),
        "port": st.none() | st.integers(0, 4),
        "load": st.none() | st.floats(0, 4),
        "wanted": st.none() | st.booleans(),
        "user": st.none() | st.sampled_from(["", "a", "ab", "b"]),
        "address": st.none() | st.sampled_from(["10.0.0.1", "10.9.0.1", "::1", "fe80::1"]),
        "names": st.none() | st.lists(st.sampled_from(["a", "ab", "b"]), max_size=3),
    },
)
NUMBERS = st.integers(0, 4) | st.just("$three")
TEXTS = st.sampled_from(["a", "ab", "b"])
NUMERIC = st.one_of(
    NUMBERS,
    st.builds(
        lambda name, value: {name: value}, st.sampled_from(["eq", "ne", "lt", "le", "gt", "ge"]), NUMBERS
    ),
    st.builds(
        lambda name, values: {name: values}, st.sampled_from(["in", "not_in"]), st.lists(NUMBERS, min_size=1)
    ),
    st.builds(lambda low, more: {"between": [low, low + more]}, st.integers(0, 4), st.integers(0, 4)),
    st.builds(lambda value: {"lt": value}, st.just("$fact.load")),
)
TEXTUAL = st.one_of(
    TEXTS,
    st.builds(lambda name, value: {name: value}, st.sampled_from(["eq", "ne", "prefix", "suffix"]), TEXTS),
    st.builds(lambda value: {"glob": value}, st.sampled_from(["*", "a*", "?", "*b", "[ab]"])),
    st.builds(lambda values: {"in": values}, st.lists(TEXTS | st.none(), min_size=1)),
)


def nested(operators):
    return st.recursive(operators, lambda inner: st.builds(lambda item: {"not": item}, inner), max_leaves=3)


FIELDS = st.one_of(
    st.tuples(st.sampled_from(["port", "load"]), nested(NUMERIC)).filter(
        lambda entry: not (entry[0] == "load" and "$fact.load" in str(entry[1]))
    ),
    st.tuples(st.just("user"), nested(TEXTUAL)),
    st.tuples(st.just("wanted"), st.booleans()),
    st.tuples(st.just("address"), st.sampled_from([{"cidr": "10.0.0.0/16"}, {"cidr": ["::/0"]}])),
    st.tuples(
        st.just("names"),
        st.one_of(
            st.builds(lambda name, value: {name: value}, st.sampled_from(["some", "every"]), TEXTUAL),
            st.builds(lambda value: {"contains": value}, TEXTS),
        ),
    ),
    st.tuples(st.sampled_from(["port", "user", "names"]), st.booleans().map(lambda value: {"exists": value})),
)
PREDICATES = st.recursive(
    st.lists(FIELDS, min_size=1, max_size=3).map(dict),
    lambda inner: st.one_of(
        st.lists(inner, min_size=1, max_size=3).map(lambda branches: {"all": branches}),
        st.lists(inner, min_size=1, max_size=3).map(lambda branches: {"any": branches}),
        inner.map(lambda branch: {"not": branch}),
    ),
    max_leaves=6,
)
PARAMS = {"three": 3}


def conjunction(verdicts):
    verdicts = list(verdicts)
    return False if False in verdicts else (None if None in verdicts else True)


def inverse(verdict):
    return None if verdict is None else not verdict


def judge(predicate, subject):
    """Judge as the sentences say, one after the other."""
    verdicts = []
    for key, value in predicate.items():
        if key == "all":
            verdicts.append(conjunction(judge(branch, subject) for branch in value))
        elif key == "any":
            verdicts.append(inverse(conjunction(inverse(judge(branch, subject)) for branch in value)))
        elif key == "not":
            verdicts.append(inverse(judge(value, subject)))
        elif key not in subject:
            verdicts.append(None)
        else:
            verdicts.append(judge_field(subject[key], value, subject))
    return conjunction(verdicts)


def judge_field(value, operators, subject):
    if not isinstance(operators, dict):
        operators = {"eq": operators}
    return conjunction(judge_operator(value, name, operand, subject) for name, operand in operators.items())


def operand_of(operand, subject):
    if isinstance(operand, list):
        return [operand_of(item, subject) for item in operand]
    if operand == "$fact.load":
        return subject.get("load", "missing")
    return PARAMS["three"] if operand == "$three" else operand


def judge_operator(value, name, operand, subject):
    if name == "not":
        return inverse(judge_field(value, operand, subject))
    if name == "some":
        return value is not None and any(judge_field(item, operand, subject) for item in value)
    if name == "every":
        return value is not None and all(judge_field(item, operand, subject) for item in value)
    operand = operand_of(operand, subject)
    if operand == "missing":
        return None
    if name == "exists":
        return (value is not None) == operand
    if name in {"eq", "ne", "in", "not_in"}:
        held = value == operand if name in {"eq", "ne"} else value in operand
        return held if name in {"eq", "in"} else not held
    if value is None or operand is None:
        return False
    return {
        "lt": lambda: value < operand,
        "le": lambda: value <= operand,
        "gt": lambda: value > operand,
        "ge": lambda: value >= operand,
        "between": lambda: operand[0] <= value <= operand[1],
        "prefix": lambda: value[: len(operand)] == operand,
        "suffix": lambda: value[max(0, len(value) - len(operand)) :] == operand,
        "glob": lambda: fnmatch.fnmatchcase(value, operand),
        "contains": lambda: operand in value,
        "cidr": lambda: in_networks(value, operand),
    }[name]()


def in_networks(value, operand):
    networks = [ipaddress.ip_network(item) for item in ([operand] if isinstance(operand, str) else operand)]
    return any(ipaddress.ip_address(value) in network for network in networks)


def compiled(predicate):
    return compile_predicate(predicate, LISTENER, PARAMS, ASSET, NOW)


@given(PREDICATES, SUBJECTS)
def test_compiled_predicates_say_what_the_slow_interpreter_says(predicate, subject):
    faults = []
    scope = Scope(LISTENER, {"three": Param("three", "integer", 3)})
    check_predicate(start(predicate, "f", faults), scope)
    assert told(faults) == [], "the generator makes right predicates only"
    assert compiled(predicate).test(subject) is judge(predicate, subject)


@given(PREDICATES, SUBJECTS)
def test_only_the_named_fields_matter(predicate, subject):
    fields = compiled(predicate).fields
    seen = {name: value for name, value in subject.items() if name in fields}
    assert compiled(predicate).test(seen) is compiled(predicate).test(subject)


@given(PREDICATES, PREDICATES, SUBJECTS)
def test_kleene_laws(one, other, subject):
    def say(predicate):
        return compiled(predicate).test(subject)

    assert say({"not": {"not": one}}) is say(one)
    assert say({"not": {"all": [one, other]}}) is say({"any": [{"not": one}, {"not": other}]})
    assert say({"all": [one, other]}) is say({"all": [other, one]})
    assert say({"any": [one, one]}) is say(one)
    assert say({"all": [one, {"any": [one, other]}]}) is say(one)


@given(PREDICATES, SUBJECTS, SUBJECTS)
def test_seeing_more_never_changes_an_answer(predicate, subject, more):
    """The order of knowledge: unknown may become true or false, and nothing else changes."""
    before = compiled(predicate).test(subject)
    after = compiled(predicate).test(more | subject)
    assert before is None or after is before


def test_negate():
    assert [negate(value) for value in (True, False, None)] == [False, True, None]


@given(st.text("[]!-*?a^\\&~|", max_size=12), st.text("ab-]^", max_size=6))
def test_any_text_is_a_glob(pattern, text):
    matcher = compile_predicate({"user": {"glob": pattern}}, LISTENER, {}, ASSET, NOW)
    assert matcher.test({"user": text}) is fnmatch.fnmatchcase(text, pattern)


def test_a_hostile_glob_is_quick():
    matcher = compile_predicate({"user": {"glob": "*a" * 100 + "b"}}, LISTENER, {}, ASSET, NOW)
    assert matcher.test({"user": "a" * 1024}) is False
