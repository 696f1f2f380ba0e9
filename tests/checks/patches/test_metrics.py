from __future__ import annotations

from secmon.checks.patches import CHECK
from secmon.checks.patches.metrics import samples
from secmon.core.contract import Sample
from secmon.core.model import Completeness, Fact, Observation, Reason


def observation(values: dict, updates: tuple[bool, ...] = (), reason: Reason | None = None) -> Observation:
    facts = (
        Fact("host", values),
        *(
            Fact("update", {"package": f"p{n}", "security": is_security})
            for n, is_security in enumerate(updates)
        ),
    )
    looked = {"host": None, "update": reason}
    return Observation("a", "patches", "local", 1.0, 2.0, Completeness.OK, looked, facts, reason)


def test_everything_seen():
    seen = observation(
        {"reboot_required": True, "eol_date": 5.0, "security_index_timestamp": 4.0}, (True, False, False)
    )
    assert samples("a", [seen], 9.0) == [
        Sample("secmon_updates_pending", ("a", "security"), 1),
        Sample("secmon_updates_pending", ("a", "other"), 2),
        Sample("secmon_reboot_required", ("a",), 1.0),
        Sample("secmon_os_end_of_life_timestamp_seconds", ("a",), 5.0),
        Sample("secmon_package_index_timestamp_seconds", ("a",), 4.0),
    ]


def test_nothing_pending_is_zero():
    assert samples("a", [observation({"reboot_required": False})], 9.0) == [
        Sample("secmon_updates_pending", ("a", "security"), 0),
        Sample("secmon_updates_pending", ("a", "other"), 0),
        Sample("secmon_reboot_required", ("a",), 0.0),
    ]


def test_what_was_not_seen_is_absent():
    assert samples("a", [observation({}, (True,), Reason.STALE_DATA)], 9.0) == []
    failed = Observation(
        "a",
        "patches",
        "local",
        1.0,
        2.0,
        Completeness.FAILED,
        {"host": Reason.PERMISSION, "update": Reason.PERMISSION},
    )
    assert samples("a", [failed], 9.0) == []
    assert samples("a", [], 9.0) == []


def test_the_worst_of_several_roots_counts():
    first = observation({"reboot_required": False, "eol_date": 5.0}, (True,))
    second = observation({"reboot_required": True, "eol_date": 3.0}, (True,))
    values = {
        sample.name: sample.value
        for sample in samples("a", [first, second], 9.0)
        if sample.labels != ("a", "other")
    }
    assert values == {
        "secmon_updates_pending": 2,
        "secmon_reboot_required": 1.0,
        "secmon_os_end_of_life_timestamp_seconds": 3.0,
    }


def test_declared_as_made():
    seen = observation({"reboot_required": True, "eol_date": 5.0, "security_index_timestamp": 4.0})
    declared = {metric.name: len(metric.labels) for metric in CHECK.metrics}
    assert {sample.name: len(sample.labels) for sample in samples("a", [seen], 9.0)} == declared
