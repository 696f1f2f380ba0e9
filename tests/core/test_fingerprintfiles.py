from __future__ import annotations

import pytest

from secmon.core.fingerprintfiles import is_fingerprint_file, load_fingerprints, try_examples
from secmon.sources import yaml

GOOD = r"""fingerprints:
  - text: ssh
    match: '^Example_(?P<version>\d[\d.]*)'
    product: Example
    examples:
      - {text: Example_1.2, version: '1.2'}
"""


def load(text):
    document = yaml.read(text.encode(), "f.yml")
    assert document.faults == ()
    found, faults = load_fingerprints([(document.file, document.value)])
    return found, [str(fault) for fault in faults]


def test_a_fingerprint_is_read_with_its_place():
    (known,), faults = load(GOOD)
    assert faults == []
    assert (known.name, known.text, known.version) == ("f.yml:2", "ssh", "{version}")
    assert try_examples([known]) == []


@pytest.mark.parametrize(
    ("old", "new", "fault"),
    [
        ("fingerprints:", "fingerprint:", "f.yml:1:1: fingerprint: unknown key"),
        ("text: ssh", "text: shs", 'f.yml:2:11: fingerprints[0].text: "shs" is not known here'),
        ("    product: Example\n", "", "f.yml:2:5: fingerprints[0]: the key product is missing"),
        ("product: Example", "product: 5", "f.yml:4:14: fingerprints[0].product: text is wanted"),
        ("'^Example", "'Example", "f.yml:3:12: fingerprints[0].match: the pattern is not anchored"),
        ("[\\d.]*)'", "[\\d.]*'", "f.yml:3:12: fingerprints[0].match: the pattern cannot be read"),
        ("[\\d.]*)'", "[\\d.]*)+'", "f.yml:3:12: fingerprints[0].match: one repetition stands inside"),
        ("^Example", "^" + "x" * 300, "f.yml:3:12: fingerprints[0].match: the pattern has 323 characters"),
        ("product: Example", "product: 'A {model}'", 'product names the group "model"'),
        ("product: Example", "product: A\n    cpe: cpe:2.3:a:b", "a CPE 2.3 of 5 to 7 components is wanted"),
        (
            "product: Example",
            "product: A\n    cpe: cpe:2.3:x:b:c",
            "a CPE 2.3 of 5 to 7 components is wanted",
        ),
        ("product: Example", "product: A\n    service: 'A B'", "the name of a service is wanted"),
        ("product: Example", "product: A\n    management: 1", "true or false is wanted"),
        ("      - {text: Example_1.2, version: '1.2'}\n", "      []\n", "the list is empty"),
        (
            "version: '1.2'}",
            "version: 1.2}",
            "f.yml:6:38: fingerprints[0].examples[0].version: text is wanted",
        ),
        ("{text: Example_1.2,", "{test: Example_1.2,", "unknown key"),
    ],
)
def test_every_mistake_is_told_with_its_place(old, new, fault):
    assert old in GOOD
    found, faults = load(GOOD.replace(old, new))
    assert found == []
    assert any(fault in told for told in faults), faults


def test_one_mistake_hides_no_other():
    found, faults = load(GOOD.replace("text: ssh", "text: shs") + GOOD.partition("\n")[2])
    assert len(found) == len(faults) == 1


@pytest.mark.parametrize(
    ("old", "new", "fault"),
    [
        (
            "text: Example_1.2",
            "text: Exampel_1.2",
            'f.yml:6:9: text: the pattern does not match "Exampel_1.2"',
        ),
        ("version: '1.2'", "version: '1.3'", 'f.yml:6:9: version: "1.3" is expected, and "1.2" is told'),
        (", version: '1.2'", "", 'f.yml:6:9: version: null is expected, and "1.2" is told'),
        (
            "{text: Example_1.2",
            "{product: A, text: Example_1.2",
            'f.yml:6:9: product: "A" is expected, and "Example" is told',
        ),
        (
            "{text: Example_1.2",
            "{cpe: A, text: Example_1.2",
            'f.yml:6:9: cpe: "A" is expected, and null is told',
        ),
    ],
)
def test_an_example_that_tells_something_else_is_a_fault(old, new, fault):
    found, faults = load(GOOD.replace(old, new))
    assert faults == []
    (told,) = try_examples(found)
    assert str(told).startswith(fault)


def test_an_example_belongs_to_the_first_that_knows_it():
    wide = "  - {text: ssh, match: '^Ex', product: Wide, examples: [{text: Exit}]}\n"
    head, tail = GOOD.partition("\n")[::2]
    narrow_first, _ = load(f"{head}\n{tail}{wide}")
    assert try_examples(narrow_first) == []
    wide_first, _ = load(f"{head}\n{wide}{tail}")
    assert [str(fault) for fault in try_examples(wide_first)] == [
        "f.yml:7:9: text: f.yml:2 matches it before; put the narrower one first"
    ]
    other_text, _ = load(f"{head}\n{wide.replace('ssh', 'ftp')}{tail}")
    assert try_examples(other_text) == []


def test_a_file_is_known_by_its_top_key():
    assert is_fingerprint_file({"fingerprints": []})
    assert not is_fingerprint_file({"rules": []})
    assert not is_fingerprint_file([])
