"""Lay out the tables of the store: what is written of a judgement, and what comes back of it."""

from __future__ import annotations

import contextlib
import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from secmon.core.codec import decode, encode
from secmon.core.judged import Judged
from secmon.core.lifecycle import Finding

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Iterable

    from secmon.core.lifecycle import Changes
    from secmon.core.model import Result

RUNS_SECONDS: Final = 30 * 86_400.0
ENDED_SECONDS: Final = 90 * 86_400.0
ROWS_LIMIT: Final = 50_000
"""Rows of past runs, and of findings that have ended, that are kept at most."""

# Columns are what is searched by; everything else is JSON in ASCII, since names from a disk may hold lone
# surrogates (PEP 383), which SQLite does not take.
_SCHEMA: Final = (
    "CREATE TABLE judged (check_name TEXT PRIMARY KEY, body TEXT NOT NULL) WITHOUT ROWID",
    "CREATE TABLE results (check_name TEXT NOT NULL, outcome TEXT NOT NULL, body TEXT NOT NULL)",
    "CREATE INDEX results_by_check ON results (check_name)",
    (
        "CREATE TABLE runs (check_name TEXT NOT NULL, asset TEXT NOT NULL, finished REAL NOT NULL,"
        " started REAL NOT NULL, attempted_all INTEGER NOT NULL, canary TEXT,"
        " PRIMARY KEY (check_name, asset, finished)) WITHOUT ROWID"
    ),
    "CREATE INDEX runs_by_age ON runs (finished)",
    (
        "CREATE TABLE findings (fingerprint TEXT PRIMARY KEY, check_name TEXT NOT NULL, state TEXT NOT NULL,"
        " ended REAL, body TEXT NOT NULL) WITHOUT ROWID"
    ),
    "CREATE INDEX findings_by_state ON findings (state, check_name)",
    "CREATE INDEX findings_by_end ON findings (ended) WHERE ended IS NOT NULL",
    "CREATE TABLE status (id INTEGER PRIMARY KEY CHECK (id = 0), body TEXT NOT NULL)",
)


@dataclass(frozen=True, slots=True)
class Restored:
    """What was kept over a restart.

    Attributes:
        judged: check -> what is kept of its latest judgement.
        findings: open findings.
    """

    judged: dict[str, Judged]
    findings: tuple[Finding, ...]


def create(database: sqlite3.Connection) -> None:
    """Make every table."""
    for statement in _SCHEMA:
        database.execute(statement)


def load(database: sqlite3.Connection) -> Restored:
    """Read back what a restart needs; what an older secmon wrote in other words is left out."""
    judged: dict[str, Judged] = {}
    for check, body in database.execute("SELECT check_name, body FROM judged"):
        with contextlib.suppress(ValueError, TypeError):
            judged[check] = decode(Judged, json.loads(body))
    findings: list[Finding] = []
    for (body,) in database.execute("SELECT body FROM findings WHERE state = 'open'"):
        with contextlib.suppress(ValueError, TypeError):
            findings.append(decode(Finding, json.loads(body)))
    return Restored(judged, tuple(findings))


def load_status(database: sqlite3.Connection) -> dict[str, Any] | None:
    """Read what `secmon status` shows, None where nothing was written yet."""
    row = database.execute("SELECT body FROM status").fetchone()
    status: dict[str, Any] | None = json.loads(row[0]) if row else None
    return status


def save_status(database: sqlite3.Connection, status: dict[str, Any]) -> None:
    """Replace what `secmon status` shows."""
    database.execute("INSERT OR REPLACE INTO status (id, body) VALUES (0, ?)", (_json(status),))


def save(
    database: sqlite3.Connection, judged: Judged, results: Iterable[Result], changes: Changes, now: float
) -> None:
    """Replace what is kept of one check (Store.save)."""
    check = judged.check
    database.execute("INSERT OR REPLACE INTO judged VALUES (?, ?)", (check, _json(encode(judged))))
    database.execute("DELETE FROM results WHERE check_name = ?", (check,))
    database.executemany(
        "INSERT INTO results VALUES (?, ?, ?)",
        ((check, result.outcome, _result_body(result)) for result in results),
    )
    database.executemany(
        "INSERT OR REPLACE INTO runs VALUES (?, ?, ?, ?, ?, ?)",
        [
            (check, run.asset, run.finished, run.started, run.attempted_all, run.canary)
            for run in judged.runs.values()
            if run.finished > 0  # else it never ran
        ],
    )
    _save_findings(database, check, changes, now)
    _prune(database, now)


def _json(value: Any) -> str:
    return json.dumps(value, separators=(",", ":"))


# The two below by hand: encoding thousands of them by their annotations would hold the core's loop up.


def _result_body(result: Result) -> str:
    return _json(
        {
            "asset": result.asset,
            "rule": result.rule,
            "severity": result.severity,
            "target": result.target,
            "subject": result.subject,
            "reason": result.reason,
            "evidence": result.evidence,
            "missing": result.missing,
            "fingerprint": result.fingerprint,
        }
    )


def _finding_body(finding: Finding) -> str:
    return _json(
        {
            "fingerprint": finding.fingerprint,
            "asset": finding.asset,
            "check": finding.check,
            "rule": finding.rule,
            "severity": finding.severity,
            "target": finding.target,
            "subject": finding.subject,
            "first_seen": finding.first_seen,
            "last_seen": finding.last_seen,
        }
    )


def _save_findings(database: sqlite3.Connection, check: str, changes: Changes, now: float) -> None:
    sql = "SELECT fingerprint FROM findings WHERE state = 'open' AND check_name = ?"
    open_before = {fingerprint for (fingerprint,) in database.execute(sql, (check,))}
    resolved = {finding.fingerprint for finding in changes.resolved}
    remaining = {finding.fingerprint for finding in changes.remaining}
    database.executemany(
        "UPDATE findings SET state = ?, ended = ? WHERE fingerprint = ?",
        [
            # What is neither open nor resolved was withdrawn, or ended when a write failed.
            ("resolved" if fingerprint in resolved else "withdrawn", now, fingerprint)
            for fingerprint in open_before - remaining
        ],
    )
    database.executemany(
        "INSERT OR REPLACE INTO findings VALUES (?, ?, 'open', NULL, ?)",
        ((finding.fingerprint, check, _finding_body(finding)) for finding in changes.remaining),
    )


def _prune(database: sqlite3.Connection, now: float) -> None:
    """Forget old runs and findings that ended long ago, and the oldest where they are too many."""
    database.execute("DELETE FROM runs WHERE finished < ?", (now - RUNS_SECONDS,))
    database.execute("DELETE FROM findings WHERE ended < ?", (now - ENDED_SECONDS,))
    oldest = "SELECT finished FROM runs ORDER BY finished DESC LIMIT 1 OFFSET ?"
    database.execute(f"DELETE FROM runs WHERE finished <= ({oldest})", (ROWS_LIMIT,))  # noqa: S608  # constants
    oldest = "SELECT ended FROM findings WHERE ended IS NOT NULL ORDER BY ended DESC LIMIT 1 OFFSET ?"
    database.execute(f"DELETE FROM findings WHERE ended <= ({oldest})", (ROWS_LIMIT,))  # noqa: S608  # likewise
