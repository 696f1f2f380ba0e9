"""Keep the frames of a run outside the core's heap, unparsed, until they are judged."""

from __future__ import annotations

import json
import os
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from secmon.agent.drain import write_all
from secmon.agent.frames import FRAME_LIMIT

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from secmon.core.plan import Turn

_PROGRESS: Final = b'{"progress":['
_PROGRESS_LIMIT: Final = 64  # bytes of such a line
_PROGRESS_LINES: Final = 16  # lines of a chunk that are searched for it
_BEGIN: Final = b'{"begin":'
_END: Final = b'{"end":'


class Frames:
    """The frames of one child, in a memfd.

    Attributes:
        size: bytes of whole lines that are kept.
        broken: a line was longer than a frame may be; nothing is kept from there on.
        progress: the last (done, total) that was told, None for none.
    """

    def __init__(self) -> None:
        self._memfd = os.memfd_create("frames", os.MFD_CLOEXEC)
        self._tail = b""
        self._open = 0
        self.size = 0
        self.broken = False
        self.progress: tuple[int, int] | None = None

    def feed(self, data: bytes, *, window: bool = False) -> bytes | None:
        """Take what came out of the pipe.

        Args:
            data: any bytes.
            window: stop where no observation is open any more.

        Returns:
            None where everything was taken; else the bytes that belong behind the end of the window.
        """
        lines = (self._tail + data).split(b"\n")
        self._tail = lines[-1]
        self.broken = self.broken or max(map(len, lines)) >= FRAME_LIMIT
        if self.broken:
            self._tail = b""
            return None
        self._find_progress(lines)
        end = self._find_end(lines) if window else 0
        if not end:
            self._keep(lines)
            return None
        rest = b"\n".join(lines[end:])
        self._tail = b""
        self._keep([*lines[:end], b""])
        return rest

    def _find_progress(self, lines: list[bytes]) -> None:
        """Note the last progress; it stands at the end of what has come, or is not worth a search."""
        for line in lines[-_PROGRESS_LINES:-1]:
            if line.startswith(_PROGRESS):
                self.progress = _read_progress(line) or self.progress

    def _find_end(self, lines: list[bytes]) -> int:
        """Return how many lines belong to the window that ends in them, 0 where none does."""
        for index, line in enumerate(lines[:-1], start=1):
            if line.startswith(_BEGIN):
                self._open += 1
            elif line.startswith(_END):
                self._open -= 1
                if self._open == 0:
                    return index
        return 0

    def _keep(self, lines: list[bytes]) -> None:
        """Keep all lines but the last, which has no end yet."""
        block = b"\n".join((*lines[:-1], b""))
        write_all(self._memfd, block)
        self.size += len(block)

    @property
    def cut_short(self) -> bool:
        """The last line has no end."""
        return bool(self._tail)

    @property
    def empty(self) -> bool:
        """Nothing has come."""
        return not (self.size or self._tail or self.broken)

    def copy_to(self, fd: int) -> None:
        """Append the whole lines to another file."""
        offset = 0
        while offset < self.size:
            offset += os.sendfile(fd, self._memfd, offset, self.size - offset)

    def close(self) -> None:
        """Give the memory back."""
        os.close(self._memfd)


def _read_progress(line: bytes) -> tuple[int, int] | None:
    """Read a progress frame of an unprivileged child; None where it is not quite one."""
    words = line[len(_PROGRESS) :].removesuffix(b"]}").split(b",")
    if len(line) > _PROGRESS_LIMIT or len(words) != 2 or not all(word.isdigit() for word in words):
        return None
    return int(words[0]), int(words[1])


@dataclass(slots=True, eq=False)
class Part:
    """What one probe of a run sends.

    Attributes:
        check: name of the check.
        probe: name of the probe.
        deadline: seconds that its child may run.
        window: seconds of one window of a long-lived probe, 0 for others.
        started: Unix seconds, 0 before it has.
        finished: Unix seconds, 0 before it has.
        status: `ok` or a Reason; "" while it runs undisturbed.
        pipe: read end of its pipe, -1 where there is none.
        frames: what it sent.
        run: number of its child, 0 while it is queued.
        hours: of the targets that it looks at, "" for those of any time.
    """

    check: str
    probe: str
    deadline: float
    window: float = 0.0
    started: float = 0.0
    finished: float = 0.0
    status: str = ""
    pipe: int = -1
    run: int = 0
    hours: str = ""
    frames: Frames = field(default_factory=Frames)


class Kept:
    """What each probe of a check sent last, so that one which runs rarely counts beside one that watches."""

    def __init__(self) -> None:
        self._parts: dict[Turn, Part] = {}

    def put(self, parts: Iterable[Part]) -> None:
        """Keep parts that have ended, in the place of what was sent before on the same targets."""
        for part in parts:
            self._forget((part.probe, part.hours))
            self._parts[part.probe, part.hours] = part

    def compose(self, turns: Sequence[Turn]) -> int | None:
        """Build the spool that the judge child reads, and forget all that is in no turn any more.

        Args:
            turns: those that the check now has.

        Returns:
            A memfd: for each turn a JSON header line, then as many bytes of frames as it says; None where one
            has never ended whose targets are looked at at any time.
        """
        for turn in self._parts.keys() - set(turns):
            self._forget(turn)
        if any(turn not in self._parts for turn in turns if not turn[1]):
            return None
        spool = os.memfd_create("spool", os.MFD_CLOEXEC)
        for part in (self._parts[turn] for turn in turns if turn in self._parts):
            header = {
                "probe": part.probe,
                "hours": part.hours,
                "status": part.status,
                "started": part.started,
                "finished": part.finished,
                "size": part.frames.size,
            }
            write_all(spool, json.dumps(header).encode() + b"\n")
            part.frames.copy_to(spool)
        return spool

    def close(self) -> None:
        """Give the memory back."""
        for turn in list(self._parts):
            self._forget(turn)

    def _forget(self, turn: Turn) -> None:
        if turn in self._parts:
            self._parts.pop(turn).frames.close()
