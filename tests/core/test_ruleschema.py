"""The JSON Schema against the validator, each the other's oracle: both come from the same tables."""

from __future__ import annotations

import copy
import pathlib
import random

import pytest
from jsonschema import Draft202012Validator

from secmon.checks import load
from secmon.core.nodes import plain
from secmon.core.packcontent import load_content, use_of
from secmon.core.ruleschema import rules_schema, schema_text
from secmon.sources import paths, yaml
from tests.support.rulebook import REGISTRY, read

ROOT = pathlib.Path(__file__).parents[2]
BAD = ROOT / "tests" / "data" / "bad"
SHIPPED = load()
NOW = 1_800_000_000.0
SCHEMA = rules_schema(REGISTRY)
VALIDATOR = Draft202012Validator(SCHEMA)

RULE = {
    "id": "ports.a",
    "check": "ports",
    "severity": "high",
    "params": {
        "limit": {"type": "integer", "default": 10, "level_3": 5, "tighten": "down", "unit": "ports"},
        "allow": {"type": "predicates", "default": [{"port": 22, "until": "2027-01-01"}], "local": True},
        "nets": {"type": "texts", "default": ["10.0.0.0/8"]},
    },
    "for_each": "listener",
    "where": {
        "proto": "tcp",
        "all": [{"port": {"gt": 0}}, {"user": {"glob": "a*", "not": {"prefix": "ab"}}}],
        "any": [{"wanted": True}, {"names": {"some": {"eq": "x"}, "contains": "y"}}],
        "not": {"scope": {"in": ["loopback", "link"]}},
        "address": {"cidr": "$nets"},
        "version": {"version_lt": "1.2-3"},
        "records": {"exists": True},
    },
    "require": {"port": {"lt": "$limit", "between": [1, 9]}, "listed_in": "$allow", "user": "$asset.unit"},
    "title": {"vi": "Tên", "en": "Title"},
    "fix": {"vi": "Sửa", "en": "Mend"},
    "maps": {"cis-8": ["4.8", {"section": "12", "status": "unconfirmed"}]},
    "tests": [
        {"name": "a", "facts": {"port": 5, "since": "2026-01-01", "names": ["x"]}, "expect": "unknown"},
        {
            "name": "b",
            "facts": [],
            "looked": "timeout",
            "params": {"limit": 3},
            "level": 4,
            "roles": ["database"],
            "now": 5,
            "expect": "unknown",
        },
    ],
}
COUNT = {key: RULE[key] for key in ("check", "severity", "for_each", "title", "fix")} | {
    "id": "ports.b",
    "count": {"le": 3, "ne": "$asset.level"},
}
PROFILE = {
    "profile": {
        "name": "all",
        "platform": ["linux"],
        "roles": ["server"],
        "vantage": "inside",
        "why": {"vi": "a", "en": "b"},
    },
    "rules": [{"use": "*", "severity": "low"}, {"use": "*", "enabled": False, "reason": "R"}],
}
OVERRIDES = {
    "overrides": [{"match": {"unit": "so"}, "rule": "*", "severity": "high", "params": {}, "reason": "R"}]
}
WAIVER = {
    "id": "W-1",
    "rule": "ports.a",
    "match": {"asset": "own", "subject": {"port": 1}},
    "reason": "R",
    "author": "a",
    "approved_by": "b",
    "created": "2026-01-01",
    "expires": "2026-02-01",
}
GOOD = ({"rules": [RULE, COUNT]}, PROFILE, OVERRIDES, {"waivers": [WAIVER]})

# What two places say together, or a language of its own says, is beyond a schema.
BEYOND = (
    "no rule is named",
    "there is no parameter",
    "is never used",
    "has no parameter",
    "no rule of",
    "has no default",
    "tests[1].params",
    "match.subject",
    "an address is wanted",
    "cannot be read",
    "a Debian version is wanted",
    "stands twice",
    "two tests are named",
    "takes one of type predicates",
    "is of type",
    "takes text",
    "takes number",
    "takes boolean",
    " is a list of predicates",
    "is above the second",
)


def faults_of(document, background=({"rules": [RULE, COUNT]},), registry=REGISTRY):
    """Return every fault of one document; one that defines no rules is held against others."""
    use = use_of(document)
    own = {"rules": [], "overrides": [], "waivers": []} | {use: [("f", document)]}
    others = [] if use == "rules" and "profile" not in document else [("g", item) for item in background]
    return load_content([*others, *own["rules"]], own["overrides"], own["waivers"], registry, NOW).faults


def places_of(errors):
    """Return where a schema's errors are, in the form of a fault's key: the place, and the keys refused there."""
    found = set()
    for error in errors:
        path = error.json_path.removeprefix("$").removeprefix(".").replace("['", ".").replace("']", "")
        found.add(path)
        if error.validator == "additionalProperties":
            found.update(
                f"{path}.{key}".removeprefix(".")
                for key in error.instance
                if key not in error.schema["properties"]
            )
    return found


def test_it_is_a_schema_and_takes_every_rule_that_is_shipped():
    schema = rules_schema(SHIPPED)
    Draft202012Validator.check_schema(schema)
    validator = Draft202012Validator(schema)
    for file in paths.list_files(str(ROOT / "rules")):
        if paths.is_document(file):
            document = yaml.read(pathlib.Path(file).read_bytes(), file)
            assert [error.message for error in validator.iter_errors(plain(document.value))] == [], file


@pytest.mark.parametrize("document", GOOD)
def test_it_takes_what_the_validator_takes(document):
    assert [str(fault) for fault in faults_of(document)] == []
    assert [error.message for error in VALIDATOR.iter_errors(document)] == []


def test_it_flags_the_seeded_mistakes_that_are_of_structure():
    validator = Draft202012Validator(rules_schema(SHIPPED))
    missed = []
    for path in sorted(BAD.glob("*.yml")):
        if path.name == "secmon.yml":
            continue
        document = yaml.read(path.read_bytes(), path.name)
        if document.faults and not isinstance(document.value, dict):
            continue  # it is no YAML, which an editor says itself
        places = places_of(validator.iter_errors(plain(document.value)))
        for fault in faults_of(document.value, (), SHIPPED):
            if not any(
                text in str(fault)
                for text in (*BEYOND[:3], "stands twice", "the approver", "days are", "the calendar")
            ):
                missed += [] if fault.key in places else [str(fault)]
    assert missed == []


@pytest.mark.parametrize(
    ("path", "value"),
    [
        (("rules", 0, "severity"), "hihg"),
        (("rules", 0, "for_each"), "listner"),
        (("rules", 0, "id"), "tls.a"),
        (("rules", 0, "id"), "ports.A"),
        (("rules", 0, "title"), {"vi": "Tên"}),
        (("rules", 0, "title", "en"), 5),
        (("rules", 0, "title", "en"), " "),
        (("rules", 0, "maps", "cis-8", 0), 4.8),
        (("rules", 0, "maps", "cis-8"), []),
        (("rules", 0, "where", "prot"), "tcp"),
        (("rules", 0, "where", "proto"), "tpc"),
        (("rules", 0, "where", "proto"), ["tcp"]),
        (("rules", 0, "where", "proto"), {}),
        (("rules", 0, "where", "any"), []),
        (("rules", 0, "where", "all", 0), {}),
        (("rules", 0, "where", "all", 0, "port", "gtt"), 1),
        (("rules", 0, "where", "all", 0, "port", "gt"), "022"),
        (("rules", 0, "where", "all", 0, "port", "prefix"), "x"),
        (("rules", 0, "where", "not", "scope", "in"), "link"),
        (("rules", 0, "where", "not", "scope", "in"), []),
        (("rules", 0, "where", "records", "exists"), "$limit"),
        (("rules", 0, "where", "names"), "x"),
        (("rules", 0, "require"), "nevr"),
        (("rules", 0, "require", "port", "between"), [1]),
        (("rules", 0, "require", "port", "between"), "$limit"),
        (("rules", 0, "require", "listed_in"), "allow"),
        (("rules", 0, "count"), 3),
        (("rules", 1, "count"), {"glob": "x"}),
        (("rules", 1, "count", "le"), "$fact.port"),
        (("rules", 0, "params", "limit", "default"), "ten"),
        (("rules", 0, "params", "limit", "type"), "int"),
        (("rules", 0, "params", "limit", "level_6"), 1),
        (("rules", 0, "params", "allow", "default"), [{"until": "2027-01-01"}]),
        (("rules", 0, "params", "allow", "default"), [{"prt": 1}]),
        (("rules", 0, "params", "allow", "default", 0, "until"), "soon"),
        (("rules", 0, "params", "allow", "tighten"), "up"),
        (("rules", 0, "tests", 0, "facts", "prt"), 1),
        (("rules", 0, "tests", 0, "facts", "port"), "5"),
        (("rules", 0, "tests", 0, "facts", "port"), "$limit"),
        (("rules", 0, "tests", 0, "expect"), "passes"),
        (("rules", 0, "tests", 1, "looked"), "often"),
        (("rules", 0, "tests", 1, "level"), 6),
        (("rules", 0, "tests", 1, "roles"), []),
        (("rules", 0, "tets"), []),
        (("rules",), {}),
        (("rulez",), []),
    ],
)
def test_both_refuse_a_mistake(path, value):
    document = copy.deepcopy(GOOD[0])
    node = document
    for key in path[:-1]:
        node = node[key]
    node[path[-1]] = value
    assert faults_of(document)
    assert not VALIDATOR.is_valid(document)


@pytest.mark.parametrize(
    "document",
    [
        {"profile": PROFILE["profile"], "rules": [{"use": "*", "enabled": False}]},
        {"profile": PROFILE["profile"] | {"platform": "lynux"}, "rules": []},
        {"profile": PROFILE["profile"] | {"vantage": "above"}, "rules": []},
        {"profile": PROFILE["profile"]},
        {"overrides": [{"match": {}, "rule": "*", "severity": "high", "reason": "R"}]},
        {"overrides": [{"match": {"unit": "so"}, "rule": "*", "reason": "R"}]},
        {"overrides": [{"match": {"site": "so"}, "rule": "*", "severity": "high", "reason": "R"}]},
        {"waivers": [{key: value for key, value in WAIVER.items() if key != "approved_by"}]},
        {"waivers": [WAIVER | {"expires": "never"}]},
        {"waivers": [WAIVER | {"id": "a b"}]},
        {"waivers": []} | {"rules": []},
    ],
)
def test_both_refuse_it_in_the_other_files(document):
    assert faults_of(document)
    assert not VALIDATOR.is_valid(document)


VALUES = (
    None,
    True,
    5,
    1.5,
    "x",
    "",
    "$x",
    "$$x",
    "$fact.port",
    "$asset.level",
    [],
    [1],
    ["a"],
    {},
    {"a": 1},
    -1,
)


def places_in(value, at=()):
    """Yield the path of everything in a document but of itself."""
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, item in items:
        yield (*at, key)
        yield from places_in(item, (*at, key))


def mutated(document, chance):
    """Return a document in which one thing was replaced, removed, renamed or added."""
    document = copy.deepcopy(document)
    path = chance.choice(list(places_in(document)))
    node = document
    for key in path[:-1]:
        node = node[key]
    last, how = path[-1], chance.choice(("replace", "replace", "remove", "rename", "add"))
    if how == "remove":
        del node[last]
    elif how == "rename" and isinstance(node, dict):
        node[f"{last}x"] = node.pop(last)
    elif how == "add" and isinstance(node[last], dict):
        node[last]["zzz"] = 1
    else:
        node[last] = chance.choice(VALUES)
    return document


@pytest.mark.parametrize("seed", range(8))
def test_the_two_agree_about_documents_with_a_mistake_somewhere(seed):
    chance = random.Random(seed)
    for _ in range(60):
        document = mutated(chance.choice(GOOD), chance)
        faults = [str(fault) for fault in faults_of(document)]
        errors = [f"{error.json_path}: {error.message[:80]}" for error in VALIDATOR.iter_errors(document)]
        if not faults:
            assert errors == [], "the schema refuses what the validator takes"
        elif not errors:
            plain_mistakes = [fault for fault in faults if not any(text in fault for text in BEYOND)]
            assert plain_mistakes == [], "the validator refuses what the schema takes"


def test_every_key_and_field_is_described_in_both_languages():
    def walk(schema):
        for properties in (
            node["properties"]
            for node in schema["$defs"].values()
            if node.get("additionalProperties") is False
        ):
            yield from properties.items()

    for key, schema in walk(rules_schema(SHIPPED)):
        english, _, vietnamese = schema["description"].partition("\n")
        assert english, key
        assert vietnamese, key


def test_the_file_ends_with_a_line_end():
    assert schema_text(REGISTRY).endswith("}\n")
    assert read(schema_text(REGISTRY))["title"] == "secmon rules"
