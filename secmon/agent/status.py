"""Say how an agent is: what the core writes of itself into its store, and how others read it."""

from __future__ import annotations

import contextlib
import fcntl
import os
import sqlite3
from typing import TYPE_CHECKING, Any, Final

from secmon.agent.store import DATABASE, LOCK
from secmon.agent.tables import load_status
from secmon.core.codec import encode
from secmon.core.model import Severity

if TYPE_CHECKING:
    from pathlib import Path

    from secmon.core.model import Json
    from secmon.core.snapshot import AssetState, CheckState, Snapshot

SCHEMA: Final = "secmon.status/1"


class StatusUnavailable(Exception):  # noqa: N818  # told to the person at the terminal as it is
    """The state of the agent cannot be read; the message says why and what to do."""


def make_status(snapshot: Snapshot, pid: int) -> Json:
    """Tell a snapshot as `secmon status` shows it.

    Args:
        snapshot: the picture of one instant.
        pid: of the core.

    Returns:
        JSON values: `secmon.status/1`, without `alive`, which only the reader can know.
    """
    agent = snapshot.agent
    return {
        "schema": SCHEMA,
        "version": agent.version,
        "agent": snapshot.name,
        "pid": pid,
        "started": agent.usage.start_time,
        "at": snapshot.at,
        "root": agent.root,
        "insecure_listen": snapshot.insecure,
        "reload": encode(agent.reload),
        "state_write_errors": agent.state_write_errors,
        "assets": [_asset(state) for state in snapshot.assets],
        "checks": [_check(state, snapshot.assets) for state in snapshot.checks],
        "waivers": {
            "expired": [waiver.id for waiver in snapshot.waivers if waiver.expires <= snapshot.at],
            "broad": [
                waiver.id for waiver in snapshot.waivers if waiver.broad and waiver.expires > snapshot.at
            ],
        },
    }


def _asset(state: AssetState) -> Json:
    counts = {
        name: {
            severity.value: sum(
                finding.count
                for finding in state.findings
                if finding.state == name and finding.severity is severity
            )
            for severity in reversed(Severity)
        }
        for name in ("open", "waived")
    }
    score = state.score
    return {
        "id": state.asset.id,
        "score": {
            "raw": score.raw,
            "accepted": score.accepted,
            "coverage": score.coverage,
            "grade": score.grade,
        },
        "findings": counts,
    }


def _check(state: CheckState, assets: tuple[AssetState, ...]) -> Json:
    here = [check for asset in assets for check in asset.checks if check.check == state.check]
    blind = [check.run.canary for check in here if check.run is not None and check.run.canary is not None]
    stats = state.stats
    return {
        "check": state.check,
        "up": state.up,
        "interval": state.interval,
        "last_run": stats.last_run,
        "duration": stats.duration,
        "next_run": stats.next_run,
        "last_complete": max(
            (check.last_complete for check in here if check.last_complete is not None), default=None
        ),
        "canary": blind[0].value if blind else ("ok" if any(check.run for check in here) else None),
        "quarantined": stats.quarantined,
        "missed": stats.missed,
        "kills": stats.kills,
        "failures": {reason.value: count for reason, count in stats.failures.items()},
    }


def read_status(folder: Path) -> Json:
    """Read what an agent last wrote of itself; it may be running, and is not disturbed.

    Args:
        folder: its state folder.

    Returns:
        `secmon.status/1`, with `alive`: whether the agent is running.

    Raises:
        StatusUnavailable: there is nothing, or it may not be read.
    """
    path = folder / DATABASE
    try:
        alive = _is_locked(folder / LOCK)
        path.stat()
        status = _read(path)
    except FileNotFoundError:
        raise StatusUnavailable(f"no agent has worked in {folder} yet; start one with `secmon run`") from None
    except PermissionError:
        raise StatusUnavailable(
            f"{folder} may not be read; run this as root or as the agent's user"
        ) from None
    except (OSError, sqlite3.Error, ValueError) as error:
        raise StatusUnavailable(f"{path}: {error}; a running agent repairs it, `secmon run`") from error
    if status is None:
        raise StatusUnavailable(f"the agent in {folder} has not finished starting; try again in a minute")
    return {**status, "alive": alive}


def _is_locked(path: Path) -> bool:
    """Say whether a core holds its lock; pids may have been given to others since."""
    lock = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW)
    try:
        fcntl.flock(lock, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    finally:
        os.close(lock)
    return False


def _read(path: Path) -> dict[str, Any] | None:
    # Read-only, but not immutable: what the writer has in its -wal counts. As root SQLite gives files that it
    # has to make to the owner of the database.
    with contextlib.closing(
        sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro", uri=True, timeout=5.0)
    ) as database:
        return load_status(database)
