"""Trace sockets to units by the cgroup that the kernel tells, and to processes by their descriptors."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any, Final

from secmon.checks.ports import listeners
from secmon.checks.ports.probe import cgroups, processes
from secmon.core.model import Reason

if TYPE_CHECKING:
    from collections.abc import Sequence

    from secmon.checks.ports.probe.packages import Packages
    from secmon.sources import diag

_PROCESS_FIELDS: Final = ("pid", "process", "executable", "package")


class Tracer:
    """Traces sockets to who holds them; remembers between looks what it costs to find out.

    Args:
        cgroup: the top of the cgroup v2 hierarchy, None where there is none.
        packages: of this host.
    """

    def __init__(self, cgroup: int | None, packages: Packages) -> None:
        self._cgroup = cgroup
        self._packages = packages
        self._units: dict[int, str | None] = {}
        self._owners: dict[int, listeners.Owner] = {}  # inode of a socket -> what was found

    def owners(self, rows: Sequence[diag.Socket], *, processes_too: bool) -> list[listeners.Owner]:
        """Say of each socket who holds it.

        Args:
            rows: the sockets.
            processes_too: look for the processes, which walks through the descriptors of all that run; else
                those are told that were found before.

        Returns:
            Their owners in the same order.
        """
        units = self._units_of({row.cgroup for row in rows if row.cgroup is not None})
        holders = processes.holders({row.inode for row in rows}) if processes_too else None
        if holders is None:
            return [self._owners.get(row.inode) or self._owner(row, units, None) for row in rows]
        found = [self._owner(row, units, holders) for row in rows]
        self._owners = {row.inode: owner for row, owner in zip(rows, found, strict=True)}
        return found

    def close(self) -> None:
        """Close the hierarchy."""
        if self._cgroup is not None:
            os.close(self._cgroup)

    def _owner(
        self, row: diag.Socket, units: dict[int, str | None] | None, holders: processes.Holders | None
    ) -> listeners.Owner:
        pid = _pid(holders.pids.get(row.inode, ())) if holders else None
        values: dict[str, Any] = {"uid": row.uid, "user": processes.user_name(row.uid)}
        if pid is not None:
            told = {"pid": pid, **self._described(pid)}
        elif holders is None:
            told = dict.fromkeys(_PROCESS_FIELDS, Reason.RESOURCE_LIMIT)
        else:  # the kernel's own, where every process could be asked
            told = dict.fromkeys(_PROCESS_FIELDS, Reason.PERMISSION if holders.unreadable else None)
        told["systemd_unit"] = _unit(row.cgroup, units, pid)
        missing = {name: value for name, value in told.items() if isinstance(value, Reason)}
        return listeners.Owner(
            values | {name: value for name, value in told.items() if name not in missing}, missing
        )

    def _described(self, pid: int) -> dict[str, Any]:
        """Return what is known of a process, a Reason for what is not."""
        values, missing = processes.describe(pid)
        executable = values.get("executable")
        package = self._packages.of_process(pid, executable) if executable else missing.get("executable")
        return {**values, **missing, "package": package}

    def _units_of(self, wanted: set[int]) -> dict[int, str | None] | None:
        """Return the units of cgroups; walks through the hierarchy only for those that are new."""
        if self._cgroup is None:
            return None
        self._units = {cgroup: unit for cgroup, unit in self._units.items() if cgroup in wanted}
        new = wanted - self._units.keys()
        if new:
            self._units |= cgroups.units(self._cgroup, new)
        return self._units


def _unit(cgroup: int | None, units: dict[int, str | None] | None, pid: int | None) -> str | Reason | None:
    """Return the unit that opened a socket, None for none, or why it is not known.

    A socket that systemd opened for a service carries systemd's cgroup, so the process that holds it decides.
    """
    told = (
        units.get(cgroup, Reason.NO_DATA) if units is not None and cgroup is not None else Reason.UNSUPPORTED
    )
    if pid is not None and (told in (None, cgroups.MANAGER) or isinstance(told, Reason)):
        return cgroups.unit_of_process(pid) or told
    return told


def _pid(pids: tuple[int, ...]) -> int | None:
    """Return the process to name: not the manager, which keeps the sockets that it hands to services."""
    return next((pid for pid in pids if pid != 1), pids[0] if pids else None)
