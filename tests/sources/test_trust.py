from __future__ import annotations

import os

import pytest

from secmon.sources.serials import write_serials
from secmon.sources.trust import open_trust, read_trust
from tests.support.rulebook import told
from tests.support.signing import make_key

LINE = f"a@b {make_key('ssh-ed25519').line}\n"


@pytest.fixture
def signers(tmp_path):
    path = tmp_path / "signers"
    path.write_text(LINE)
    return path


def test_it_is_opened_first_and_read_later(signers, tmp_path):
    write_serials(tmp_path, {"rules/site": 7})
    faults = []
    opened = open_trust(str(signers), str(tmp_path), faults)
    signers.unlink()
    trust = read_trust(opened, 5.0, faults, "a@b")
    assert told(faults) == []
    assert (trust.serials, trust.now, trust.principal) == ({"rules/site": 7}, 5.0, "a@b")
    assert [signer.principals for signer in trust.signers] == [("a@b",)]
    assert opened.notes == ()


def test_without_a_memory_it_says_what_is_not_noticed(signers, tmp_path):
    opened = open_trust(str(signers), str(tmp_path / "none"), [])
    (note,) = opened.notes
    assert note.startswith(
        f"no pack was accepted before ({tmp_path}/none/serials.json does not exist), so a pack"
    )
    assert read_trust(opened, 5.0, []).serials == {}


def test_what_cannot_be_trusted_is_told(signers, tmp_path):
    faults = []
    assert open_trust("/nowhere/signers", str(tmp_path), faults) is None
    os.chmod(signers, 0o666)
    assert open_trust(str(signers), str(tmp_path), faults) is None
    assert told(faults) == [
        "/nowhere/signers:1:1: /nowhere/signers does not exist; one line for each who may sign: PRINCIPAL ssh-ed25519 KEY",
        f"{signers}:1:1: everybody may write this file; chmod o-w {signers}",
    ]


def test_damage_is_told(signers, tmp_path):
    signers.write_text("a@b nonsense\n")
    (tmp_path / "serials.json").write_text("damaged")
    faults = []
    read_trust(open_trust(str(signers), str(tmp_path), faults), 5.0, faults)
    assert [fault.place.file for fault in faults] == [str(signers), f"{tmp_path}/serials.json"]
    signers.write_bytes(b"#" * 1_000_001)
    faults = []
    read_trust(open_trust(str(signers), str(tmp_path), faults), 5.0, faults)
    assert "larger than 1000000 bytes" in told(faults)[0]
