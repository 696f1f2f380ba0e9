"""Have spools judged by judge children, one at a time for each check."""

from __future__ import annotations

import io
import os
import selectors
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, BinaryIO, Final

from secmon.agent.channel import Request
from secmon.agent.drain import Drain
from secmon.core.judgement import decode_lines
from secmon.core.model import Reason
from secmon.core.texts import TEXT_LIMIT

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from secmon.agent.channel import Channel
    from secmon.core.judgement import Judgement

JUDGE_SECONDS: Final = 120.0
"""Deadline of a judge child."""

JUDGEMENT_LIMIT: Final = 64 * 1024 * 1024
"""Bytes of one judgement, whole observations included."""


@dataclass(slots=True)
class _Judge:
    """A judge child."""

    check: str
    run: int
    drain: Drain | None = None
    too_much: bool = False


class Judging:
    """The last spool of every check, and the judge children.

    Args:
        channel: the spawner.
        selector: of the main loop.
        numbers: numbers for children.
        judged: called with the check, its judgement or None, and None or why there is none.
        crashed: called with the check and the last that a judge wrote that did not finish, any text.
    """

    def __init__(
        self,
        channel: Channel,
        selector: selectors.BaseSelector,
        numbers: Iterator[int],
        judged: Callable[[str, Judgement | None, Reason | None], None],
        crashed: Callable[[str, str], None],
    ) -> None:
        self._channel = channel
        self._selector = selector
        self._numbers = numbers
        self._judged = judged
        self._crashed = crashed
        self._spools: dict[str, int] = {}
        self._running: dict[int, _Judge] = {}
        self._again: set[str] = set()

    @property
    def idle(self) -> bool:
        """No judge child runs."""
        return not self._running

    def judge(self, check: str, spool: int) -> None:
        """Judge a new spool; once the judge of an earlier one has ended, where there is one.

        Args:
            check: name of the check.
            spool: memfd of core.intake's format; this object closes it.
        """
        if check in self._spools:
            os.close(self._spools[check])
        self._spools[check] = spool
        self.rejudge(check)

    def rejudge(self, check: str) -> bool:
        """Judge the last spool once more; False where there is none."""
        if check not in self._spools:
            return False
        if any(judge.check == check for judge in self._running.values()):
            self._again.add(check)
            return True
        run = next(self._numbers)
        self._running[run] = _Judge(check, run)
        spool = self._spools[check]
        os.lseek(spool, 0, os.SEEK_SET)
        self._channel.send(Request("judge", check, run=run, deadline=JUDGE_SECONDS), spool)
        return True

    def started(self, run: int, pipe: int) -> bool:
        """Take the pipe of a judge child; False where the run is none of ours."""
        judge = self._running.get(run)
        if judge is None:
            return False
        judge.drain = Drain(pipe, JUDGEMENT_LIMIT)
        self._selector.register(pipe, selectors.EVENT_READ, partial(self._read, judge))
        return True

    def ended(self, run: int, status: str) -> None:
        """Take the end of a judge child.

        Args:
            run: number of the child; nothing is done where it is none of ours.
            status: `ok` or a Reason.
        """
        judge = self._running.pop(run, None)
        if judge is None:
            return
        self._read(judge)
        judgement, reason = None, Reason(status) if status != "ok" else None
        if judge.too_much:
            reason = Reason.RESOURCE_LIMIT
        with self._take(judge) as output:
            if reason is None:
                try:
                    judgement = decode_lines(
                        output
                    )  # line by line: a judgement may be large, and the core is small
                except (ValueError, TypeError, KeyError, AttributeError, RecursionError, OverflowError):
                    reason = Reason.CRASHED
            if reason is not None:
                self._crashed(judge.check, _last_words(output))
        self._judged(judge.check, judgement, reason)
        if judge.check in self._again:
            self._again.discard(judge.check)
            self.rejudge(judge.check)

    def close(self) -> None:
        """Close every descriptor."""
        for judge in self._running.values():
            self._take(judge).close()
        for spool in self._spools.values():
            os.close(spool)

    def _read(self, judge: _Judge) -> None:
        if judge.drain is None or judge.drain.pipe < 0:
            return
        pipe = judge.drain.pipe
        if not judge.drain.read():
            judge.too_much = True
            self._channel.send(Request("kill", run=judge.run))
        if judge.drain.pipe < 0:
            self._selector.unregister(pipe)

    def _take(self, judge: _Judge) -> BinaryIO:
        """Return what a judge wrote, the caller's to close, and close what else belongs to it."""
        if judge.drain is None:
            return io.BytesIO()
        if judge.drain.pipe >= 0:
            self._selector.unregister(judge.drain.pipe)
        return os.fdopen(judge.drain.seal(), "rb")


def _last_words(output: BinaryIO) -> str:
    """Return the end of what a judge wrote."""
    output.seek(max(0, output.seek(0, os.SEEK_END) - TEXT_LIMIT))
    return output.read().decode("utf-8", "replace")
