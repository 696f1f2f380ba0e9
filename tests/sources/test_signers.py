from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from secmon.sources.signers import read_signers
from tests.support.rulebook import told
from tests.support.signing import KINDS, make_key

KEY = make_key("ssh-ed25519")


def read(text):
    faults = []
    data = text if isinstance(text, bytes) else text.encode()
    return read_signers(data, "signers", faults), told(faults)


def test_a_file():
    text = f"""# who signs for the province
lead@site,deputy@site namespaces="secmon-rules,secmon-w*",valid-after="20260101Z" {KEY.line} a comment

"Nguyễn Văn A"	{KEY.line}
"""
    (first, second), faults = read(text)
    assert faults == []
    assert first.principals == ("lead@site", "deputy@site")
    assert first.key == KEY.blob
    assert (first.valid_after, first.valid_before) == (1767225600.0, None)
    assert [first.may_sign(name) for name in ("secmon-rules", "secmon-waivers", "secmon-report")] == [
        True,
        True,
        False,
    ]
    assert (second.principals, second.namespaces, second.place.line) == (("Nguyễn Văn A",), None, 4)
    assert second.may_sign("anything")


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_of_key(kind):
    key = make_key(kind)
    (only,), faults = read(f"a@b {key.line}\n")
    assert (only.key, faults) == (key.blob, [])


@pytest.mark.parametrize(
    ("patterns", "allowed"),
    [
        ("secmon-rules", True),
        ("secmon-*", True),
        ("secmon-rule?", True),
        ("*s**s*", True),
        ("secmon-rules,!secmon-*", False),
        ("!secmon-rules,*", False),
        ("!other,secmon-rules", True),
        ("!other", False),
        ("secmon", False),
        ("secmon-[r]ules", False),
        ("", False),
    ],
)
def test_patterns_of_namespaces(patterns, allowed):
    (only,), faults = read(f'a@b namespaces="{patterns}" {KEY.line}\n')
    assert (only.may_sign("secmon-rules"), faults) == (allowed, [])


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("a@b", "it holds no key of a known type; "),
        (f"a@b ssh-dss {KEY.line.split()[1]}", "it holds no key of a known type; "),
        ("a@b ssh-ed25519 AAAA", "its key is damaged; copy the line of the .pub file again"),
        ("a@b ssh-ed25519 AA*A", "its key is damaged; copy the line of the .pub file again"),
        (f"a@b {KEY.line.replace('ssh-ed25519', 'ssh-rsa')}", "the key is not of the type ssh-rsa that stands before it"),
        (f"*@b {KEY.line}", "the principal *@b is a pattern; name everybody who may sign"),
        (f"a,,b {KEY.line}", "a principal is empty"),
        (f'a"b" {KEY.line}', "it does not begin with a principal; "),
        (f"a@b cert-authority {KEY.line}", "cert-authority is not supported: signatures by certificates are refused; name the signing key itself"),
        (f"a@b zap {KEY.line}", "zap is no option; known are: "),
        (f"a@b namespaces {KEY.line}", 'namespaces is given once, as namespaces="..."'),
        (f'a@b namespaces="a",namespaces="b" {KEY.line}', 'namespaces is given once, as namespaces="..."'),
        (f'a@b namespaces="a", {KEY.line}', 'namespaces="a", ends in a comma'),
        (f'a@b valid-after="2026" {KEY.line}', "valid-after: 2026 is no time; write YYYYMMDD"),
        (f'a@b valid-after="20260230Z" {KEY.line}', "valid-after: 20260230Z is no time; write YYYYMMDD"),
        (f'a@b valid-after="19700101Z" {KEY.line}', "valid-after: 19700101Z is before 1970; write YYYYMMDD"),
        (f'a@b valid-after="20260102Z",valid-before="20260102Z" {KEY.line}', "valid-before is not later than valid-after"),
        (f"a\x07b {KEY.line}", "it holds control characters"),
        (f"a\ud800b {KEY.line}".encode("utf-8", "surrogatepass"), "it is not UTF-8"),
    ],
)  # fmt: skip
def test_a_bad_line_is_told_and_the_others_are_read(line, message):
    line = line if isinstance(line, bytes) else line.encode()
    found, faults = read(f"good@site {KEY.line}\n".encode() + line + b"\n")
    assert len(found) == len(faults) == 1
    assert faults[0].startswith(f"signers:2:1: {message}")


def test_a_file_that_names_nobody():
    assert read("# nobody\n\n")[1] == [
        "signers:1:1: it names nobody who may sign; one line for each: PRINCIPAL ssh-ed25519 KEY"
    ]


@given(st.binary(max_size=200) | st.text(max_size=200).map(lambda text: text.encode("utf-8", "replace")))
def test_whatever_the_bytes_are_they_are_read_or_told(data):
    read(data)
    read(b"a@b " + data + KEY.line.encode())
