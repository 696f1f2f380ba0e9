from __future__ import annotations

import re

import pytest

from secmon.checks import load
from secmon.core import checksettings, settings
from secmon.core.contract import CheckSpec, ProbeSpec, Registry, SettingSpec
from secmon.core.example import CHECK_KEYS, SECTIONS, TARGET_KEYS, duration, example, setting_value
from secmon.core.hosts import Own
from secmon.core.model import Form
from secmon.core.settings import read_settings
from secmon.sources import yaml

REGISTRY = Registry(
    {
        "dns": CheckSpec(
            name="dns",
            kinds=(),
            probes=(ProbeSpec("local", "tests.none", (Form.LOCAL,), ()),),
            interval_seconds=5400,
            deadline_seconds=90,
            en="Names.",
            vi="Tên miền.",
            settings=(
                SettingSpec("wait", "duration", 300, "how long", "bao lâu"),
                SettingSpec("servers", "texts", ("192.0.2.1", "192.0.2.2"), "which", "máy nào"),
                SettingSpec("strict", "boolean", default=True, en="strictly", vi="chặt"),
                SettingSpec("suffix", "text", "", "suffix", "hậu tố"),
            ),
        )
    }
)


def read(text, registry):
    document = yaml.read(text.encode(), "secmon.yml")
    assert not document.faults, [str(fault) for fault in document.faults]
    return read_settings(document.value, "secmon.yml", registry, Own("host"))


@pytest.mark.parametrize("lang", ["vi", "en"])
def test_as_it_is_it_means_the_defaults(lang):
    configuration, faults = read(example(REGISTRY, lang), REGISTRY)
    defaults, _ = read("", REGISTRY)
    assert [str(fault) for fault in faults] == []
    assert configuration == defaults


def test_every_key_may_be_switched_on():
    registry = load()  # known_sources names a detector that exists
    switched_on = re.sub(r"^( *)#(?=\S)", r"\1", example(registry, "en"), flags=re.MULTILINE)
    configuration, faults = read(switched_on, registry)
    assert [str(fault) for fault in faults] == []
    assert configuration.asset.id == "may-chu-01"
    assert [watch.asset.id for watch in configuration.watches] == ["router-bien"]


def test_every_key_that_is_read_is_documented():
    documented = {section.name: [key.name for key in section.keys] for section in SECTIONS}
    assert {name: set(keys) for name, keys in documented.items()} == {
        "agent": set(settings.AGENT),
        "asset": set(settings.ASSET),
        "watches": set(settings.WATCH),
        "rules": set(settings.RULES),
        "listen": set(settings.LISTEN),
        "": set(settings.TOP),
        "known_sources": set(settings.KNOWN_SOURCE_KEYS),
    }
    assert {*documented, "checks", *settings.TOP} - {""} == set(settings.TOP_KEYS)
    assert [key.name for key in CHECK_KEYS] == list(checksettings.CHECK_KEYS)
    assert {key.name for key in TARGET_KEYS} == set(checksettings.TARGET)


@pytest.mark.parametrize(
    ("seconds", "text"), [(86400, "1d"), (43200, "12h"), (5400, "90m"), (300, "5m"), (90, "90s"), (10, "10s")]
)
def test_durations_are_short(seconds, text):
    assert duration(seconds) == text


def test_settings_are_written_as_the_file_takes_them():
    written = [setting_value(setting) for setting in REGISTRY.checks["dns"].settings]
    assert written == ["5m", "[192.0.2.1, 192.0.2.2]", "true", '""']
