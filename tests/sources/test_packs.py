from __future__ import annotations

import hashlib
import os

from secmon.core.configuration import PathSetting
from secmon.core.rule import Place
from secmon.sources.packs import digest_lines, open_pack, read_packs
from tests.support.rulebook import told


def setting(path):
    return PathSetting(str(path), Place("secmon.yml", 3, 5), "rules.paths[0]")


def opened(path, use="rules", **more):
    faults = []
    return open_pack(setting(path), use, faults, **more), faults


def read(path):
    pack, faults = opened(path)
    (only,) = read_packs([pack], faults)
    return only, told(faults)


def test_a_pack_is_opened_first_and_read_later(tmp_path):
    (tmp_path / "a.yml").write_text("rules: []")
    (tmp_path / "README").write_text("not yaml: [")
    pack, faults = opened(tmp_path)
    assert [(file.relative, file.document) for file in pack.files] == [("README", False), ("a.yml", True)]
    assert os.lseek(pack.files[1].fd, 0, os.SEEK_CUR) == 0, "no byte of it was read"
    (only,) = read_packs([pack], faults)
    assert told(faults) == []
    assert only.name == tmp_path.name
    assert [(document.file, document.value) for document in only.documents] == [
        (f"{tmp_path}/a.yml", {"rules": []})
    ]


def test_the_digest_is_over_all_files_but_the_manifest(tmp_path):
    (tmp_path / "b").mkdir()
    (tmp_path / "b" / "x.yml").write_text("x: 1")
    (tmp_path / "a.txt").write_text("text")
    before, _ = read(tmp_path)
    (tmp_path / "MANIFEST").write_text("m")
    (tmp_path / "MANIFEST.sig").write_text("s")
    after, _ = read(tmp_path)
    lines = sorted(
        f"{hashlib.sha256(data).hexdigest()}  {name}"
        for name, data in (("b/x.yml", b"x: 1"), ("a.txt", b"text"))
    )
    expected = hashlib.sha256("".join(f"{line}\n" for line in lines).encode()).hexdigest()
    assert before.sha256 == after.sha256 == expected == digest_lines(reversed(lines))
    (tmp_path / "a.txt").write_text("texT")
    assert read(tmp_path)[0].sha256 != expected


def test_one_file_is_a_pack_whatever_its_name(tmp_path):
    (tmp_path / "site.rules").write_text("rules: []")
    only, faults = read(tmp_path / "site.rules")
    assert faults == []
    assert only.documents[0].value == {"rules": []}


def test_what_is_not_there_is_told_where_it_is_named(tmp_path):
    _, faults = opened(tmp_path / "none")
    assert told(faults) == [f"secmon.yml:3:5: rules.paths[0]: {tmp_path}/none does not exist"]


def test_what_is_no_regular_file_is_told(tmp_path):
    os.mkfifo(tmp_path / "pipe.yml")
    (tmp_path / "a.yml").write_text("rules: []")
    only, faults = read(tmp_path)
    assert [document.file for document in only.documents] == [f"{tmp_path}/a.yml"]
    assert len(faults) == 1
    assert "pipe.yml" in faults[0]


def test_a_file_past_the_limit_is_told(tmp_path):
    (tmp_path / "big.yml").write_bytes(b"#" * 5_000_001)
    only, faults = read(tmp_path)
    assert only.documents == ()
    assert faults == [f"{tmp_path}/big.yml:1:1: {tmp_path}/big.yml is larger than 5000000 bytes; split it"]


def test_the_installations_own_pack_has_its_name(tmp_path):
    (tmp_path / "a.yml").write_text("rules: []")
    pack, _ = opened("builtin", builtin=str(tmp_path))
    assert pack.name == "builtin"
    assert [file.path for file in pack.files] == [f"{tmp_path}/a.yml"]
    read_packs([pack], [])
