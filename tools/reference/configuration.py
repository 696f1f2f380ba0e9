"""Describe every key of secmon.yml."""

from __future__ import annotations

from typing import TYPE_CHECKING

from secmon.core.example import CHECK_KEYS, SECTIONS, TARGET_KEYS, Key, duration, example, setting_value
from tools.reference.markdown import code, table
from tools.reference.markdown import page as markdown_page

if TYPE_CHECKING:
    from collections.abc import Iterable

    from secmon.core.contract import CheckSpec, Registry, SettingSpec


def page(registry: Registry) -> str:
    """Return docs/reference/configuration.md."""
    return markdown_page(
        "Configuration",
        "One file, found by `-c`, `$SECMON_CONFIG`, then `/etc/secmon/secmon.yml`; without one the "
        "defaults hold. "
        "Every key may be left out. Durations are written `30s`, `5m`, `1h`, `1d`. `secmon config check` "
        "tells "
        "every fault with its line.",
        *(block for section in SECTIONS for block in _section(section.name, section.words.en, section.keys)),
        "## checks.NAME",
        _keys(CHECK_KEYS),
        "## checks.NAME.targets",
        "Each target is a mapping with one of `address`, `path` and `interface`. A target of an asset "
        "under `watches` "
        "may leave its address out.",
        _keys(TARGET_KEYS),
        *(block for spec in registry.checks.values() for block in _check(spec)),
        "## Example",
        "As `secmon config init` writes it:",
        f"```yaml\n{example(registry, 'en')}```",
    )


def _section(name: str, words: str, keys: Iterable[Key]) -> tuple[str, str, str]:
    return f"## {name or 'At the top'}", words, _keys(keys)


def _keys(keys: Iterable[Key]) -> str:
    return table(
        ("key", "default", "meaning", "ý nghĩa"),
        (
            (
                code(key.name),
                key.default or code(key.value) or "its own for each check",
                key.words.en,
                key.words.vi,
            )
            for key in keys
        ),
    )


def _check(spec: CheckSpec) -> tuple[str, str, str]:
    interval, deadline = duration(spec.interval_seconds), duration(spec.deadline_seconds)
    times = f"{spec.en}. Interval {code(interval)}, deadline {code(deadline)}."
    settings = table(("key", "type", "default", "bounds", "meaning", "ý nghĩa"), map(_setting, spec.settings))
    return f"## checks.{spec.name}", times, settings


def _setting(setting: SettingSpec) -> tuple[str, ...]:
    bounds = (
        ""
        if setting.minimum is None and setting.maximum is None
        else f"{setting.minimum:g} to {setting.maximum:g}"
    )
    return code(setting.name), setting.type, code(setting_value(setting)), bounds, setting.en, setting.vi
