from __future__ import annotations

from secmon.core.imagined import assets_of_overrides, assets_of_profiles
from secmon.core.model import Platform, Role, Vantage
from secmon.core.overrides import load_overrides
from secmon.core.profiles import load_profiles
from tests.support.rulebook import REGISTRY, read

PROFILES = load_profiles(
    [
        (
            name,
            read(
                f"profile: {{name: {name}, platform: {platform}, roles: [{role}], vantage: inside, "
                "why: {vi: a, en: b}}\nrules: [{use: '*'}]"
            ),
        )
        for name, platform, role in (("a", "windows", "database"), ("b", "linux", "payment"))
    ],
    [],
    frozenset(),
    REGISTRY,
)[0]


def test_profiles_are_told_apart_by_platform_and_role():
    found = {(asset.platform, asset.roles[0]) for asset in assets_of_profiles(PROFILES)}
    assert found == {
        (platform, role)
        for platform in (Platform.WINDOWS, Platform.LINUX)
        for role in (Role.DATABASE, Role.PAYMENT, Role.SERVER)
    }


def test_without_profiles_there_is_a_server():
    (only,) = assets_of_profiles([])
    assert (only.platform, only.roles, only.vantages) == (Platform.LINUX, (Role.SERVER,), tuple(Vantage))


def test_overrides_are_held_against_every_level_of_what_they_match():
    text = "".join(
        f"  - {{match: {{{match}}}, rule: '*', severity: high, reason: R}}\n"
        for match in ("unit: so", "unit: so", "asset: may, unit: so")
    )
    changes, faults = load_overrides([("o", read(f"overrides:\n{text}"))], [], None, REGISTRY)
    assert faults == []
    found = assets_of_overrides(changes, [])
    assert [(asset.id, asset.unit, asset.level) for asset in found] == [
        (name, "so", level) for name in ("any", "may") for level in range(1, 6)
    ]
