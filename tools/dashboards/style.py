"""Say how figures look: units, colours that colour-blind people can tell apart, thresholds, words for values.

Colours are those of Okabe and Ito ("Color Universal Design", 2008). None stands alone: a figure
or a word is always beside it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from secmon.core.fleet import RANKING_COVERAGE
from secmon.core.model import Severity
from secmon.core.score import GRADES
from secmon.core.words import OUTCOMES, REASONS, SEVERITIES, Words
from tools.dashboards.sdk import model, units

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

BLUE: Final = "#0072B2"
SKY: Final = "#56B4E9"
YELLOW: Final = "#F0E442"
ORANGE: Final = "#E69F00"
VERMILLION: Final = "#D55E00"
PURPLE: Final = "#CC79A7"
GREY: Final = "#8E8E8E"

Steps = tuple[tuple[float, str], ...]
"""Values with the colour that holds from each on; the first value is minus infinity."""

_BASE: Final = float("-inf")
GRADE_COLOURS: Final = {"A": BLUE, "B": SKY, "C": YELLOW, "D": ORANGE, "E": VERMILLION}

GRADE_STEPS: Final[Steps] = (
    (_BASE, GRADE_COLOURS["E"]),
    *sorted((least / 100, GRADE_COLOURS[letter]) for least, letter in GRADES),
)
FLOOR: Final = RANKING_COVERAGE / 100
"""Coverage under which a unit is not ranked, as a ratio."""
COVERAGE_STEPS: Final[Steps] = ((_BASE, VERMILLION), (FLOOR, BLUE))
NONE_IS_GOOD: Final[Steps] = ((_BASE, BLUE), (1, VERMILLION))
SOON: Final[Steps] = ((_BASE, VERMILLION), (21, ORANGE), (60, BLUE))
"""Days left of a certificate; 21 is where the alert begins."""
END_OF_LIFE: Final[Steps] = ((_BASE, VERMILLION), (90, ORANGE), (365, BLUE))
"""Days of updates left of an operating system; 90 is where the alert begins."""
FRESH: Final[Steps] = ((_BASE, VERMILLION), (0.5, ORANGE), (1, BLUE))

SEVERITY_COLOURS: Final = {
    Severity.CRITICAL: VERMILLION,
    Severity.HIGH: ORANGE,
    Severity.MEDIUM: YELLOW,
    Severity.LOW: SKY,
    Severity.INFO: GREY,
}
NO_DATA: Final = Words("chưa có dữ liệu", "no data")


@dataclass(frozen=True, slots=True)
class Look:
    """How one figure, or one column, is shown.

    Attributes:
        unit: id of a Grafana unit.
        decimals: digits after the point; None leaves it to Grafana.
        steps: colours by value; none leaves the text plain.
        words: text of a value -> what is shown instead, and its colour ("" for none).
        least: lower end of a bar or axis.
        most: upper end of a bar or axis.
        nothing: what stands where the query answers nothing.
    """

    unit: str = units.NoUnit
    decimals: int | None = None
    steps: Steps = ()
    words: tuple[tuple[str, str, str], ...] = ()
    least: float | None = None
    most: float | None = None
    nothing: Words = NO_DATA


def both(words: Words) -> str:
    """Return a short text in both languages, on one line."""
    return f"{words.vi} / {words.en}"


def block(words: Words) -> str:
    """Return a long text in both languages, one paragraph each."""
    return f"{words.vi}\n\n{words.en}"


def thresholds(steps: Steps) -> model.ThresholdsConfig:
    """Return the colours by value as Grafana reads them, the first without a value."""
    return model.ThresholdsConfig(
        model.ThresholdsMode.ABSOLUTE,
        [model.Threshold(None if least == _BASE else least, colour) for least, colour in steps],
    )


def mapping(words: tuple[tuple[str, str, str], ...]) -> model.ValueMap:
    """Return words for values as Grafana reads them, in the given order."""
    return model.ValueMap(
        {
            value: model.ValueMappingResult(text=text, color=colour or None, index=index)
            for index, (value, text, colour) in enumerate(words)
        }
    )


def _spelt(
    values: Iterable[tuple[str, Words]], colours: Mapping[str, str] | None = None
) -> tuple[tuple[str, str, str], ...]:
    return tuple((str(value), both(words), (colours or {}).get(value, "")) for value, words in values)


_DAYS: Final = "suffix: d"  # Grafana's own unit of days turns them into weeks and years
_NO_YES: Final = (("0", Words("không", "no")), ("1", Words("có", "yes")))


PLAIN: Final = Look()
RANK: Final = Look(units.NoUnit, 0, nothing=Words("chưa đủ dữ liệu", "not enough data"))
RATIO: Final = Look(units.PercentUnit, 1, least=0, most=1)
GRADED: Final = Look(units.PercentUnit, 1, GRADE_STEPS, least=0, most=1)
COVERED: Final = Look(units.PercentUnit, 1, COVERAGE_STEPS, least=0, most=1)
FRESHNESS: Final = Look(units.PercentUnit, 0, FRESH, least=0, most=1)
SHARE: Final = Look(units.PercentUnit, 2, least=0)
GAIN: Final = Look(units.PercentUnit, 2)
COUNT: Final = Look(units.Short, 0, least=0)
FAULTS: Final = Look(units.Short, 0, NONE_IS_GOOD, least=0)
DAYS: Final = Look(_DAYS, 0)
DAYS_LEFT: Final = Look(_DAYS, 0, SOON)
SUPPORT_LEFT: Final = Look(_DAYS, 0, END_OF_LIFE)
SECONDS: Final = Look(units.Seconds, 1)
BYTES: Final = Look(units.BytesIEC, 1)
GRADE: Final = Look(words=tuple((letter, letter, colour) for letter, colour in GRADE_COLOURS.items()))
PLACE: Final = Look(
    words=tuple((str(place), letter, colour) for place, (letter, colour) in enumerate(GRADE_COLOURS.items()))
)
"""Grades as numbers: 0 is A."""
SEVERITY: Final = Look(
    words=_spelt(
        SEVERITIES.items(), {severity.value: colour for severity, colour in SEVERITY_COLOURS.items()}
    )
)
ALERT_SEVERITY: Final = Look(
    words=_spelt(
        (
            ("critical", Words("nghiêm trọng", "critical")),
            ("warning", Words("cảnh báo", "warning")),
            ("info", Words("thông tin", "info")),
        ),
        {"critical": VERMILLION, "warning": ORANGE, "info": GREY},
    )
)
OUTCOME: Final = Look(
    words=_spelt(OUTCOMES.items(), {"fail": VERMILLION, "error": PURPLE, "unknown": ORANGE, "pass": BLUE})
)
REASON: Final = Look(words=_spelt((reason, words.why) for reason, words in REASONS.items()))
TRUST: Final = Look(words=(("trusted", "tin cậy / trusted", BLUE), *REASON.words))
SIGNED: Final = Look(
    words=_spelt((("false", Words("không", "no")), ("true", Words("có", "yes"))), {"true": BLUE})
)
STATE: Final = Look(
    words=_spelt(
        (
            ("0", Words("đang trả lời", "answers")),
            ("1", Words("lời cuối còn hiệu lực", "its last word holds")),
            ("2", Words("im lặng", "silent")),
            ("3", Words("trả lời, không được tin", "answers, not believed")),
        ),
        {"0": BLUE, "1": ORANGE, "2": VERMILLION, "3": VERMILLION},
    )
)
MAINTAINED: Final = Look(words=_spelt(_NO_YES, {"1": PURPLE}))
WANTED: Final = Look(words=_spelt(_NO_YES, {"0": VERMILLION, "1": BLUE}))
UNWANTED: Final = Look(words=_spelt(_NO_YES, {"0": BLUE, "1": VERMILLION}))
