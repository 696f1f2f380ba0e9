"""Load the rules and profiles that secmon ships, as `secmon scan` does."""

from __future__ import annotations

import pathlib

from secmon.checks import load
from secmon.core.profiles import load_profiles
from secmon.core.rules import load_rules, rule_ids
from secmon.sources import paths, yaml
from tests.support.rulebook import told

REGISTRY = load()
FOLDER = paths.builtin_rules()
DOCUMENTS = [
    (document.file, document.value)
    for document in (
        yaml.read(pathlib.Path(file).read_bytes(), file.removeprefix(f"{FOLDER}/"))
        for file in paths.list_files(FOLDER)
        if paths.is_document(file)
    )
]
RULES, _RULE_FAULTS = load_rules(DOCUMENTS, REGISTRY)
PROFILES, _PROFILE_FAULTS = load_profiles(DOCUMENTS, RULES, rule_ids(DOCUMENTS), REGISTRY)
assert told([*_RULE_FAULTS, *_PROFILE_FAULTS]) == []


def kind_of(rule):
    """Return the kind of fact that a rule judges."""
    return REGISTRY.kind(rule.check, rule.kind)
