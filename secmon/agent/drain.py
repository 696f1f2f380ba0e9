"""Empty a child's pipe into memory outside this process' heap, within a limit."""

from __future__ import annotations

import fcntl
import os
from typing import Final

CHUNK: Final = 256 * 1024
_SEALS: Final = fcntl.F_SEAL_WRITE | fcntl.F_SEAL_GROW | fcntl.F_SEAL_SHRINK | fcntl.F_SEAL_SEAL


class Drain:
    """The read end of a pipe and the memfd that takes what comes out of it, unparsed.

    Args:
        pipe: read end of a pipe; this object closes it.
        limit: bytes that are kept.

    Attributes:
        pipe: the read end, -1 once it is closed.
        memfd: what was read; whoever takes it closes it.
        size: bytes in it.
    """

    def __init__(self, pipe: int, limit: int) -> None:
        self.memfd = os.memfd_create("secmon", os.MFD_CLOEXEC | os.MFD_ALLOW_SEALING)
        os.set_blocking(pipe, False)
        self.pipe = pipe
        self.size = 0
        self._limit = limit

    def read(self) -> bool:
        """Move what has come, and close the pipe at its end.

        Returns:
            False once there was more than the limit; the pipe is closed then.
        """
        while self.pipe >= 0:
            try:
                data = os.read(self.pipe, CHUNK)
            except BlockingIOError:
                return True
            if self.size + len(data) > self._limit:
                self.close_pipe()
                return False
            if not data:
                self.close_pipe()
            write_all(self.memfd, data)
            self.size += len(data)
        return True

    def close_pipe(self) -> None:
        """Close the pipe; what comes later is lost to its writer."""
        if self.pipe >= 0:
            os.close(self.pipe)
            self.pipe = -1

    def seal(self) -> int:
        """Return the memfd, at its start and unchangeable from now on, by anyone."""
        self.close_pipe()
        os.lseek(self.memfd, 0, os.SEEK_SET)
        fcntl.fcntl(self.memfd, fcntl.F_ADD_SEALS, _SEALS)
        return self.memfd


def write_all(fd: int, data: bytes) -> None:
    """Write all of some bytes to a blocking descriptor."""
    view = memoryview(data)
    while view:
        view = view[os.write(fd, view) :]


def read_and_close(fd: int | None, *, first_line: bool = False) -> bytes:
    """Return what is left of a file, or of its first line, and close it; nothing where there is none."""
    if fd is None:
        return b""
    with os.fdopen(fd, "rb") as file:
        return file.readline() if first_line else file.read()
