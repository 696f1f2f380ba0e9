"""Name what can be wrong with a machine of the demo, and when it is.

A trouble changes what the checks see; which rule then fails is for the rules to say.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    import random

MINUTE: Final = 60.0
HOUR: Final = 60 * MINUTE
DAY: Final = 24 * HOUR

_COMMON: Final = (
    *("ftp", "database", "smb", "vnc", "nfs", "printing", "snmp", "many-listeners", "temporary-folder"),
    *("old-versions", "no-tls13", "no-intermediate", "long-lifetime", "wrong-name", "self-signed"),
    *("file-expiring", "tls-timeout", "weak-key"),
    *("updates", "updates", "blocked", "kernel", "old-index", "no-auto-updates", "clock-free", "end-near"),
    *("pile-up", "no-index"),
    *("port-scan", "one-sided", "inside-scan"),
)
"""What goes wrong on servers everywhere, the more frequent more often."""
_BRIEF: Final = ("vnc", "ftp", "port-scan", "syn-flood", "arp-spoof", "tls-timeout", "updates", "datastore")
"""What comes and goes while somebody watches."""
_DEVICE: Final = (
    "web",
    "telnet",
    "management",
    "remote-desktop",
    "self-signed",
    "old-versions",
    "tls-timeout",
    "filtered",
)
_PERIODS: Final = (8 * MINUTE, 14 * MINUTE, 25 * MINUTE, 50 * MINUTE)
_LONG_PERIODS: Final = (5 * HOUR, 9 * HOUR, 17 * HOUR)


@dataclass(frozen=True, slots=True)
class Trouble:
    """Something wrong with one machine.

    Attributes:
        name: what it is; the modules that make observations know what it does.
        period: seconds after which it comes back, 0 where it never goes away.
        length: seconds that it stays each time.
        phase: seconds by which its times are moved.
    """

    name: str
    period: float = 0.0
    length: float = 0.0
    phase: float = 0.0

    def is_active(self, now: float) -> bool:
        """Return whether it is there at an instant, in Unix seconds."""
        return not self.period or (now - self.phase) % self.period < self.length


def troubles_of_server(chance: random.Random, neglect: float) -> tuple[Trouble, ...]:
    """Choose what is wrong with a server.

    Args:
        chance: dice.
        neglect: 0-1, how badly it is looked after.

    Returns:
        Some troubles that stay, some that come and go over hours, and now and then one that does so within
        minutes.
    """
    count = sum(chance.random() < neglect for _ in range(24))
    names = dict.fromkeys(chance.choices(_COMMON, k=count))
    found = [Trouble(name) if chance.random() < 0.6 else _wave(chance, name, _LONG_PERIODS) for name in names]
    if chance.random() < 0.35 + neglect / 3:
        found.append(_wave(chance, chance.choice(_BRIEF), _PERIODS))
    return tuple(found)


def troubles_of_device(chance: random.Random, neglect: float) -> tuple[Trouble, ...]:
    """Choose what is wrong with a device that is watched from outside.

    Args:
        chance: dice.
        neglect: 0-1, how badly it is looked after.
    """
    count = sum(chance.random() < neglect for _ in range(4))
    return tuple(Trouble(name) for name in dict.fromkeys(chance.choices(_DEVICE, k=count)))


def _wave(chance: random.Random, name: str, periods: tuple[float, ...]) -> Trouble:
    period = chance.choice(periods)
    return Trouble(name, period, period * chance.uniform(0.2, 0.6), chance.uniform(0, period))
