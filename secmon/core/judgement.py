"""Carry what the judge child said about one check, as lines of JSON."""

from __future__ import annotations

import json
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from secmon.core.codec import decode, encode
from secmon.core.contract import Sample
from secmon.core.model import Observation, Outcome, Reason, Result, Run, Verdict
from secmon.core.rule import Rule

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator


@dataclass(frozen=True, slots=True)
class WaivedUntil:
    """The waiver that covers a failing result longest.

    Attributes:
        fingerprint: of the result.
        waiver: id of the waiver.
        expires: Unix seconds; from then on the failure counts again.
    """

    fingerprint: str
    waiver: str
    expires: float


@dataclass(frozen=True, slots=True)
class ReasonCount:
    """How many observations of an asset in the latest run gave a reason.

    Attributes:
        asset: id of the asset.
        reason: why a look failed or was partial.
        count: observations.
    """

    asset: str
    reason: Reason
    count: int


@dataclass(frozen=True, slots=True)
class Judgement:
    """Everything about one check after one run, over all its assets.

    Attributes:
        check: name of the check.
        runs: one for each asset.
        verdicts: one for each binding.
        results: every result that is not a pass, and every pass where the whole report is wanted.
        waived: the waivers that cover failing results, expired ones left out.
        samples: the check's own metrics.
        reasons: why looks failed.
        outcomes: asset -> outcome -> results, passes included.
        changes_at: Unix seconds at which judging the same facts again could say something else.
        observations: the observations themselves, only where the whole report is wanted.
        rules: the rules that were judged, likewise, without their tests.
    """

    check: str
    runs: tuple[Run, ...] = ()
    verdicts: tuple[Verdict, ...] = ()
    results: tuple[Result, ...] = ()
    waived: tuple[WaivedUntil, ...] = ()
    samples: tuple[Sample, ...] = ()
    reasons: tuple[ReasonCount, ...] = ()
    outcomes: dict[str, dict[str, int]] = field(default_factory=dict)
    changes_at: float = 0.0
    observations: tuple[Observation, ...] = ()
    rules: tuple[Rule, ...] = ()


_LISTS = {
    "run": ("runs", Run),
    "verdict": ("verdicts", Verdict),
    "result": ("results", Result),
    "waived": ("waived", WaivedUntil),
    "sample": ("samples", Sample),
    "reason": ("reasons", ReasonCount),
    "observation": ("observations", Observation),
    "rule": ("rules", Rule),
}


def encode_lines(judgement: Judgement) -> Iterator[bytes]:
    """Yield a judgement as JSON lines, the last of which is `done`.

    Args:
        judgement: what was judged.

    Yields:
        One line each, with its line end.
    """
    for word, (name, _) in _LISTS.items():
        for item in getattr(judgement, name):
            yield _line({word: encode(item)})
    yield _line(
        {
            "done": {
                "check": judgement.check,
                "outcomes": judgement.outcomes,
                "changes_at": judgement.changes_at,
            }
        }
    )


def _line(value: object) -> bytes:
    return (
        json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode("utf-8", "surrogatepass") + b"\n"
    )


def decode_lines(lines: Iterable[bytes]) -> Judgement:
    """Build the judgement back.

    Args:
        lines: what `encode_lines` yielded, line by line.

    Returns:
        The judgement.

    Raises:
        ValueError: a line is not what this module writes, or `done` is absent: the judge did not finish.
    """
    lists: dict[str, list[object]] = {name: [] for name, _ in _LISTS.values()}
    done: dict[str, object] | None = None
    for line in lines:
        try:
            ((word, value),) = json.loads(line).items()
        except (AttributeError, TypeError) as error:
            raise ValueError("a judgement is made of lines with one key each") from error
        if word == "done":
            done = value
        elif word in _LISTS:
            name, cls = _LISTS[word]
            lists[name].append(decode(cls, value))
    if done is None:
        raise ValueError("the judge did not finish")
    head = decode(Judgement, done)
    return replace(head, **{name: tuple(items) for name, items in lists.items()})  # type: ignore[arg-type]  # _LISTS


def count_outcomes(results: Iterable[Result]) -> dict[str, dict[str, int]]:
    """Count results by asset and outcome.

    Args:
        results: every result, passes included.

    Returns:
        asset -> outcome -> count; outcomes that do not occur are absent.
    """
    counts: dict[str, dict[str, int]] = {}
    for result in results:
        of_asset = counts.setdefault(result.asset, {})
        word = Outcome(result.outcome).value
        of_asset[word] = of_asset.get(word, 0) + 1
    return counts
