"""Read the settings of one root: its distribution, its end of life, what apt is told to do by itself."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Final

from secmon.checks.patches.aptconf import is_on, parse_options
from secmon.checks.patches.eol import DISTRO_INFO, eol_timestamp, parse_distro_info
from secmon.checks.patches.osrelease import OsRelease, parse_os_release
from secmon.core.contract import Unavailable
from secmon.core.model import Reason

if TYPE_CHECKING:
    from secmon.checks.patches.dpkg import Installed
    from secmon.checks.patches.probe.handles import RootHandles

CONFIG_LIMIT: Final = 256 << 10
"""Bytes of one configuration file."""


def read_os_release(root: RootHandles) -> OsRelease | Reason:
    """Return the distribution, or why it is not known."""
    if root.os_release is None:
        return Reason.NO_DATA
    try:
        return root.os_release.parse(parse_os_release, CONFIG_LIMIT)
    except Unavailable as why:
        return why.reason


def read_eol(root: RootHandles, system: OsRelease | Reason) -> float | Reason:
    """Return the end of life in Unix seconds, or why it is not known; distro-info-data goes first."""
    if isinstance(system, Reason):
        return system
    newer: dict[str, str] = {}
    if system.id in DISTRO_INFO:
        columns = DISTRO_INFO[system.id][1]
        try:
            newer = root.distro_info[system.id].parse(
                partial(parse_distro_info, columns=columns), CONFIG_LIMIT
            )
        except Unavailable:
            newer = {}  # absent or odd: the built-in table holds
    timestamp = eol_timestamp(system.id, system.version, newer)
    return Reason.NO_DATA if timestamp is None else timestamp


def read_apt_options(root: RootHandles) -> dict[str, str] | Reason:
    """Return apt's configuration, or why it is not known; a later file goes before an earlier one."""
    options: dict[str, str] = {}
    try:
        for opened in root.apt_conf:
            options |= opened.parse(parse_options, CONFIG_LIMIT)
    except Unavailable as why:
        return why.reason
    return options


def auto_updates(root: RootHandles, installed: Installed, options: dict[str, str] | Reason) -> bool | Reason:
    """Say whether updates install themselves: apt is told to, unattended-upgrades is there and is started.

    Args:
        root: the root.
        installed: its packages.
        options: apt's configuration.
    """
    if isinstance(options, Reason):
        return options
    started = root.upgrade_timer if installed.find("systemd-sysv") else root.upgrade_job
    asked = (
        is_on(options, "apt::periodic::enable", default=True)
        and is_on(options, "apt::periodic::update-package-lists", default=False)
        and is_on(options, "apt::periodic::unattended-upgrade", default=False)
    )
    package = installed.find("unattended-upgrades")
    return bool(started and asked and package and package.configured)
