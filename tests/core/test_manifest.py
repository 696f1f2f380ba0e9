from __future__ import annotations

import hashlib
from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from secmon.cli.packs import KINDS
from secmon.core.manifest import (
    NAMESPACES,
    Manifest,
    check_hour,
    check_kind,
    check_serial,
    compare_files,
    digest_text,
    make_manifest,
    read_manifest,
)
from secmon.core.quantities import day_end, day_start
from tests.support.rulebook import told

ONE, TWO = "1" * 64, "2" * 64
MANIFEST = Manifest(
    "province-rules",
    "rules",
    7,
    date(2026, 11, 23),
    date(2027, 11, 23),
    {"b/x.yml": ONE, "a.yml": TWO},
)
TEXT = f"""secmon-pack/1
name: province-rules
kind: rules
serial: 7
created: 2026-11-23
expires: 2027-11-23

{ONE}  b/x.yml
{TWO}  a.yml
"""


def read(text):
    faults = []
    manifest = read_manifest(text if isinstance(text, bytes) else text.encode(), "MANIFEST", faults)
    assert (manifest is None) is bool(faults)
    return manifest, told(faults)


def test_it_has_one_spelling():
    assert make_manifest(MANIFEST).decode() == TEXT
    assert read(TEXT) == (MANIFEST, [])


def test_its_list_is_what_the_digest_of_the_pack_is_taken_of():
    listed = TEXT.partition("\n\n")[2].encode()
    assert digest_text(MANIFEST.files) == listed
    assert hashlib.sha256(listed).hexdigest() == hashlib.sha256(digest_text(MANIFEST.files)).hexdigest()


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        ("secmon-pack/1", "secmon-pack/2", 'MANIFEST:1:1: its first line is "secmon-pack/2"; this version of secmon reads secmon-pack/1'),
        ("name: province-rules", "name: builtin", "MANIFEST:2:7: name: builtin is the installation's own pack; choose another name"),
        ("name: province-rules", "name: a b", 'MANIFEST:2:7: name: "a b" is wrong here; at most 63 letters, digits and .-_'),
        ("kind: rules", "kind: waiver", 'MANIFEST:3:7: kind: "waiver" is wrong here; did you mean waivers?'),
        ("serial: 7", "serial: 0", 'MANIFEST:4:9: serial: "0" is wrong here; a whole number from 1, of at most 15 digits'),
        ("serial: 7", "serial: 07", 'MANIFEST:4:9: serial: "07" is wrong here; a whole number from 1, of at most 15 digits'),
        ("created: 2026-11-23", "created: 2026-11-31", 'MANIFEST:5:10: created: "2026-11-31" is wrong here; the calendar has no day 2026-11-31'),
        ("expires: 2027-11-23", "expires: never", 'MANIFEST:6:10: expires: "never" is wrong here; a day is written YYYY-MM-DD'),
        ("serial: 7\n", "", 'MANIFEST:4:1: serial: "created: 2026-11-23" stands here; the line serial: ... is wanted'),
        ("\n\n", "\n", "MANIFEST:8:1: an empty line before the list of files, and a line end behind it, are wanted"),
        ("a.yml\n", "a.yml", "MANIFEST:8:1: an empty line before the list of files, and a line end behind it, are wanted"),
        ("b/x.yml", "a.yml", "MANIFEST:9:1: it is no entry of the list; SHA256, two blanks, and the path of a file, each once; no backslash or control character"),
        (f"{ONE}  b/x.yml\n{TWO}  a.yml", f"{TWO}  a.yml\n{ONE}  b/x.yml", "MANIFEST:8:1: the list is not sorted by its lines"),
    ],
)  # fmt: skip
def test_another_spelling_is_told_with_its_place(old, new, expected):
    assert old in TEXT
    assert read(TEXT.replace(old, new))[1] == [expected]


@pytest.mark.parametrize("path", ["MANIFEST", "MANIFEST.sig", "a\tb", "a\\b", "a\rb"])
def test_names_that_a_list_cannot_hold(path):
    assert read(TEXT.replace("a.yml", path))[0] is None


def test_what_cannot_be_said_is_not_made():
    bad = Manifest("a", "rules", 1, date(2026, 1, 1), date(2027, 1, 1), {"a\nb": ONE})
    with pytest.raises(ValueError, match="no entry of the list"):
        make_manifest(bad)


@given(st.binary(max_size=400) | st.text(max_size=400).map(str.encode))
def test_whatever_the_bytes_are_they_are_read_or_told(data):
    read(data)
    read(TEXT.encode()[: len(data)] + data)


PATHS = st.text(
    st.characters(codec="utf-8", exclude_categories=["Cs"], exclude_characters="\\\x7f", min_codepoint=0x20),
    min_size=1,
    max_size=20,
).filter(lambda path: path not in {"MANIFEST", "MANIFEST.sig"})


@given(st.dictionaries(PATHS, st.binary(min_size=32, max_size=32).map(bytes.hex), max_size=5))
def test_what_is_made_is_read_again(files):
    manifest = Manifest("n", "waivers", 10**14, date(1970, 1, 1), date(9999, 12, 31), files)
    assert read(make_manifest(manifest)) == (manifest, [])


@given(st.integers(0, len(TEXT) - 1), st.characters(codec="ascii"))
def test_no_two_spellings_mean_the_same(at, character):
    changed = TEXT[:at] + character + TEXT[at + 1 :]
    manifest, _ = read(changed)
    assert manifest is None or (manifest == MANIFEST) is (changed == TEXT)


def test_files_that_are_not_as_signed():
    found = {"a.yml": ONE, "c.yml": TWO}
    altered, removed, added = told(compare_files(MANIFEST, found, "/p"))
    assert altered == (
        f"/p/a.yml:1:1: the file was altered after the pack was signed: its sha256 is {ONE}, "
        f"and {TWO} was signed; copy the pack again, or sign again"
    )
    assert removed == "/p/b/x.yml:1:1: the file was removed after the pack was signed; copy the pack again"
    assert added == "/p/c.yml:1:1: the file was added after the pack was signed; remove it, or sign again"
    assert told(compare_files(MANIFEST, dict(MANIFEST.files), "/p")) == []


def test_the_last_day_is_included_and_the_first_too():
    begin, end = day_start(date(2026, 11, 23)), day_end(date(2027, 11, 23))
    for now in (begin, end - 1):
        assert told(check_hour(MANIFEST, "M", now)) == []
    assert told(check_hour(MANIFEST, "M", end)) == [
        "M:6:10: expires: the pack has expired: 2027-11-23 was its last day; get a newer one"
    ]
    assert told(check_hour(MANIFEST, "M", begin - 1)) == [
        "M:5:10: created: the pack was made on 2026-11-23, and that day has not come; is this host's clock right?"
    ]


def test_a_lower_serial_is_older():
    assert told(check_serial(MANIFEST, "M", 7)) == told(check_serial(MANIFEST, "M", 0)) == []
    assert told(check_serial(MANIFEST, "M", 8)) == [
        "M:4:9: serial: the pack is older than one that was accepted: 7, after 8; get serial 8 or a later one"
    ]


def test_another_kind_is_told():
    assert told(check_kind(MANIFEST, "M", "rules")) == []
    assert told(check_kind(MANIFEST, "M", "waivers")) == [
        "M:3:7: kind: it is a pack of rules, and waivers are read here; name it under rules.paths"
    ]


def test_every_kind_has_a_namespace_and_a_word_on_the_command_line():
    assert set(NAMESPACES) == set(KINDS)
