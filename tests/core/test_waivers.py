"""A waiver is an overlay with an end."""

from __future__ import annotations

from dataclasses import replace

import pytest

from secmon.core.model import Asset, Outcome, Result, Severity, Verdict
from secmon.core.rule import Place, Waiver
from secmon.core.waivers import WaiverState, account, cover, find_doubtful

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


DECIDED = Verdict(
    "srv-1",
    "ports.telnet",
    "ports",
    Severity.HIGH,
    6,
    critical=False,
    outcome=Outcome.PASS,
    decided=True,
    failures=(),
)


def stands(
    waiver: Waiver = WAIVER, results=(), verdicts=(DECIDED,), settled=("ports.telnet",)
) -> tuple[WaiverState, int]:
    (use,) = account([waiver], results, verdicts, ASSETS, settled=settled, now=NOW)
    assert use.waiver is waiver
    return use.state, use.findings


def test_one_that_covers_failures_is_active_and_counts_them() -> None:
    other = replace(RESULT, subject={"proto": "tcp", "port": 24}, fingerprint="f2")
    assert stands(results=[RESULT, other]) == ("active", 2)
    assert stands(replace(WAIVER, subject={"port": 23}), [RESULT, other]) == ("active", 1)


def test_an_expired_one_tells_what_counts_again() -> None:
    over = replace(WAIVER, expires=NOW)
    assert stands(over, [RESULT]) == ("expired", 1)
    assert stands(over) == ("expired", 0)


def test_one_that_covers_nothing_is_unused() -> None:
    assert stands() == ("unused", 0)
    assert stands(replace(WAIVER, subject={"port": 24}), [RESULT]) == ("unused", 0), "another subject fails"
    passes = replace(RESULT, outcome=Outcome.PASS)
    assert stands(results=[passes]) == ("unused", 0)


@pytest.mark.parametrize(
    "more",
    [
        {"verdicts": ()},  # the check did not run, or the rule binds nothing here
        {"verdicts": (replace(DECIDED, decided=False),)},
        {"verdicts": (DECIDED, replace(DECIDED, asset="srv-2", decided=False))},
        {"verdicts": (replace(DECIDED, rule="ports.ftp"),)},
        {"settled": ()},  # not all that is configured was looked at
        {"settled": ("ports.ftp",)},
        {"waiver": replace(WAIVER, asset="srv-2")},  # another agent looks at that one
        {"waiver": replace(WAIVER, unit="xa-b")},
        {
            "results": (replace(RESULT, outcome=Outcome.UNKNOWN),),
            "verdicts": (replace(DECIDED, decided=False),),
        },
    ],
)
def test_what_was_not_seen_is_not_called_unused(more) -> None:
    assert stands(**more) == ("undecided", 0)


def test_an_undecided_asset_that_it_is_not_for_does_not_matter() -> None:
    elsewhere = replace(DECIDED, asset="srv-2", decided=False)
    assert stands(replace(WAIVER, asset="srv-1"), verdicts=(DECIDED, elsewhere)) == ("unused", 0)


@pytest.mark.parametrize(
    ("change", "broad"),
    [
        ({"asset": "srv-1"}, False),
        ({"unit": "xa-a", "asset": "srv-1"}, False),
        ({"unit": "xa-a", "subject": {"port": 23}}, False),
        ({"unit": "xa-a"}, True),
        ({"subject": {"port": 23}}, True),
    ],
)
def test_what_is_broad(change, broad) -> None:
    waiver = replace(WAIVER, **change)
    assert waiver.broad is broad
    assert bool(list(find_doubtful([waiver], NOW))) is broad


def test_doubtful_ones_are_told_with_their_place() -> None:
    narrow = replace(WAIVER, asset="srv-1")
    over = replace(narrow, expires=1_795_366_800.0)  # 2026-11-24 00:00 in Vietnam
    assert [str(warning) for warning in find_doubtful([narrow, over, replace(WAIVER, id="W-2")], NOW)] == [
        (
            "w.yml:1:1: warning: W-1: the waiver ended on 2026-11-22, and what it covered counts again; "
            "remove it, or have the risk approved anew"
        ),
        (
            "w.yml:1:1: warning: W-2: the waiver is too broad: it also accepts what nobody has looked at; "
            "name an asset, or a subject in one unit, under match"
        ),
    ]


def test_a_broad_one_that_is_over_is_told_once() -> None:
    (only,) = find_doubtful([replace(WAIVER, unit="xa-a", expires=NOW)], NOW)
    assert "ended on" in only.message
