"""A finding is new once, stays open while nobody has proved it gone, and resolves on a complete look only."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from secmon.core.judgement import Judgement
from secmon.core.lifecycle import Finding, advance
from secmon.core.model import Outcome, Reason, Result, Run, Severity, Verdict

RULE = "ports.telnet-exposed"


def result(
    fingerprint: str, outcome: Outcome = Outcome.FAIL, *, target: str = "local", asset: str = "a"
) -> Result:
    return Result(
        asset=asset,
        rule=RULE,
        check="ports",
        severity=Severity.HIGH,
        target=target,
        subject={"port": 23, "address": "0.0.0.0"},
        outcome=outcome,
        reason=None if outcome is Outcome.FAIL else Reason.PERMISSION,
        evidence={},
        missing={},
        fingerprint=fingerprint,
    )


def verdict(*complete: str, decided: bool = True, asset: str = "a") -> Verdict:
    return Verdict(asset, RULE, "ports", Severity.HIGH, 6, False, Outcome.PASS, decided, (), complete)


def judgement(*results: Result, verdicts: tuple[Verdict, ...] = (), finished: float = 100.0) -> Judgement:
    runs = tuple(Run(asset, "ports", finished - 1, finished, True, None) for asset in ("a", "b"))
    return Judgement("ports", runs=runs, verdicts=verdicts, results=results)


def opened(at: float = 50.0, **changes: object) -> Finding:
    (finding,) = advance((), judgement(result("f"), verdicts=(verdict("local"),), finished=at), at).new
    return replace(finding, **changes)


def test_a_failure_that_was_not_open_is_new_and_dates_from_the_end_of_its_run():
    changes = advance((), judgement(result("f"), verdicts=(verdict("local"),)), now=120.0)
    (finding,) = changes.new
    assert (finding.first_seen, finding.last_seen) == (100.0, 100.0)
    assert finding.subject == '{"port":23,"address":"0.0.0.0"}'
    assert changes.remaining == changes.new
    assert not changes.open
    assert not changes.resolved


def test_a_failure_that_was_open_keeps_its_first_day_and_takes_the_severity_of_today():
    harder = replace(result("f"), severity=Severity.CRITICAL)
    changes = advance([opened(50.0)], judgement(harder, verdicts=(verdict("local"),)), now=120.0)
    (finding,) = changes.open
    assert (finding.first_seen, finding.last_seen, finding.severity) == (50.0, 100.0, Severity.CRITICAL)
    assert not changes.new


def test_judging_an_older_spool_again_does_not_move_last_seen_back():
    changes = advance(
        [opened(200.0)], judgement(result("f"), verdicts=(verdict("local"),), finished=100.0), now=300.0
    )
    assert changes.open[0].last_seen == 200.0


@pytest.mark.parametrize(
    ("told", "fate"),
    [
        ((verdict("local"),), "resolved"),
        ((verdict("local", "other", decided=False),), "resolved"),
        ((verdict("other", decided=False),), "open"),
        ((verdict(decided=False),), "open"),
        ((verdict("other"),), "withdrawn"),
        ((), "withdrawn"),
        ((verdict("local", asset="b"),), "withdrawn"),
    ],
    ids=[
        "its target was looked at completely",
        "so was its target, though another was not",
        "its target was not looked at completely",
        "nothing was looked at completely",
        "its target is no longer expected",
        "its rule no longer binds anything",
        "its rule binds another asset only",
    ],
)
def test_what_becomes_of_a_finding_that_does_not_fail(told, fate):
    changes = advance([opened()], judgement(verdicts=told), now=120.0)
    fates = {name: len(getattr(changes, name)) for name in ("new", "open", "resolved", "withdrawn")}
    assert fates == {"new": 0, "open": 0, "resolved": 0, "withdrawn": 0} | {fate: 1}


@pytest.mark.parametrize("outcome", [Outcome.UNKNOWN, Outcome.ERROR])
def test_a_doubtful_result_keeps_its_finding_open_though_the_target_was_looked_at(outcome):
    changes = advance([opened()], judgement(result("f", outcome), verdicts=(verdict("local"),)), now=120.0)
    assert [finding.last_seen for finding in changes.open] == [50.0]
    assert not changes.resolved


def test_findings_of_other_checks_are_left_alone():
    changes = advance([opened(check="tls")], judgement(verdicts=(verdict("local"),)), now=120.0)
    assert changes == advance((), judgement(verdicts=(verdict("local"),)), now=120.0)


def test_an_asset_without_a_run_takes_the_instant_of_judging():
    changes = advance((), Judgement("ports", results=(result("f", asset="z"),)), now=120.0)
    assert changes.new[0].first_seen == 120.0


NAMES = st.sampled_from(["f", "g", "h", "i"])


@given(
    before=st.sets(NAMES),
    failing=st.sets(NAMES),
    doubtful=st.sets(NAMES),
    complete=st.booleans(),
    decided=st.booleans(),
)
def test_every_finding_has_one_fate_and_none_resolves_without_a_complete_look(
    before, failing, doubtful, complete, decided
):
    previous = [opened(fingerprint=name) for name in sorted(before)]
    results = [result(name) for name in sorted(failing)] + [
        result(name, Outcome.UNKNOWN) for name in sorted(doubtful)
    ]
    look = verdict(*(["local"] if complete else []), decided=decided)
    changes = advance(previous, judgement(*results, verdicts=(look,)), now=120.0)
    fates = [
        {finding.fingerprint for finding in getattr(changes, name)}
        for name in ("open", "resolved", "withdrawn")
    ]
    assert sum(map(len, fates)) == len(before)
    assert set().union(*fates) == before
    assert {finding.fingerprint for finding in changes.new} == failing - before
    assert failing & before <= fates[0]
    assert doubtful & before <= fates[0]
    assert complete or not fates[1]
