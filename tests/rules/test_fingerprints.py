"""The fingerprints that secmon ships: each knows its examples, and none can be kept busy by a text."""

from __future__ import annotations

import pathlib
import re

import pytest

from secmon.checks.ports.probe.matcher import Matcher
from secmon.core.fingerprint import TEXTS
from secmon.core.fingerprintfiles import load_fingerprints, try_examples
from secmon.sources import paths, yaml

FOLDER = pathlib.Path(paths.builtin_rules()) / paths.FINGERPRINTS
DOCUMENTS = [yaml.read(path.read_bytes(), path.name) for path in sorted(FOLDER.glob("*.yml"))]
FINGERPRINTS, FAULTS = load_fingerprints([(document.file, document.value) for document in DOCUMENTS])


def test_there_is_no_fault_and_every_example_is_known_by_its_own_first():
    assert [str(fault) for document in DOCUMENTS for fault in document.faults] == []
    assert [str(fault) for fault in FAULTS] == []
    assert [str(fault) for fault in try_examples(FINGERPRINTS)] == []
    assert len(FINGERPRINTS) >= 150


def test_every_kind_of_text_and_every_vendor_that_was_promised_is_there():
    assert {fingerprint.text for fingerprint in FINGERPRINTS} == set(TEXTS)
    vendors = {fingerprint.vendor for fingerprint in FINGERPRINTS if fingerprint.management}
    assert vendors >= {
        "Cisco", "Juniper", "Huawei", "MikroTik", "Fortinet", "Sophos", "H3C", "HPE", "Ubiquiti", "DrayTek",
        "Hikvision", "TP-Link", "ZTE",
    }  # fmt: skip


def test_the_documentation_names_every_text_and_key():
    page = (FOLDER.parents[1] / "docs" / "fingerprints.md").read_text()
    keys = ("text", "match", "product", "vendor", "version", "cpe", "service", "management", "examples")
    assert [word for word in (*TEXTS, *keys) if f"`{word}`" not in page] == []


def test_every_cpe_that_an_example_yields_is_well_formed():
    # NISTIR 7695 figure 6-3, for the values that we write.
    component = r"(?:\*|-|(?:[a-z0-9._-]|\\[^a-z0-9\s])+)"
    well_formed = re.compile(rf"cpe:2\.3:[aho](?::{component}){{10}}\Z")
    for fingerprint in FINGERPRINTS:
        for example in fingerprint.examples:
            cpe = fingerprint.match(example.text).cpe
            assert cpe is None or well_formed.match(cpe), (fingerprint.name, cpe)


def hostile(example):
    """Yield texts that begin like an example and then repeat what may keep a pattern busy."""
    for end in {0, len(example) // 3, len(example) // 2, len(example) - 1, len(example)}:
        head = example[:end]
        tail = head[-1:] or "a"
        for piece in (tail, head[-3:] or " ", "1.", "a ", "\n", '"', "a,", "-_"):
            yield head + piece * 1024


@pytest.mark.parametrize("text", sorted(TEXTS))
def test_no_text_keeps_a_pattern_busy(text):
    for fingerprint in FINGERPRINTS:
        if fingerprint.text == text:
            matcher = Matcher(lambda _, only=fingerprint: [only])
            for example in fingerprint.examples:
                for attempt in hostile(example.text):
                    matcher(text, attempt)
            assert matcher.left_out == []
