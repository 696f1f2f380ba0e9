from __future__ import annotations

import pytest

from secmon.sources import paths
from secmon.sources.paths import (
    FILE_LIMIT,
    FOLDER_DEPTH,
    TooManyFilesError,
    builtin_rules,
    find_configuration,
    is_document,
    list_files,
    state_folder,
)


def test_the_configuration_is_what_somebody_names():
    assert find_configuration("/a", {"SECMON_CONFIG": "/b"}) == "/a"
    assert find_configuration("", {"SECMON_CONFIG": "/b"}) == "/b"


def test_the_usual_place_counts_where_there_is_a_file(tmp_path, monkeypatch):
    usual = tmp_path / "secmon.yml"
    monkeypatch.setattr(paths, "CONFIGURATION", str(usual))
    assert find_configuration("", {}) == ""
    usual.write_text("")
    assert find_configuration("", {}) == str(usual)


def test_the_installations_own_rules_are_there():
    files = list_files(builtin_rules())
    assert any(file.endswith("profiles/server.yml") for file in files)


@pytest.mark.parametrize(
    ("configured", "environment", "root", "expected"),
    [
        ("/srv", {"STATE_DIRECTORY": "/run/x"}, True, "/srv"),
        ("", {"STATE_DIRECTORY": "/var/lib/private/secmon:/var/lib/other"}, False, "/var/lib/private/secmon"),
        ("", {}, True, "/var/lib/secmon"),
        ("", {"XDG_STATE_HOME": "/home/u/state", "HOME": "/home/u"}, False, "/home/u/state/secmon"),
        ("", {"XDG_STATE_HOME": "relative", "HOME": "/home/u"}, False, "/home/u/.local/state/secmon"),
        ("", {}, False, "/tmp/.local/state/secmon"),
    ],
)
def test_where_state_is_kept(configured, environment, root, expected):
    assert state_folder(configured, environment, root=root) == expected


def test_files_of_a_folder_are_sorted_and_hidden_ones_left_out(tmp_path):
    for name in ("b.yml", "a/c.yaml", "a/README", ".hidden.yml", ".git/x.yml"):
        path = tmp_path / name
        path.parent.mkdir(exist_ok=True)
        path.write_text("")
    assert [file.removeprefix(f"{tmp_path}/") for file in list_files(str(tmp_path))] == [
        "a/README",
        "a/c.yaml",
        "b.yml",
    ]
    assert list_files(f"{tmp_path}/b.yml") == [f"{tmp_path}/b.yml"]


def test_folders_have_limits(tmp_path):
    deep = tmp_path / "/".join("d" * (FOLDER_DEPTH + 1))
    deep.mkdir(parents=True)
    with pytest.raises(TooManyFilesError, match=str(FILE_LIMIT)):
        list_files(str(tmp_path))


@pytest.mark.parametrize(
    ("relative", "expected"),
    [
        ("a.yml", True),
        ("tls/a.yaml", True),
        ("fingerprints/a.yml", False),
        ("README", False),
        ("MANIFEST", False),
    ],
)
def test_what_is_read_as_yaml(relative, expected):
    assert is_document(relative) is expected
