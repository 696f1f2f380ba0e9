from __future__ import annotations

import os

import pytest

from secmon.sources.serials import SERIALS, key_of, read_serials, write_serials
from tests.support.rulebook import told


def test_what_is_written_is_read_again_by_its_owner_only(tmp_path):
    serials = {key_of("rules", "site"): 7, key_of("waivers", "site"): 10**14}
    write_serials(tmp_path, serials)
    write_serials(tmp_path, serials)
    path = tmp_path / SERIALS
    assert os.listdir(tmp_path) == [SERIALS]
    assert path.stat().st_mode & 0o777 == 0o600
    faults = []
    assert read_serials(path.read_bytes(), "serials", faults) == serials
    assert faults == []


@pytest.mark.parametrize(
    "data", [b"", b"[]", b'{"a": "7"}', b'{"a": true}', b"{" * 100_000, b"\xff", b'{"a": 1.5}']
)
def test_a_damaged_file_is_a_fault(data):
    faults = []
    assert read_serials(data, "serials", faults) == {}
    (only,) = told(faults)
    assert only.startswith("serials:1:1: the highest serials cannot be read from it; remove it to begin anew")


def test_a_link_is_not_followed(tmp_path):
    (tmp_path / f".{SERIALS}").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(OSError, match="symbolic links"):
        write_serials(tmp_path, {"a": 1})
    assert not (tmp_path / "elsewhere").exists()
