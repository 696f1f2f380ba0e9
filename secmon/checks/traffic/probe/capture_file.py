"""Read capture files through the detectors."""

from __future__ import annotations

import os
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final

from secmon.checks.traffic.detectors.contract import Surroundings
from secmon.checks.traffic.frames import CaptureError
from secmon.checks.traffic.known import read_known_sources
from secmon.checks.traffic.pcap import Reader
from secmon.checks.traffic.probe.report import tell_blind, tell_seen
from secmon.checks.traffic.window import Seen, Sensor, Span
from secmon.core.contract import Unavailable
from secmon.core.model import Reason
from secmon.core.texts import cut
from secmon.sources.files import open_regular

if TYPE_CHECKING:
    from secmon.core.contract import Emit, Task
    from secmon.core.model import Target

_PIECE: Final = 4 * 1024 * 1024
"""Bytes read at a time."""


@dataclass(frozen=True, slots=True)
class Handles:
    """The capture files, open.

    Attributes:
        task: what is to be done.
        files: target -> its descriptor, or why there is none.
    """

    task: Task
    files: tuple[tuple[Target, int | Unavailable], ...]


def acquire(task: Task) -> Handles:
    """Open the capture files, reading nothing.

    Args:
        task: what is to be done; its targets are capture files.

    Returns:
        The open files.
    """
    return Handles(task, tuple((target, _open(target)) for target in task.targets))


def observe(handles: Handles, emit: Emit) -> None:
    """Read every capture file to its end.

    Args:
        handles: the open files.
        emit: where to tell what they hold.
    """
    canary: Unavailable | None = None
    read = False
    for target, source in handles.files:
        emit.begin(target)
        if isinstance(source, Unavailable):
            tell_blind(emit, target, source)
        else:
            canary = _read(handles.task, target, source, emit) or canary
            read = True
    if canary:
        emit.canary(canary.reason, canary.detail)
    elif read:  # else nothing has proved that it can see: the canary stays unsaid
        emit.canary(None)


def _open(target: Target) -> int | Unavailable:
    try:
        return open_regular(target.options["path"])
    except Unavailable as why:
        return why


def _read(task: Task, target: Target, source: int, emit: Emit) -> Unavailable | None:
    """Read one file and tell what it holds; returns why its bytes do not add up, None where they do."""
    name = os.path.basename(target.options["path"])  # noqa: PTH119  # text only, no file is meant
    size = os.fstat(source).st_size
    sensor, reader = Sensor(Surroundings(), read_known_sources(task.known_sources)), Reader()
    damage: CaptureError | None = None
    try:
        while piece := os.read(source, _PIECE):
            sensor.feed(reader.feed(piece))
            emit.progress(min(reader.fed, size), size)
        reader.finish()
    except CaptureError as error:
        damage = error
    except OSError as error:
        tell_blind(emit, target, Unavailable(Reason.BAD_DATA, f"{name} cannot be read: {error.strerror}"))
        return None
    finally:
        os.close(source)
    seen = sensor.close(Span(name, dropped=reader.dropped, damage=Reason.BAD_DATA if damage else None))
    _tell(emit, target, seen, damage)
    return _account(name, reader, size, damage)


def _tell(emit: Emit, target: Target, seen: Seen, damage: CaptureError | None) -> None:
    name = cut(seen.facts[0].values["name"])
    if damage and not seen.packets:
        tell_blind(emit, target, Unavailable(Reason.BAD_DATA, f"{name}: {damage}"))
    elif damage:
        tell_seen(
            emit, target, seen, f"{name}: {damage}; the {seen.packets} packets before it were looked at"
        )
    elif not seen.packets:
        looked = dict.fromkeys(seen.looked, Reason.NO_DATA) | {"interface": None}
        tell_seen(emit, target, replace(seen, looked=looked), f"{name} holds no packet")
    else:
        tell_seen(emit, target, seen)


def _account(name: str, reader: Reader, size: int, damage: CaptureError | None) -> Unavailable | None:
    """Return why the bytes of a file do not add up to its size, None where each belongs to a record."""
    expected = reader.accounted if not damage else reader.fed
    if (damage is None and expected != size) or reader.fed > size:
        return Unavailable(
            Reason.BAD_DATA,
            f"{name} had {size} bytes when it was opened and {expected} were read: is it still written to?",
        )
    return None
