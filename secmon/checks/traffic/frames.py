"""Say what a captured frame is: one plain tuple, since there are hundreds of thousands a second."""

from __future__ import annotations

from typing import Final

Frame = tuple[float, bytes | memoryview, int, int, int, int, int]
"""Unix seconds, buffer, start and end of the captured bytes in it, bytes on the wire, link type, VLAN
identifier that the kernel took out of the frame (0: none, or it is still in the frame)."""

MAX_CAPTURED: Final = 262_144
"""Bytes of one frame; libpcap's MAXIMUM_SNAPLEN, so that no file makes us keep more."""


class CaptureError(Exception):
    """A capture file is damaged or foreign.

    Attributes:
        offset: byte of the file at which the damage begins.
        problem: what is wrong there.
    """

    def __init__(self, offset: int, problem: str) -> None:
        super().__init__(f"byte {offset}: {problem}")
        self.offset = offset
        self.problem = problem
