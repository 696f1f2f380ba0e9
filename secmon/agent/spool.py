"""Keep the frames of a run outside the core's heap, unparsed, until they are judged."""

from __future__ import annotations

import json
import os
from dataclasses import dataclass, field
from typing import Final

from secmon.agent.drain import write_all
from secmon.agent.frames import FRAME_LIMIT

_PROGRESS: Final = b'{"progress":['
_PROGRESS_LIMIT: Final = 64  # bytes of such a line
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
        *lines, self._tail = (self._tail + data).split(b"\n")
        self.broken = self.broken or any(len(line) >= FRAME_LIMIT for line in (*lines, self._tail))
        if self.broken:
            self._tail = b""
            return None
        for index, line in enumerate(lines, start=1):
            if line.startswith(_PROGRESS):
                self.progress = _read_progress(line) or self.progress
            self._open += line.startswith(_BEGIN) - line.startswith(_END)
            if window and line.startswith(_END) and self._open == 0:
                rest = b"\n".join((*lines[index:], self._tail))
                self._tail = b""
                self._keep(lines[:index])
                return rest
        self._keep(lines)
        return None

    def _keep(self, lines: list[bytes]) -> None:
        block = b"".join(line + b"\n" for line in lines)
        write_all(self._memfd, block)
        self.size += len(block)

    @property
    def cut_short(self) -> bool:
        """The last line has no end."""
        return bool(self._tail)

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
    words = line[len(_PROGRESS) : _PROGRESS_LIMIT].removesuffix(b"]}").split(b",")
    if len(words) != 2 or not all(word.isdigit() for word in words):
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
    frames: Frames = field(default_factory=Frames)


def compose(parts: list[Part]) -> int:
    """Build the spool that the judge child reads.

    Args:
        parts: all probes of the run, ended.

    Returns:
        A memfd: for each part a JSON header line, then as many bytes of frames as it says.
    """
    spool = os.memfd_create("spool", os.MFD_CLOEXEC)
    for part in parts:
        header = {
            "probe": part.probe,
            "status": part.status,
            "started": part.started,
            "finished": part.finished,
            "size": part.frames.size,
        }
        write_all(spool, json.dumps(header).encode() + b"\n")
        part.frames.copy_to(spool)
    return spool
