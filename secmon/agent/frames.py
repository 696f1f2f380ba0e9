"""Write what a probe says as frames: JSON lines of at most 256 KiB (docs/architecture.md, "Frames")."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, Final

from secmon.core.model import Completeness, Reason
from secmon.core.texts import cut

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from secmon.core.model import Fact, Target

FRAME_LIMIT: Final = 256 * 1024
"""Bytes of one line, its end included."""

PROGRESS_SECONDS: Final = 0.1
"""The least time between two progress frames."""


class FrameWriter:
    """The Emit of a probe child.

    Args:
        write: takes whole lines.
        now: Unix seconds.
    """

    def __init__(self, write: Callable[[bytes], None], now: Callable[[], float]) -> None:
        self._write = write
        self._now = now
        self._count = 0
        self._open: dict[tuple[str, str], int] = {}
        self._told: set[int] = set()
        self._closed: set[tuple[str, str]] = set()
        self._progress_at = 0.0

    def canary(self, failure: Reason | None, detail: str = "") -> None:
        """Say whether the sensor proved that it can see (None) or why not."""
        self._line({"canary": failure, "detail": cut(detail)})

    def begin(self, target: Target) -> None:
        """Open the observation of a target; once it has ended a target may begin again (the next window).

        Raises:
            ValueError: it is open already.
        """
        key = (target.asset, target.text)
        if key in self._open:
            raise ValueError(f"the observation of {target.text} is open already")
        number = self._open[key] = self._count
        self._count += 1
        self._line({"begin": number, "asset": target.asset, "target": target.text, "started": self._now()})

    def facts(self, target: Target, facts: Iterable[Fact]) -> None:
        """Add facts to an open observation, split over frames where they are many.

        Raises:
            ValueError: the target is not open, or a value is no JSON value.
        """
        number = self._number(target)
        head = f'{{"of":{number},"facts":['.encode()
        room = FRAME_LIMIT - len(head) - len(b"]}\n")
        batch: list[bytes] = []
        size = 0
        for fact in facts:
            record = _record(fact, room)
            self._told.add(number)
            if batch and size + len(record) > room:
                self._write(head + b",".join(batch) + b"]}\n")
                batch, size = [], 0
            batch.append(record)
            size += len(record) + 1
        if batch:
            self._write(head + b",".join(batch) + b"]}\n")

    def end(
        self,
        target: Target,
        looked: Mapping[str, Reason | None],
        completeness: Completeness,
        reason: Reason | None = None,
        detail: str = "",
    ) -> None:
        """Close the observation of a target.

        Raises:
            ValueError: the target is not open.
        """
        number = self._number(target)
        frame = {"end": number, "finished": self._now(), "looked": dict(looked)}
        self._line({**frame, "completeness": completeness, "reason": reason, "detail": cut(detail)})
        key = (target.asset, target.text)
        del self._open[key]
        self._told.discard(number)
        self._closed.add(key)

    def progress(self, done: int, total: int) -> None:
        """Say how far the probe is, at most ten times a second but for the last."""
        now = self._now()
        if done < total and 0 <= now - self._progress_at < PROGRESS_SECONDS:
            return
        self._progress_at = now
        self._line({"progress": [done, total]})

    def crash(self, text: str) -> None:
        """Say what ended the probe before its time."""
        self._line({"crash": cut(text)})

    def give_up(
        self, target: Target, looked: Mapping[str, Reason | None], reason: Reason, detail: str
    ) -> None:
        """End a target that could not be looked at (further), unless it has ended already.

        Args:
            target: one of the task's.
            looked: every kind that it should have yielded, with the reason.
            reason: why.
            detail: one sentence for a person.
        """
        key = (target.asset, target.text)
        if key in self._open:
            told = self._open[key] in self._told
            self.end(target, looked, Completeness.PARTIAL if told else Completeness.FAILED, reason, detail)
        elif key not in self._closed:
            self.begin(target)
            self.end(target, looked, Completeness.FAILED, reason, detail)

    def _number(self, target: Target) -> int:
        number = self._open.get((target.asset, target.text))
        if number is None:
            raise ValueError(f"the observation of {target.text} is not open")
        return number

    def _line(self, frame: Mapping[str, Any]) -> None:
        self._write(_encode(frame) + b"\n")


def _encode(value: Any) -> bytes:
    # surrogatepass: names from a disk may hold lone surrogates (PEP 383); json.loads reads them back.
    text = json.dumps(value, ensure_ascii=False, allow_nan=False, separators=(",", ":"))
    return text.encode("utf-8", "surrogatepass")


def _record(fact: Fact, room: int) -> bytes:
    """Return one fact, in which fields that do not fit into a frame are missing with that reason."""
    values = {name: _cut(value) for name, value in fact.values.items()}
    missing = dict(fact.missing)
    while len(record := _encode({"kind": fact.kind, **values, "missing": missing})) > room:
        largest = max(values, key=lambda name: len(_encode(values[name])))
        del values[largest]
        missing[largest] = Reason.RESOURCE_LIMIT
    return record


def _cut(value: Any) -> Any:
    if isinstance(value, str):
        return cut(value)
    if isinstance(value, (list, tuple)):
        return [_cut(item) for item in value]
    if isinstance(value, dict):
        return {cut(str(key)): _cut(item) for key, item in value.items()}
    return value
