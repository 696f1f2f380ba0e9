"""Build the check's facts from what was read; a Reason stands wherever something was not seen."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from secmon.core.model import Fact, Reason

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from secmon.checks.patches.dpkg import Installed
    from secmon.checks.patches.kernel import Kernel
    from secmon.checks.patches.osrelease import OsRelease
    from secmon.checks.patches.pins import Source
    from secmon.checks.patches.policy import Update


@dataclass(frozen=True, slots=True)
class UpdatesView:
    """What is known of pending updates.

    Attributes:
        updates: those that were found; each is real, whatever else was not seen.
        index_date: signed date of the oldest security index, Unix seconds, or why there is none.
        reason: None where the indexes tell everything, else why they do not.
        detail: the same for a person.
    """

    updates: tuple[Update, ...]
    index_date: float | Reason
    reason: Reason | None = None
    detail: str = ""


@dataclass(frozen=True, slots=True)
class HostView:
    """What was seen of one root.

    Attributes:
        os: its distribution.
        eol: Unix seconds of its end of life.
        kernel: running and installed kernels.
        reboot_flag: the file by which packages ask for a reboot exists; its absence proves nothing.
        updates: pending updates.
        auto_updates: updates install themselves.
        time_synchronised: the clock follows a time source.
        package_count: installed packages.
    """

    os: OsRelease | Reason
    eol: float | Reason
    kernel: Kernel
    reboot_flag: bool
    updates: UpdatesView
    auto_updates: bool | Reason
    time_synchronised: bool | Reason
    package_count: int


@dataclass(frozen=True, slots=True)
class SecurityIndex:
    """How far the security indexes can be trusted to tell what is pending.

    Attributes:
        date: signed date of the oldest one, Unix seconds, or why there is none.
        reason: None where they tell, else why they do not.
        detail: the same for a person.
    """

    date: float | Reason
    reason: Reason | None = None
    detail: str = ""


def judge_security_index(sources: Iterable[Source], installed: Installed, now: float) -> SecurityIndex:
    """Judge the security indexes: there is one for each architecture in use, and none is out of date.

    Args:
        sources: all indexes.
        installed: the packages of the host.
        now: Unix seconds.
    """
    security = [source for source in sources if source.release.security]
    if not security:
        detail = "no index of a security archive is in var/lib/apt/lists"
        return SecurityIndex(
            Reason.NO_DATA, Reason.NO_DATA, f"{detail}; configure one and run apt-get update"
        )
    dates = [source.release.date for source in security if source.release.date is not None]
    date = min(dates) if len(dates) == len(security) else Reason.BAD_DATA
    covered = {source.index.architecture for source in security}
    used = {installed.key(package.name, package.architecture)[1] for package in installed.packages}
    if used - covered and "" not in covered:
        detail = f"no security index for {', '.join(sorted(used - covered))}, of which packages are installed"
        return SecurityIndex(date, Reason.NO_DATA, f"{detail}; run apt-get update and read its errors")
    if any(source.release.stale(now) for source in security):
        detail = "the index of the security archive is out of date; run apt-get update and read its errors"
        return SecurityIndex(date, Reason.STALE_DATA, detail)
    return SecurityIndex(date)


def host_fact(view: HostView) -> Fact:
    """Return the fact of kind `host`.

    Args:
        view: what was seen.
    """
    os = view.os
    updates = view.updates
    counts: Reason | tuple[int, int] = updates.reason or (
        sum(not update.pinned for update in updates.updates),
        sum(update.security for update in updates.updates),
    )
    seen: dict[str, Any] = {
        "os_id": os if isinstance(os, Reason) else os.id,
        "os_version": os if isinstance(os, Reason) else os.version,
        "os_codename": os if isinstance(os, Reason) else os.codename,
        "eol_date": view.eol,
        "kernel_running": view.kernel.running,
        "kernel_newest": view.kernel.newest,
        "kernel_stale": view.kernel.stale,
        "reboot_required": True if view.reboot_flag else view.kernel.stale,
        "pending_updates": counts if isinstance(counts, Reason) else counts[0],
        "pending_security": counts if isinstance(counts, Reason) else counts[1],
        "security_index_timestamp": updates.index_date,
        "auto_updates": view.auto_updates,
        "time_synchronised": view.time_synchronised,
        "package_count": view.package_count,
    }
    missing = {name: value for name, value in seen.items() if isinstance(value, Reason)}
    return Fact("host", {name: value for name, value in seen.items() if name not in missing}, missing)


def update_facts(updates: Iterable[Update]) -> Iterator[Fact]:
    """Yield the facts of kind `update`.

    Args:
        updates: what is pending.
    """
    for update in updates:
        yield Fact(
            "update",
            {
                "package": update.package,
                "installed": update.installed,
                "candidate": update.candidate,
                "security": update.security,
                "source": update.source,
                "held": update.held,
                "pinned": update.pinned,
            },
        )
