"""Imagine the assets that profiles and overrides are about, to check packs where no asset is configured."""

from __future__ import annotations

from itertools import product
from typing import TYPE_CHECKING

from secmon.core.model import Asset, Platform, Role, Vantage

if TYPE_CHECKING:
    from collections.abc import Sequence

    from secmon.core.rule import Override, Profile

LEVELS = range(1, 6)
_USUAL_LEVEL = 2
_ANY = "any"


def assets_of_profiles(profiles: Sequence[Profile]) -> list[Asset]:
    """Return one asset for each platform and role that profiles tell apart.

    Args:
        profiles: every profile.

    Returns:
        Assets that are looked at from inside and outside; a linux server is always one of them.
    """
    return [
        Asset(_ANY, platform=platform, level=_USUAL_LEVEL, roles=(role,), vantages=tuple(Vantage))
        for platform, role in _told_apart(profiles)
    ]


def assets_of_overrides(overrides: Sequence[Override], profiles: Sequence[Profile]) -> list[Asset]:
    """Return the assets that overrides may be about, at every level.

    Args:
        overrides: every override.
        profiles: every profile.

    Returns:
        Assets of each unit and id that an override matches.
    """
    matched = dict.fromkeys((override.unit, override.asset) for override in overrides)
    kinds = _told_apart(profiles)
    return [
        Asset(asset or _ANY, unit, platform, level, (role,), tuple(Vantage))
        for (unit, asset), (platform, role), level in product(matched, kinds, LEVELS)
    ]


def _told_apart(profiles: Sequence[Profile]) -> list[tuple[Platform, Role]]:
    platforms = dict.fromkeys(platform for profile in profiles for platform in profile.platforms)
    roles = dict.fromkeys(role for profile in profiles for role in profile.roles)
    platforms.setdefault(Platform.LINUX)
    roles.setdefault(Role.SERVER)
    return list(product(platforms, roles))
