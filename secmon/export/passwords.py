"""Verify passwords against bcrypt hashes without holding up the loop.

A verification takes tens of milliseconds on purpose, so one thread does them, one after another. A password
that was right is remembered by a keyed digest and costs nothing the next time; a wrong one, and that of a
user who does not exist, costs a verification each time it comes.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import os
import secrets
import selectors
import threading
from collections import deque
from contextlib import suppress
from dataclasses import dataclass, field
from functools import partial
from queue import Empty, SimpleQueue
from typing import TYPE_CHECKING, Final, Generic, TypeVar

from secmon.core.web import cost_of
from secmon.export.guard import nobody

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    Verify = Callable[[bytes, bytes], bool]

MAX_WAITING: Final = 16
"""Different credentials that may wait to be verified; beyond them a client is told to come again."""
MAX_WAITING_OF_ADDRESS: Final = 4
"""How many of these from one address, so that one client that guesses does not take every place."""

_SIGNIFICANT: Final = 72  # bytes of a password; bcrypt never looked at more, and refuses more since 5.0
_NO_HASH: Final = b"." * 53  # salt and digest of a hash that no password gives

W = TypeVar("W")


class Busy(Exception):  # noqa: N818  # an answer to the client, not an error of the program
    """Too many credentials wait to be verified."""


@dataclass(slots=True)
class _Check(Generic[W]):
    """Credentials that are being verified.

    Attributes:
        user: name.
        hashed: what they are held against.
        address: of the client that came with them first.
        waiting: who wants to know.
    """

    user: str
    hashed: bytes
    address: str
    waiting: list[W] = field(default_factory=list)


class Passwords(Generic[W]):
    """Who may see the page.

    Args:
        selector: of the loop, which is woken when a verification has ended.
        tell: called in the loop with whoever has waited, and whether the password is right.
    """

    def __init__(self, selector: selectors.BaseSelector, tell: Callable[[W, bool], None]) -> None:
        self._selector = selector
        self._tell = tell
        self._hashes: Mapping[str, bytes] = {}
        self._verifier: Verify = nobody
        self._unknown = b""
        self._secret = secrets.token_bytes(32)
        self._right: dict[str, bytes] = {}  # user -> digest of what was verified: as many as there are users
        self._checks: dict[bytes, _Check[W]] = {}
        self._worker: _Worker | None = None

    def use(self, hashes: Mapping[str, bytes], verify: Verify) -> None:
        """Hold passwords against these hashes from now on.

        Args:
            hashes: user -> bcrypt hash; empty where nobody is asked.
            verify: says whether a password gives a hash; raises ValueError where that is none.
        """
        self._hashes = hashes
        self._verifier = verify
        cost = max(map(cost_of, hashes.values()), default=0)
        self._unknown = b"$2b$%02d$" % cost + _NO_HASH
        self._right = {}

    @property
    def wanted(self) -> bool:
        """Say whether a client has to give one."""
        return bool(self._hashes)

    def ask(self, who: W, authorization: str, address: str) -> bool | None:
        """Say whether a client gave a right password.

        Args:
            who: told later where it cannot be said at once.
            authorization: value of the request's Authorization header, "" where there is none.
            address: of the client.

        Returns:
            True or False, None where `tell` will say it.

        Raises:
            Busy: too many others wait.
        """
        credentials = _credentials(authorization)
        if credentials is None:
            return False
        user, password = credentials
        hashed = self._hashes.get(user, self._unknown)
        digest = self._digest(user, hashed, password)
        if hmac.compare_digest(self._right.get(user, b""), digest):
            return True
        check = self._checks.get(digest)
        if check is None:
            self._make_room(address)
            check = self._checks[digest] = _Check(user, hashed, address)
            self._verify(digest, hashed, password)
        check.waiting.append(who)
        return None

    def close(self) -> None:
        """End the thread, after what it is doing."""
        if self._worker is not None:
            self._selector.unregister(self._worker.wakeup)
            self._worker.close()
            self._worker = None

    def _digest(self, user: str, hashed: bytes, password: bytes) -> bytes:
        name = user.encode()
        message = b"%d:%b%b%b" % (len(name), name, hashed, password)
        return hashlib.blake2b(message, key=self._secret, digest_size=32).digest()

    def _make_room(self, address: str) -> None:
        of_address = sum(check.address == address for check in self._checks.values())
        if len(self._checks) >= MAX_WAITING or of_address >= MAX_WAITING_OF_ADDRESS:
            raise Busy

    def _verify(self, digest: bytes, hashed: bytes, password: bytes) -> None:
        if self._worker is None:
            self._worker = _Worker()
            self._selector.register(self._worker.wakeup, selectors.EVENT_READ, self._take)
        self._worker.submit(digest, partial(self._verifier, password[:_SIGNIFICANT], hashed))

    def _take(self) -> None:
        """Tell everybody who has waited for what was verified meanwhile."""
        if self._worker is None:
            return
        for digest, right in self._worker.results():
            check = self._checks.pop(digest)
            # A reload may have taken the user away, or given another password.
            valid = right and self._hashes.get(check.user) == check.hashed
            if valid:
                self._right[check.user] = digest
            for who in check.waiting:
                self._tell(who, valid)


def _credentials(authorization: str) -> tuple[str, bytes] | None:
    """Return user and password of the Basic scheme (RFC 7617), None where there are none."""
    scheme, _, encoded = authorization.partition(" ")
    if scheme.lower() != "basic":
        return None
    try:
        user, colon, password = base64.b64decode(encoded.strip(), validate=True).partition(b":")
        name = user.decode()
    except (binascii.Error, UnicodeDecodeError):
        return None
    return (name, password) if colon else None


class _Worker:
    """The thread, and how the loop speaks with it.

    Attributes:
        wakeup: descriptor that is readable when there are results.
    """

    def __init__(self) -> None:
        self._jobs: SimpleQueue[tuple[bytes, Callable[[], bool]] | None] = SimpleQueue()
        self._results: deque[tuple[bytes, bool]] = deque()
        self.wakeup = os.eventfd(0, os.EFD_NONBLOCK | os.EFD_CLOEXEC)
        self._thread = threading.Thread(target=self._run, name="passwords")
        self._thread.start()

    def submit(self, digest: bytes, verify: Callable[[], bool]) -> None:
        """Have a password verified; the digest names the result."""
        self._jobs.put((digest, verify))

    def results(self) -> list[tuple[bytes, bool]]:
        """Return what was verified since the last time."""
        os.eventfd_read(self.wakeup)
        return [self._results.popleft() for _ in range(len(self._results))]

    def close(self) -> None:
        """Wait for the end of the verification that is under way, and drop the others."""
        with suppress(Empty):
            while True:
                self._jobs.get_nowait()
        self._jobs.put(None)
        self._thread.join()
        os.close(self.wakeup)

    def _run(self) -> None:
        while (job := self._jobs.get()) is not None:
            digest, verify = job
            try:
                right = verify()
            except ValueError:  # no hash after all: nothing is right, and the thread goes on
                right = False
            self._results.append((digest, right))
            os.eventfd_write(self.wakeup, 1)
