"""A waiver is an overlay with an end."""

from __future__ import annotations

from dataclasses import replace

import pytest

from secmon.core.model import Asset, Outcome, Result, Severity
from secmon.core.rule import Place, Waiver
from secmon.core.waivers import cover

NOW = 1_800_000_000.0
RESULT = Result(
    "srv-1", "ports.telnet", "ports", Severity.HIGH, "local", {"proto": "tcp", "port": 23},
    Outcome.FAIL, None, {}, {}, "f1",
)  # fmt: skip
WAIVER = Waiver(
    "W-1", "ports.telnet", "", "", {}, "old", "an", "binh", NOW - 10, NOW + 10, Place("w.yml", 1, 1)
)
ASSETS = {"srv-1": Asset("srv-1", unit="xa-a")}


def covered(waiver: Waiver, result: Result = RESULT, now: float = NOW) -> list[str]:
    return [entry.waiver for entry in cover([result], [waiver], ASSETS, now)]


def test_covers_a_failure() -> None:
    (entry,) = cover([RESULT], [WAIVER], ASSETS, NOW)
    assert (entry.fingerprint, entry.waiver, entry.expires) == ("f1", "W-1", NOW + 10)


@pytest.mark.parametrize(
    "change",
    [
        {"rule": "ports.ftp"},
        {"asset": "srv-2"},
        {"unit": "xa-b"},
        {"subject": {"port": 24}},
        {"subject": {"nothing": None}},
    ],
)
def test_selects_narrowly(change) -> None:
    assert covered(replace(WAIVER, **change)) == []


@pytest.mark.parametrize("change", [{"asset": "srv-1"}, {"unit": "xa-a"}, {"subject": {"port": 23}}])
def test_selects(change) -> None:
    assert covered(replace(WAIVER, **change)) == ["W-1"]


def test_has_an_end_and_a_beginning() -> None:
    assert covered(WAIVER, now=NOW + 9.9) == ["W-1"]
    assert covered(WAIVER, now=NOW + 10) == []
    assert covered(WAIVER, now=NOW - 11) == []


@pytest.mark.parametrize("outcome", [Outcome.PASS, Outcome.UNKNOWN, Outcome.ERROR, Outcome.NOT_APPLICABLE])
def test_only_failures_are_waived(outcome) -> None:
    assert covered(WAIVER, replace(RESULT, outcome=outcome)) == []


def test_the_longest_one_is_named() -> None:
    longer = replace(WAIVER, id="W-2", expires=NOW + 99)
    assert [entry.waiver for entry in cover([RESULT], [longer, WAIVER], ASSETS, NOW)] == ["W-2"]
