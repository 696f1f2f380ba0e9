from __future__ import annotations

import pytest

from secmon.core.contract import SettingSpec
from secmon.core.cursor import read_integer, start
from secmon.core.sections import open_section, read_duration, read_path_setting, read_setting, section
from tests.support.rulebook import read, told


def walk(text, reader):
    faults = []
    return reader(start(read(text), "f", faults)), told(faults)


def test_a_key_without_a_value_counts_as_absent():
    values, faults = walk("a:\nb: 2", lambda cursor: section(cursor, {"a": read_integer, "b": read_integer}))
    assert (values, faults) == ({"b": 2}, [])


def test_a_required_key_without_a_value_is_told():
    _, faults = walk("a:\n", lambda cursor: open_section(cursor, ("a", "b"), ("a", "b")))
    assert faults == ["f:1:1: the key b is missing", "f:1:3: a: it has no value"]


@pytest.mark.parametrize(
    "key",
    [
        "password",
        "PASSWD",
        "passphrase",
        "client_secret",
        "token",
        "snmp_community",
        "private_key",
        "privatekey",
        "apikey",
        "api_key",
        "credentials",
    ],
)
def test_secrets_are_named_and_never_shown(key):
    _, faults = walk(f"{key}: hunter2", lambda cursor: open_section(cursor, ("a",)))
    (only,) = faults
    assert "looks like a secret" in only
    assert "hunter2" not in only


@pytest.mark.parametrize("key", ["key", "compass", "passive"])
def test_other_unknown_keys_are_no_secrets(key):
    assert "unknown key" in walk(f"{key}: 1", lambda cursor: open_section(cursor, ("a",)))[1][0]


def test_paths_know_where_they_stand():
    setting, faults = walk("a: /etc/x", lambda cursor: read_path_setting(cursor.at("a")))
    assert faults == []
    assert (setting.path, str(setting.place), setting.key) == ("/etc/x", "f:1:4", "a")
    assert (
        walk("a: builtin", lambda cursor: read_path_setting(cursor.at("a"), builtin=True))[0].path
        == "builtin"
    )


@pytest.mark.parametrize(
    ("bounds", "advice"),
    [((60, None), "at least 1m"), ((None, 7200), "at most 2h"), ((90, 86400), "at least 90s, at most 1d")],
)
def test_bounds_of_durations_are_told_as_they_are_written(bounds, advice):
    text = "1s" if bounds[0] else "3d"
    _, faults = walk(f"a: {text}", lambda cursor: read_duration(cursor.at("a"), *bounds))
    assert faults == [f'f:1:4: a: "{text}" is out of range; {advice}']


@pytest.mark.parametrize(
    ("type_name", "text", "value"),
    [
        ("integer", "5", 5),
        ("number", "0.5", 0.5),
        ("boolean", "true", True),
        ("text", "''", ""),
        ("text", "x", "x"),
        ("texts", "[x]", ["x"]),
        ("duration", "2m", 120),
        ("paths", "[/a]", ["/a"]),
    ],
)
def test_settings_of_every_type(type_name, text, value):
    spec = SettingSpec("a", type_name, None, "a", "a")
    assert walk(f"a: {text}", lambda cursor: read_setting(cursor.at("a"), spec)) == (value, [])
