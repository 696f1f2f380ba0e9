"""Follow TCP handshakes to their fate, and say whether both directions are seen; bounded under any flood."""

from __future__ import annotations

from itertools import islice
from typing import TYPE_CHECKING, Final

from secmon.checks.traffic.events import Attempt, Fate
from secmon.checks.traffic.headers import ACK, RST, SYN

if TYPE_CHECKING:
    from secmon.checks.traffic.headers import Packet

ANSWER_SECONDS: Final = 1.0
"""The initial retransmission timeout (RFC 6298 2.1): after it the client, too, holds a SYN for lost."""

MAX_HANDSHAKES: Final = 65_536
"""Handshakes under way in each state; the oldest give way."""

MAX_SAMPLE: Final = 1024
"""Conversations that decide whether a window was one-sided: its first ones."""

_Key = tuple[bytes, bytes, int, int]
_ONCE, _ONE_WAY, _TWO_WAY = 1, 2, 3
"""A single segment says nothing of the other direction: its answer may still be on its way."""


class Conversations:
    """Handshakes under way, and a sample of established conversations.

    Attributes:
        decided: attempts whose fate became known; whoever reads them empties the list.
        attempts: distinct SYNs of this window.
        answers: SYN-ACKs of this window to a SYN that was seen.
        evicted: handshakes of this window that gave way before their fate was known.
    """

    def __init__(self) -> None:
        self.decided: list[Attempt] = []
        self._sent: dict[_Key, float] = {}
        self._answered: dict[_Key, float] = {}
        self.begin_window()

    def begin_window(self) -> None:
        """Forget the counts of the last window; handshakes under way go on."""
        self.attempts = self.answers = self.evicted = 0
        self._orphan_refusals = 0
        self._sample: dict[_Key, int] = {}
        self._sampling = True

    def segment(self, stamp: float, packet: Packet) -> None:
        """Take one TCP segment.

        Args:
            stamp: Unix seconds.
            packet: its parsed headers.
        """
        _, source, destination, sport, dport, flags, _, _ = packet
        key = (source, destination, sport, dport)
        if not flags & (SYN | RST):  # most segments by far
            if self._sampling:
                self._see(key, _ONCE)
            if key in self._answered:
                self._decide(self._answered, key, stamp, Fate.COMPLETED)
            elif key in self._sent:
                self._see(key, _ONE_WAY)
                self._decide(self._sent, key, stamp, Fate.UNSEEN)
        elif flags & RST:
            self._reset(stamp, key)
        elif flags & ACK:
            self._answer(stamp, key)
        elif key not in self._sent and key not in self._answered:
            self.attempts += 1
            self._sent[key] = stamp
            self._make_room(self._sent, stamp, Fate.UNANSWERED)

    def expire(self, now: float) -> None:
        """Decide the attempts that time has decided by `now` (Unix seconds)."""
        for table, fate, patience in (
            (self._sent, Fate.UNANSWERED, ANSWER_SECONDS),
            (self._answered, Fate.HALF_OPEN, 2 * ANSWER_SECONDS),
        ):
            overdue = []
            for key, began in table.items():
                if 0 <= now - began <= patience:
                    break
                # A clock that was set back says nothing of what became of an attempt.
                overdue.append((key, fate if now > began else Fate.UNSEEN))
            for key, decision in overdue:
                self._decide(table, key, now, decision)

    @property
    def one_sided(self) -> bool | None:
        """Say whether most conversations of this window were seen in one direction only.

        Returns:
            None where no conversation was seen from which that could be told.
        """
        states = list(self._sample.values())
        two, one = states.count(_TWO_WAY), states.count(_ONE_WAY)
        if not self.attempts:  # resets of old connections are ordinary, unless there is nothing else
            one += self._orphan_refusals
        return one > two if one or two else None

    def _see(self, key: _Key, state: int) -> None:
        """Note that a conversation was seen in this direction, and what that says of the other one."""
        known = self._sample.get(key)
        if known is not None:
            self._sample[key] = max(known, state, _ONE_WAY)
            return
        source, destination, sport, dport = key
        reverse = (destination, source, dport, sport)
        if reverse in self._sample:
            self._sample[reverse] = _TWO_WAY
        elif len(self._sample) < MAX_SAMPLE:
            self._sample[key] = state
        else:
            self._sampling = False

    def _reset(self, stamp: float, key: _Key) -> None:
        source, destination, sport, dport = key
        reverse = (destination, source, dport, sport)
        if reverse in self._sent:
            self._see(key, _TWO_WAY)
            self._decide(self._sent, reverse, stamp, Fate.REFUSED)
        elif key in self._answered:
            self._decide(self._answered, key, stamp, Fate.ABORTED)
        elif key in self._sent:
            self._see(key, _ONE_WAY)
            self._decide(self._sent, key, stamp, Fate.UNSEEN)
        elif key not in self._sample and reverse not in self._sample:
            self._orphan_refusals += 1

    def _answer(self, stamp: float, key: _Key) -> None:
        source, destination, sport, dport = key
        attempt = (destination, source, dport, sport)
        began = self._sent.pop(attempt, None)
        if began is not None:
            self.answers += 1
            self._see(key, _TWO_WAY)
            self._answered[attempt] = began
            self._make_room(self._answered, stamp, Fate.HALF_OPEN)
        else:
            self._see(key, _ONE_WAY)

    def _make_room(self, table: dict[_Key, float], now: float, fate: Fate) -> None:
        if len(table) > MAX_HANDSHAKES:
            # Many at once: finding the oldest of a dict costs a walk over what was removed before it.
            oldest = list(islice(table, MAX_HANDSHAKES // 8))
            self.evicted += len(oldest)
            for key in oldest:
                self._decide(table, key, now, fate)

    def _decide(self, table: dict[_Key, float], key: _Key, now: float, fate: Fate) -> None:
        began = table.pop(key)
        client, server, _, port = key
        self.decided.append(Attempt(began, now, client, server, port, fate))
