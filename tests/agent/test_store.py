"""The store survives restarts, kills, corruption, full and read-only disks, and never stops the page."""

from __future__ import annotations

import fcntl
import os
import sqlite3
import stat
from dataclasses import replace

import pytest

from secmon.agent import tables
from secmon.agent.store import DATABASE, LOCK, StateLocked, StateTooNew, Store
from secmon.core.contract import Sample
from secmon.core.judged import keep
from secmon.core.judgement import ReasonCount, WaivedUntil
from secmon.core.lifecycle import Changes, advance
from secmon.core.model import Outcome, Reason, Severity
from secmon.sources.serials import SERIALS
from tests.support.judgements import judgement, plan, result

PLAN = plan()
DAY = 86_400.0


@pytest.fixture
def opened(tmp_path):
    """Open stores in one folder, one after the other, and close them."""
    stores = []
    told = []

    def open_(folder=tmp_path / "state"):
        for store in stores:
            store.close()
        stores.append(Store(folder, told.append))
        return stores[-1]

    open_.told = told
    yield open_
    for store in stores:
        store.close()


def save(store, *results, previous=(), finished=1000.0, **changes):
    told = replace(judgement(PLAN, *results, finished=finished), **changes)
    moved = advance(previous, told, finished)
    judged = keep(told, PLAN.digest, None, moved.remaining)
    return store.save(judged, told.results, moved, finished), judged, moved


def states(folder):
    with sqlite3.connect(folder / "state" / DATABASE) as database:
        rows = database.execute("SELECT fingerprint, state, ended FROM findings").fetchall()
    database.close()
    return {fingerprint: (state, ended) for fingerprint, state, ended in rows}


def test_after_a_restart_verdicts_findings_and_freshness_are_back(opened):
    failing = result("ports.smb", 445)
    saved, judged, moved = save(
        opened(),
        failing,
        result("ports.telnet", 23, severity=Severity.CRITICAL, outcome=Outcome.UNKNOWN),
        waived=(WaivedUntil(failing.fingerprint, "w1", 5000.0),),
        samples=(Sample("secmon_ports_open", ("vp-01",), 3.0),),
        reasons=(ReasonCount("vp-01", Reason.PERMISSION, 1),),
    )
    restored = opened().load()
    assert saved
    assert restored.judged == {"ports": judged}
    assert restored.findings == moved.remaining
    assert restored.judged["ports"].last_complete == {"vp-01": 1000.0}


def test_only_its_owner_may_read_it(opened, tmp_path):
    save(opened(), result("ports.smb", 445))
    folder = tmp_path / "state"
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    assert {stat.S_IMODE(path.stat().st_mode) for path in folder.iterdir()} == {0o600}


def test_findings_end_as_resolved_or_withdrawn(opened, tmp_path):
    store = opened()
    _, _, first = save(store, *(result("ports.smb", port) for port in (1, 2, 3)))
    one, two, three = first.new
    changes = Changes(open=(one,), resolved=(two,), withdrawn=(three,))
    judged = keep(judgement(PLAN), PLAN.digest, None, ())
    assert store.save(judged, (), changes, 2000.0)
    assert states(tmp_path) == {
        one.fingerprint: ("open", None),
        two.fingerprint: ("resolved", 2000.0),
        three.fingerprint: ("withdrawn", 2000.0),
    }
    assert store.load().findings == (one,)


def test_a_finding_that_comes_back_begins_a_new_life(opened, tmp_path):
    store = opened()
    save(store, result("ports.smb", 1), finished=1000.0)
    save(store, previous=store.load().findings, finished=2000.0)
    save(store, result("ports.smb", 1), finished=3000.0)
    (finding,) = store.load().findings
    assert finding.first_seen == 3000.0


def test_what_failed_writes_lost_the_next_success_repairs(opened, tmp_path):
    store = opened()
    _, _, first = save(store, result("ports.smb", 1), result("ports.smb", 2))
    # The write in which 1 was resolved and 3 was new fails; the next one only keeps 2 and 3 open.
    _, _, second = save(opened(), result("ports.smb", 2), result("ports.smb", 3), finished=3000.0)
    fates = {fingerprint: state for fingerprint, (state, _) in states(tmp_path).items()}
    assert sorted(fates.values()) == ["open", "open", "withdrawn"]
    assert len(first.new) == len(second.new) == 2


def test_a_second_instance_is_refused_by_name(opened, tmp_path):
    opened()
    with pytest.raises(StateLocked, match=rf"in use by another secmon \(pid {os.getpid()}\)"):
        Store(tmp_path / "state", print)


def test_a_glance_of_status_at_the_lock_does_not_stop_a_start(opened, tmp_path):
    opened().close()
    import threading

    with (tmp_path / "state" / LOCK).open() as glance:
        fcntl.flock(glance, fcntl.LOCK_SH)
        timer = threading.Timer(0.2, lambda: fcntl.flock(glance, fcntl.LOCK_UN))
        timer.start()
        opened()
        timer.join()
        with pytest.raises(BlockingIOError):  # it holds the lock now
            fcntl.flock(glance, fcntl.LOCK_SH | fcntl.LOCK_NB)


@pytest.mark.parametrize("damage", ["no database", "zeros in the middle", "truncated"])
def test_a_corrupt_file_is_moved_aside_and_counted(opened, tmp_path, damage):
    save(opened(), *(result("ports.smb", port) for port in range(300)))
    opened().close()
    path = tmp_path / "state" / DATABASE
    data = bytearray(path.read_bytes())
    if damage == "no database":
        data[:16] = b"not a database!!"
    elif damage == "truncated":
        del data[len(data) // 2 :]
    else:
        data[4096:20480] = bytes(16384)
    path.write_bytes(data)
    store = opened()
    saved, _, moved = save(store, result("ports.smb", 445))
    assert saved
    assert store.write_errors == 1
    assert store.load().findings == moved.remaining
    assert (tmp_path / "state" / f"{DATABASE}.corrupt").read_bytes() == data
    assert len(opened.told) == 1


def test_a_file_of_a_newer_secmon_is_left_alone(opened, tmp_path):
    opened().close()
    with sqlite3.connect(tmp_path / "state" / DATABASE) as database:
        database.execute("PRAGMA user_version = 99")
    database.close()
    with pytest.raises(StateTooNew, match="written by a newer secmon"):
        opened()


def test_a_link_in_place_of_the_file_is_not_followed(opened, tmp_path):
    (tmp_path / "state").mkdir(mode=0o700)
    (tmp_path / "state" / DATABASE).symlink_to(tmp_path / "elsewhere")
    store = opened()
    assert store.write_errors == 1
    assert not (tmp_path / "elsewhere").exists()


def test_a_folder_that_cannot_be_made_is_counted_and_heals(opened, tmp_path):
    (tmp_path / "state").write_text("in the way")
    store = opened()
    assert not save(store, result("ports.smb", 1))[0]
    assert store.write_errors == 2
    assert store.load().findings == ()
    (tmp_path / "state").unlink()
    assert save(store, result("ports.smb", 1))[0]
    assert len(store.load().findings) == 1


def test_serials_that_cannot_be_written_are_counted_and_heal(opened, tmp_path):
    store = opened()
    in_the_way = tmp_path / "state" / SERIALS
    in_the_way.mkdir()
    assert not store.save_serials({"rules/site": 7})
    assert store.write_errors == 1
    assert opened.told[-1].startswith(f"{in_the_way}: ")
    in_the_way.rmdir()
    assert store.save_serials({"rules/site": 7})
    assert in_the_way.read_text() == '{"rules/site": 7}\n'
    assert store.write_errors == 1


def test_what_an_older_secmon_wrote_in_other_words_is_left_out(opened, tmp_path):
    save(opened(), result("ports.smb", 1), result("ports.smb", 2))
    opened().close()
    with sqlite3.connect(tmp_path / "state" / DATABASE) as database:
        database.execute('UPDATE judged SET body = \'{"check": "ports", "digest": 7}\'')
        database.execute(
            "UPDATE findings SET body = replace(body, '\"high\"', '\"dreadful\"') WHERE body LIKE '%:1}%'"
        )
    database.close()
    restored = opened().load()
    assert restored.judged == {}
    assert [finding.subject[-4:-1] for finding in restored.findings] == ['":2']


def test_names_that_are_no_unicode_come_back_as_they_were(opened):
    save(opened(), result("ports.smb", 1, target="file:/etc/\udcff.pem"))
    assert opened().load().findings[0].target == "file:/etc/\udcff.pem"


def test_it_forgets_what_is_old(opened, tmp_path, monkeypatch):
    store = opened()
    _, _, first = save(store, result("ports.smb", 1), finished=1000.0)
    save(store, previous=first.new, finished=2000.0)
    save(store, finished=2000.0 + tables.ENDED_SECONDS + 1)
    assert states(tmp_path) == {}
    monkeypatch.setattr(tables, "ROWS_LIMIT", 3)
    for day in range(10):
        save(store, finished=(200 + day) * DAY)
    with sqlite3.connect(tmp_path / "state" / DATABASE) as database:
        assert database.execute("SELECT count(*) FROM runs").fetchone() == (3,)
    database.close()


def test_status_is_kept(opened):
    store = opened()
    assert store.save_status({"a": 1})
    assert store.save_status({"a": "Sở"})
    found = []
    store._attempt(lambda database: found.append(tables.load_status(database)))
    assert found == [{"a": "Sở"}]
