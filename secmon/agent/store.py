"""Keep results, findings and freshness over a restart, in one SQLite file with one writer: the core."""

from __future__ import annotations

import contextlib
import fcntl
import os
import sqlite3
import time
from typing import TYPE_CHECKING, Any, Final

from secmon.agent.tables import Restored, create, load, save, save_status
from secmon.sources.serials import SERIALS, write_serials

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping
    from pathlib import Path

    from secmon.core.judged import Judged
    from secmon.core.lifecycle import Changes
    from secmon.core.model import Result

DATABASE: Final = "secmon.db"
LOCK: Final = "lock"
SCHEMA_VERSION: Final = 1

_LOCK_SECONDS: Final = 1.0  # `secmon status` holds the lock for an instant
_CORRUPT: Final = (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB)


class StateLocked(Exception):  # noqa: N818  # a fact about the host, told to the person at the terminal
    """Another secmon works in this folder."""


class StateTooNew(Exception):  # noqa: N818  # likewise
    """The store was written by a newer secmon."""


class Store:
    """The store of one core. A write that fails is counted, never raised: the page is served all the same.

    Args:
        folder: made where absent, for its owner only.
        report: is told of each failure, in one sentence.

    Attributes:
        write_errors: failed writes, and files moved aside, since it was opened.

    Raises:
        StateLocked: another secmon works in the folder.
        StateTooNew: the file is of a newer secmon.
    """

    def __init__(self, folder: Path, report: Callable[[str], None]) -> None:
        self._folder = folder
        self._report = report
        self._lock = -1
        self._database: sqlite3.Connection | None = None
        self.write_errors = 0
        try:
            self._connect()
        except (sqlite3.Error, OSError) as error:
            self._fail(error)

    def load(self) -> Restored:
        """Return what was kept; nothing where it cannot be read."""
        found: list[Restored] = []
        self._attempt(lambda database: found.append(load(database)))
        return found[0] if found else Restored({}, ())

    def save(self, judged: Judged, results: Iterable[Result], changes: Changes, now: float) -> bool:
        """Replace what is kept of one check.

        All that is open goes in each time, so that one success repairs what failures before it lost.

        Args:
            judged: what is kept of the judgement.
            results: of the judgement, those that are not passes.
            changes: what it did to the findings of the check.
            now: Unix seconds.

        Returns:
            False where it could not be written.
        """
        return self._attempt(lambda database: save(database, judged, results, changes, now))

    def save_status(self, status: dict[str, Any]) -> bool:
        """Replace what `secmon status` shows; return False where it could not be written."""
        return self._attempt(lambda database: save_status(database, status))

    def save_serials(self, serials: Mapping[str, int]) -> bool:
        """Replace the highest serials of signed packs; return False where they could not be written."""
        try:
            write_serials(self._folder, serials)
        except OSError as error:
            self.write_errors += 1
            self._report(f"{self._folder / SERIALS}: {error}")
            return False
        return True

    def close(self) -> None:
        """Write everything into the one file and let another secmon in."""
        self._disconnect()
        if self._lock >= 0:
            os.close(self._lock)
            self._lock = -1

    def _attempt(self, work: Callable[[sqlite3.Connection], None]) -> bool:
        """Do some work in a transaction; once more on a fresh file where this one is corrupt."""
        for _ in range(2):
            try:
                database = self._connect()
                with _transaction(database):
                    work(database)
            except (sqlite3.Error, OSError, StateLocked, StateTooNew) as error:
                if not self._fail(error):
                    return False
            else:
                return True
        return False

    def _fail(self, error: Exception) -> bool:
        """Count a failure; return True where a corrupt file was moved aside and a fresh one can be begun."""
        self.write_errors += 1
        self._report(f"{self._folder / DATABASE}: {error}")
        self._disconnect()
        if not _is_corrupt(error):
            return False
        try:
            _move_aside(self._folder)
        except OSError as failed:
            self._report(f"{self._folder / DATABASE}: {failed}")
            return False
        return True

    def _connect(self) -> sqlite3.Connection:
        if self._database is None:
            self._take_lock()
            path = self._folder / DATABASE
            # SQLite gives its -wal and -shm files the permissions of this one.
            os.close(os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600))
            self._database = _open(path)
        return self._database

    def _disconnect(self) -> None:
        if self._database is not None:
            with contextlib.suppress(sqlite3.Error):
                self._database.close()
            self._database = None

    def _take_lock(self) -> None:
        if self._lock >= 0:
            return
        self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        lock = os.open(self._folder / LOCK, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
        try:
            _lock(lock, self._folder)
        except BaseException:
            os.close(lock)
            raise
        os.ftruncate(lock, 0)
        os.pwrite(lock, str(os.getpid()).encode(), 0)
        self._lock = lock


def _lock(lock: int, folder: Path) -> None:
    end = time.monotonic() + _LOCK_SECONDS
    while True:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            if time.monotonic() >= end:
                pid = os.pread(lock, 32, 0).decode("ascii", "replace")
                raise StateLocked(
                    f"{folder} is in use by another secmon (pid {pid}); stop it or set another state_dir"
                ) from None
            time.sleep(0.05)
        else:
            return


def _open(path: Path) -> sqlite3.Connection:
    database = sqlite3.connect(path, timeout=1.0, isolation_level=None)
    try:
        database.execute("PRAGMA journal_mode = WAL")
        database.execute("PRAGMA synchronous = NORMAL")
        database.execute("PRAGMA cache_size = -256")  # KiB: the core stays small
        database.execute("PRAGMA journal_size_limit = 4194304")
        _check(database, path)
    except BaseException:
        database.close()
        raise
    return database


def _check(database: sqlite3.Connection, path: Path) -> None:
    """Make the tables where the file is new.

    Raises:
        sqlite3.DatabaseError: the file is damaged.
        StateTooNew: it is of a newer secmon.
    """
    (verdict,) = database.execute("PRAGMA quick_check(1)").fetchone()
    if verdict != "ok":
        raise _Corrupt(verdict)
    (version,) = database.execute("PRAGMA user_version").fetchone()
    if version > SCHEMA_VERSION:
        raise StateTooNew(f"{path} was written by a newer secmon; upgrade, or move the file away")
    if version == 0:
        with _transaction(database):
            create(database)
            database.execute(f"PRAGMA user_version = {SCHEMA_VERSION}")


class _Corrupt(sqlite3.DatabaseError):
    """quick_check found the file damaged."""


def _is_corrupt(error: Exception) -> bool:
    return isinstance(error, _Corrupt) or getattr(error, "sqlite_errorcode", 0) & 0xFF in _CORRUPT


def _move_aside(folder: Path) -> None:
    """Keep a corrupt file for whoever wants to look at it, the latest one only."""
    (folder / DATABASE).replace(folder / f"{DATABASE}.corrupt")
    for suffix in ("-wal", "-shm"):
        (folder / f"{DATABASE}{suffix}").unlink(missing_ok=True)


@contextlib.contextmanager
def _transaction(database: sqlite3.Connection) -> Iterator[None]:
    database.execute("BEGIN IMMEDIATE")
    try:
        yield
        database.execute("COMMIT")
    except BaseException:
        with contextlib.suppress(sqlite3.Error):
            database.execute("ROLLBACK")
        raise
