"""Files in the format of recog, written here: none of the real ones is part of this repository."""

from __future__ import annotations

import pytest

from secmon.checks.ports.probe import recog
from secmon.core.fingerprint import Match

HEAD = "<?xml version='1.0' encoding='UTF-8'?>\n"
SSH = (
    HEAD
    + """<fingerprints matches="ssh.banner" protocol="ssh" database_type="service" preference="0.90">
  <!-- a comment -->
  <fingerprint pattern="^ExampleSSH_(\\S+) (?:on (\\w+))?$">
    <description>Example</description>
    <example service.version="1.2" os.product="Box">ExampleSSH_1.2 on Box</example>
    <param pos="0" name="service.vendor" value="Example"/>
    <param pos="0" name="service.product" value="ExampleSSH"/>
    <param pos="1" name="service.version"/>
    <param pos="0" name="service.cpe23" value="cpe:/a:example:ssh server:{service.version}"/>
    <param pos="2" name="os.product"/>
  </fingerprint>
  <fingerprint pattern="^box-(?i)ssh" flags="REG_ICASE">
    <param pos="0" name="hw.vendor" value="Boxes"/>
    <param pos="0" name="hw.family" value="Box"/>
    <param pos="0" name="hw.cpe23" value="cpe:/h:boxes:box:-"/>
  </fingerprint>
  <fingerprint pattern="^silent$"/>
  <fingerprint pattern="^broken[">
    <param pos="0" name="service.product" value="x"/>
  </fingerprint>
</fingerprints>
"""
)
TELNET = HEAD + '<fingerprints protocol="telnet"><fingerprint pattern="\\Alogin"/></fingerprints>'
HELP = HEAD + '<fingerprints protocol="smtp"><fingerprint pattern="^250"/></fingerprints>'


def known(name, *files):
    notes = []
    folder = recog.Folder([(f"f{index}.xml", text.encode()) for index, text in enumerate(files)])
    return list(folder.known(name, notes)), notes


def test_an_entry_says_what_it_knows():
    entries, notes = known("ssh", SSH)
    assert [entry.name for entry in entries] == ["f0.xml:4", "f0.xml:13", "f0.xml:18"]
    assert entries[0].match("ExampleSSH_1.2 on Box") == Match(
        "ExampleSSH", "Example", "1.2", "cpe:2.3:a:example:ssh_server:1.2:*:*:*:*:*:*:*"
    )
    assert entries[0].match("other") is None
    assert entries[1].match("BOX-SSH") == Match("Box", "Boxes", None, "cpe:2.3:h:boxes:box:*:*:*:*:*:*:*:*")
    assert entries[2].match("silent") is None, "it names no product"
    assert notes == ["f0.xml has patterns that Python cannot read: 1."]


def test_examples_tell_the_values_that_they_promise():
    (first, *_), _ = known("ssh", SSH)
    ((attributes, text),) = first.examples
    told = first.values(text)
    assert {name: told[name] for name in attributes} == attributes


def test_a_file_is_for_the_text_that_it_names():
    assert known("ftp", SSH) == ([], [])
    assert len(known("telnet", TELNET)[0]) == 1
    assert known("smtp", HELP) == ([], []), "answers to commands that are never sent"


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("no XML", "it is no XML"),
        ("<fingerprints matches='ssh.banner'>", "it is no XML"),
        (HEAD + "<other/>", "it holds no fingerprints"),
        (HEAD + '<!DOCTYPE x [<!ENTITY a "b">]>' + SSH.removeprefix(HEAD), "it declares a document type"),
        (HEAD + '<!DOCTYPE x SYSTEM "/etc/passwd">' + SSH.removeprefix(HEAD), "it declares a document type"),
        (SSH.replace("<description>", "<a><b><c><d><e>"), "too deeply"),
        ("", "it is no XML"),
    ],
)
def test_what_is_not_recog_is_left_out_and_named(text, why):
    entries, notes = known("ssh", text)
    assert entries == []
    assert len(notes) == 1
    assert notes[0].startswith("f0.xml is left out: ")
    assert why in notes[0]


def test_numbers_that_point_nowhere_do_no_harm():
    for position in ("x", "²", "-1", "9", "9" * 5000):
        text = SSH.replace('pos="2"', 'pos="9"').replace('pos="1"', f'pos="{position}"')
        (first, *_), _ = known("ssh", text)
        assert first.match("ExampleSSH_1.2 on Box").version is None
