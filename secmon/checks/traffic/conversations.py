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
"""Handshakes under way; the oldest give way."""

MAX_SAMPLE: Final = 1024
"""Conversations that decide whether a window was one-sided: its first ones."""

_Key = tuple[bytes, bytes, int, int]
_Handshake = tuple[float, float, bool]
"""Unix seconds of the SYN, of the last change, and whether it was answered."""
_NONE: Final = (None, 0.0, False)
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
        self._under_way: dict[_Key, _Handshake] = {}  # the one that changed longest ago first
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
            if key in self._under_way:
                self._go_on(key, stamp, Fate.COMPLETED)
        elif flags & RST:
            self._reset(stamp, key)
        elif flags & ACK:
            self._answer(stamp, key)
        elif key not in self._under_way:
            self.attempts += 1
            self._under_way[key] = (stamp, stamp, False)
            self._make_room(stamp)

    def expire(self, now: float) -> None:
        """Decide the attempts that time has decided by `now` (Unix seconds)."""
        overdue = []
        for key, (_, changed, answered) in self._under_way.items():
            if 0 <= now - changed <= ANSWER_SECONDS:
                break
            # A clock that was set back says nothing of what became of an attempt.
            overdue.append((key, _overdue(answered=answered) if now > changed else Fate.UNSEEN))
        for key, fate in overdue:
            self._decide(key, now, fate)

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

    def _go_on(self, key: _Key, stamp: float, fate: Fate) -> None:
        """Decide an attempt whose client goes on; without an answer that was seen it is UNSEEN."""
        if self._under_way[key][2]:
            self._decide(key, stamp, fate)
        else:
            self._see(key, _ONE_WAY)
            self._decide(key, stamp, Fate.UNSEEN)

    def _reset(self, stamp: float, key: _Key) -> None:
        source, destination, sport, dport = key
        reverse = (destination, source, dport, sport)
        if key in self._under_way:
            self._go_on(key, stamp, Fate.ABORTED)
        elif reverse in self._under_way:
            _, _, answered = self._under_way[reverse]
            self._see(key, _TWO_WAY)
            self._decide(reverse, stamp, Fate.HALF_OPEN if answered else Fate.REFUSED)
        elif key not in self._sample and reverse not in self._sample:
            self._orphan_refusals += 1

    def _answer(self, stamp: float, key: _Key) -> None:
        source, destination, sport, dport = key
        attempt = (destination, source, dport, sport)
        began, _, answered = self._under_way.get(attempt, _NONE)
        if began is None:
            self._see(key, _ONE_WAY)
        elif not answered:
            self.answers += 1
            self._see(key, _TWO_WAY)
            del self._under_way[attempt]  # to the end of the order
            self._under_way[attempt] = (began, stamp, True)

    def _make_room(self, now: float) -> None:
        if len(self._under_way) > MAX_HANDSHAKES:
            # Many at once: finding the oldest of a dict costs a walk over what was removed before it.
            oldest = list(islice(self._under_way.items(), MAX_HANDSHAKES // 8))
            self.evicted += len(oldest)
            for key, (_, _, answered) in oldest:
                self._decide(key, now, _overdue(answered=answered))

    def _decide(self, key: _Key, now: float, fate: Fate) -> None:
        began, _, _ = self._under_way.pop(key)
        client, server, _, port = key
        self.decided.append(Attempt(began, now, client, server, port, fate))


def _overdue(*, answered: bool) -> Fate:
    return Fate.HALF_OPEN if answered else Fate.UNANSWERED
