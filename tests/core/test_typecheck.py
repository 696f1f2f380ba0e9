from __future__ import annotations

import pytest

from secmon.core.cursor import start
from secmon.core.rule import Param
from secmon.core.typecheck import Scope, check_count, check_entries, check_predicate, check_value
from tests.support.rulebook import LISTENER, read, told

PARAMS = {
    param.name: param
    for param in (
        Param("limit", "integer", 5),
        Param("ratio", "number", 0.5),
        Param("name", "text", "x"),
        Param("names", "texts", ["x"]),
        Param("flag", "boolean", default=True),
        Param("allow", "predicates", []),
    )
}


def faults_of(text, check=check_predicate, params=PARAMS):
    faults = []
    check(start(read(text), "f.yml", faults), Scope(LISTENER, params))
    return told(faults)


@pytest.mark.parametrize(
    "text",
    [
        "{proto: tcp, port: 22}",
        "port: {in: [1, 2, $limit]}",
        "port: {between: [$limit, 9]}",
        "port: {gt: $fact.load}",
        "port: {lt: $ratio}",
        "load: {ge: $asset.level}",
        "user: {in: $names}",
        "user: {in: $asset.roles}",
        "user: {in: $fact.names}",
        "user: {eq: $name}",
        "user: {eq: ''}",
        "user: null",
        "address: {cidr: $name}",
        "address: {cidr: $names}",
        "address: {cidr: [10.0.0.0/8, $name]}",
        "address: fe80::1",
        "wanted: $flag",
        "names: {contains: $name, every: {not: {glob: 'a*'}}}",
        "version: {version_lt: $fact.version}",
        "records: {exists: false}",
        "listed_in: $allow",
        "{all: [{port: 1}], any: [{port: 2}], not: {port: 3}}",
        "since: {lt: 1795366800}",
        "user: $$HOME",
    ],
)
def test_right_predicates(text):
    assert faults_of(text) == []


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("prot: tcp", 'f.yml:1:1: prot: the kind listener has no field "prot"; did you mean proto?'),
        ("an: [{port: 1}]", 'f.yml:1:1: an: the kind listener has no field "an"; did you mean any?'),
        ("proto: tpc", 'f.yml:1:8: proto: "tpc" is not known here; did you mean tcp?'),
        ("proto: {in: [tcp, sctp]}", 'f.yml:1:19: proto.in[1]: "sctp" is not known here; one of tcp, udp'),
        ("names: {contains: 5}", "f.yml:1:19: names.contains: text is wanted, not 5; quote it"),
        ("port: '22'", 'f.yml:1:7: port: a number is wanted, not "22"; remove the quotes'),
        ("port: 1.5", "f.yml:1:7: port: a whole number is wanted, not 1.5"),
        ("port: true", "f.yml:1:7: port: a number is wanted, not true"),
        ("port: [1, 2]", "f.yml:1:7: port: a bare list says nothing; write {in: [...]}"),
        (
            "port: {}",
            "f.yml:1:7: port: no operator; one of eq, ne, in, not_in, lt, le, gt, ge, between, exists, not",
        ),
        ("port: {inn: [1]}", 'f.yml:1:8: port.inn: unknown operator "inn"; did you mean in?'),
        (
            "port: {glob: x}",
            (
                "f.yml:1:8: port.glob: glob does not apply to port, which is integer; "
                "one of eq, ne, in, not_in, lt, le, gt, ge, between, exists, not"
            ),
        ),
        ("port: {in: 22}", "f.yml:1:12: port.in: a list is wanted, not 22; write [22]"),
        ("port: {in: []}", "f.yml:1:12: port.in: the list is empty"),
        ("port: {lt: null}", "f.yml:1:12: port.lt: a number is wanted, not null"),
        (
            "port: {between: [1]}",
            "f.yml:1:17: port.between: between takes two values; write [low, high]; both are included",
        ),
        (
            "port: {between: [2, 1]}",
            "f.yml:1:17: port.between: the first value is above the second; write [low, high]",
        ),
        ("port: {exists: 1}", "f.yml:1:16: port.exists: true or false is wanted, not 1"),
        ("port: {exists: $flag}", "f.yml:1:16: port.exists: a constant is wanted here; write true or false"),
        (
            "names: a",
            "f.yml:1:8: names: names is texts: a value alone cannot be compared with it; use one of exists, contains, not, some, every",
        ),
        (
            "records: x",
            "f.yml:1:10: records: records is records: a value alone cannot be compared with it; use one of exists",
        ),
        ("user: 022x", None),
        ("user: 5", "f.yml:1:7: user: text is wanted, not 5; quote it"),
        ("wanted: yes", 'f.yml:1:9: wanted: true or false is wanted, not "yes"'),
        (
            "address: 10.0.0.0/8",
            'f.yml:1:10: address: an address is wanted, not "10.0.0.0/8"; use cidr for a network',
        ),
        ("address: '0:0::1'", 'f.yml:1:10: address: "0:0::1" is not how facts spell that address; write ::1'),
        (
            "address: {cidr: 10.0.0.1/8}",
            'f.yml:1:17: address.cidr: "10.0.0.1/8" cannot be read; the network of that address is 10.0.0.0/8',
        ),
        (
            "address: {cidr: 10.0.0.0/33}",
            'f.yml:1:17: address.cidr: "10.0.0.0/33" cannot be read; write a network such as 10.0.0.0/8 or 2001:db8::/32',
        ),
        ("address: {cidr: []}", "f.yml:1:17: address.cidr: the list is empty"),
        ("user: {glob: ''}", "f.yml:1:14: user.glob: it is empty"),
        ("{}", "f.yml:1:1: an empty predicate holds for everything; name a field"),
        ("all: []", "f.yml:1:6: all: all of nothing; list at least one predicate"),
        ("any: {port: 1}", "f.yml:1:6: any: a list is wanted, not a mapping"),
        ("any: [5]", "f.yml:1:7: any[0]: a mapping of fields is wanted, not 5"),
        ("not: 5", "f.yml:1:6: not: a mapping of fields is wanted, not 5"),
        ("port: $lmit", "f.yml:1:7: port: there is no parameter $lmit; did you mean $limit?"),
        ("port: $name", "f.yml:1:7: port: $name is text; eq on port takes number"),
        (
            "port: {in: $names}",
            "f.yml:1:12: port.in: $names is texts; in on port takes a list of numbers, written out,",
        ),
        ("user: $names", "f.yml:1:7: user: $names is texts; eq on user takes text"),
        ("user: {in: $name}", "f.yml:1:12: user.in: $name is text; in on user takes texts"),
        ("port: $allow", "f.yml:1:7: port: $allow is a list of predicates; name it in listed_in"),
        (
            "port: {lt: $fact.prot}",
            'f.yml:1:12: port.lt: the kind listener has no field "prot"; did you mean proto?',
        ),
        ("port: {lt: $fact.user}", "f.yml:1:12: port.lt: $fact.user is text; lt on port takes number"),
        ("port: {lt: $asset.levl}", 'f.yml:1:12: port.lt: an asset has no "levl"; did you mean level?'),
        (
            "user: $A",
            'f.yml:1:7: user: "$A" is no reference; write $name, $fact.field or $asset.name; $$ for a text with $',
        ),
        (
            "listed_in: allow",
            "f.yml:1:12: listed_in: listed_in takes a parameter of type predicates; write $name",
        ),
        (
            "listed_in: $limit",
            "f.yml:1:12: listed_in: $limit is of type integer; listed_in takes one of type predicates",
        ),
        ("listed_in: $alow", "f.yml:1:12: listed_in: there is no parameter $alow; did you mean $allow?"),
        ("names: {some: {eq: $fact.user}}", "f.yml:1:20: names.some.eq: $fact. means nothing here"),
        ("version: {version_lt: 'a b'}", None),
    ],
)
def test_a_wrong_predicate_says_what_would_be_right(text, expected):
    got = faults_of(text)
    if expected is None:
        assert len(got) == ("version" in text)
    else:
        assert got == [expected]


def test_every_mistake_is_told_at_once():
    got = faults_of("{prot: tcp, port: {inn: [1], lt: x}, any: [{port: '1'}, {scop: x}]}")
    assert len(got) == 5


def test_counts_know_parameters_and_no_facts():
    assert faults_of("{le: $limit, ne: 3}", check_count) == []
    assert faults_of("{le: $fact.port}", check_count) == ["f.yml:1:6: le: $fact. means nothing here"]
    assert faults_of("{glob: x}", check_count)[0].startswith("f.yml:1:2: glob: glob does not apply to count")


def test_entries_of_a_list():
    assert faults_of("[{port: 443}, {port: {in: [1]}, until: 2026-12-31}]", check_entries) == []
    assert faults_of("[{until: 2026-12-31}]", check_entries) == [
        "f.yml:1:2: [0]: an entry without a field would match everything; name a field"
    ]
    assert faults_of("[{port: 1, until: soon}]", check_entries) == [
        'f.yml:1:19: [0].until: "soon" cannot be read; a day is written YYYY-MM-DD'
    ]
    assert faults_of("[{listed_in: $allow}]", check_entries) == [
        "f.yml:1:3: [0].listed_in: an entry cannot refer to a list"
    ]
    assert faults_of("[{port: $limit}]", check_entries) == [
        "f.yml:1:9: [0].port: there is no parameter $limit; declare it under params"
    ]
    assert faults_of("{port: 1}", check_entries) == ["f.yml:1:1: a list is wanted, not a mapping"]


def test_a_long_pattern_is_refused():
    assert faults_of(f"user: {{glob: {'a' * 257}}}")[0].endswith("a pattern of 257 characters; at most 256")


def test_values_of_a_parameter_are_checked_where_it_is_used():
    faults = []
    document = read(
        "predicate: {proto: $name, address: {cidr: $nets}}\nvalues: {name: [tpc, udp], nets: [[10.0.0.1/8]]}"
    )
    cursor = start(document, "f.yml", faults)
    values = {name: cursor.at("values").at(name).items() for name in ("name", "nets")}
    params = {"name": Param("name", "text"), "nets": Param("nets", "texts")}
    check_predicate(cursor.at("predicate"), Scope(LISTENER, params, values))
    assert told(faults) == [
        'f.yml:2:17: values.name[0]: "tpc" is not known here; did you mean tcp?',
        'f.yml:2:36: values.nets[0][0]: "10.0.0.1/8" cannot be read; the network of that address is 10.0.0.0/8',
    ]


def test_both_ends_of_between_are_written_out():
    assert faults_of("port: {between: [1, $limit]}") == []
    assert faults_of("port: {between: $limit}") == [
        'f.yml:1:17: port.between: a list is wanted, not "$limit"'
    ]


@pytest.mark.parametrize(
    ("field", "right"), [("port", False), ("proto", False), ("address", False), ("user", True)]
)
def test_a_fact_refers_to_nothing(field, right):
    faults = []
    check_value(start(read(f"{field}: $limit"), "f.yml", faults).at(field), LISTENER.field(field))
    assert bool(faults) != right
