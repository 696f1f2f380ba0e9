"""The identity of a finding is a format that others may compute too."""

import hashlib

from secmon.core.identity import fingerprint


def test_is_sha256_of_compact_json() -> None:
    text = '["secmon-fp/1","srv-1","ports.telnet-exposed","local",["host","tcp","0.0.0.0",23]]'
    expected = hashlib.sha256(text.encode()).hexdigest()
    assert fingerprint("srv-1", "ports.telnet-exposed", "local", ("host", "tcp", "0.0.0.0", 23)) == expected


def test_vietnamese_and_lone_surrogates_are_utf8() -> None:
    text = '["secmon-fp/1","máy","r","local",[]]'
    assert fingerprint("máy", "r", "local", ()) == hashlib.sha256(text.encode()).hexdigest()
    assert len(fingerprint("a", "r", "\udcff", ())) == 64


def test_parts_do_not_run_together() -> None:
    assert fingerprint("a", "b", "c", ("d",)) != fingerprint("a", "b", "c,d", ())
    assert fingerprint("a", "b", "c", (1,)) != fingerprint("a", "b", "c", ("1",))
