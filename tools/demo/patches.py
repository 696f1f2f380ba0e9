"""Make up what the check patches sees: the state of the host and its pending updates."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from secmon.core.model import Fact, Reason
from tools.demo.chance import dice
from tools.demo.sight import View
from tools.demo.troubles import DAY, HOUR

if TYPE_CHECKING:
    from secmon.core.model import Target
    from tools.demo.sight import Sight

_PACKAGES: Final = ("openssl", "libc6", "nginx", "curl", "sudo", "postgresql-15", "linux-base", "vim", "git")
_KERNELS: Final = ("6.1.0-40-amd64", "6.1.0-41-amd64")


def view(_: Target, sight: Sight) -> View:
    """Return what a run sees of the host.

    Args:
        _: the agent's own host.
        sight: what there is to see.
    """
    if "no-rights" in sight.wrong:
        return View(blind=Reason.PERMISSION, detail="/var/lib/dpkg/status cannot be read.")
    if "no-index" in sight.wrong:
        detail = "No index of a security archive is in var/lib/apt/lists; run apt-get update."
        return View((_state(sight, [], index=False),), {"update": Reason.NO_DATA}, detail=detail)
    updates = _updates(sight)
    return View((_state(sight, updates, index=True), *updates))


def _updates(sight: Sight) -> list[Fact]:
    """Return what is pending: a few packages that wait for nobody's fault, and those of the troubles."""
    chance = dice("updates", sight.machine.id)
    names = list(_PACKAGES)
    chance.shuffle(names)
    found = [_update(name) for name in names[: chance.randint(0, 3)]]
    if "updates" in sight.wrong:
        found += [_update(name, security=True) for name in names[3 : 4 + chance.randint(0, 3)]]
    if "blocked" in sight.wrong:
        found.append(_update("apache2", security=True, held=True))
    if "pile-up" in sight.wrong:
        found += [_update(f"library-{number}") for number in range(120)]
    return found


def _update(package: str, *, security: bool = False, held: bool = False) -> Fact:
    values: dict[str, Any] = {
        "package": package,
        "installed": "1.2-1",
        "candidate": "1.2-1+deb12u2" if security else "1.3-1",
        "security": security,
        "source": "Debian-Security bookworm-security" if security else "Debian bookworm",
        "held": held,
        "pinned": False,
    }
    return Fact("update", values)


def _state(sight: Sight, updates: list[Fact], *, index: bool) -> Fact:
    """Return the fact about the whole host; without an index what is pending was not seen."""
    chance = dice("host", sight.machine.id)
    wrong = sight.wrong
    left = -140 if "end-of-life" in wrong else 120 if "end-near" in wrong else 400 + chance.random() * 500
    indexed = sight.span.ended - sight.span.ended % (6 * HOUR) - (11 * DAY if "old-index" in wrong else 0)
    values: dict[str, Any] = {
        "os_id": "debian",
        "os_version": "12",
        "os_codename": "bookworm",
        "eol_date": float(int(sight.start + left * DAY)),
        "kernel_running": _KERNELS[0 if "kernel" in wrong else 1],
        "kernel_newest": _KERNELS[1],
        "kernel_stale": "kernel" in wrong,
        "reboot_required": "kernel" in wrong,
        "pending_updates": len(updates),
        "pending_security": sum(bool(update.values["security"]) for update in updates),
        "security_index_timestamp": indexed,
        "auto_updates": "no-auto-updates" not in wrong,
        "time_synchronised": not wrong & {"clock-free", "clock-ahead", "clock-behind"},
        "package_count": chance.randint(450, 1900),
    }
    unseen = () if index else ("pending_updates", "pending_security", "security_index_timestamp")
    seen = {name: value for name, value in values.items() if name not in unseen}
    return Fact("host", seen, dict.fromkeys(unseen, Reason.NO_DATA))
