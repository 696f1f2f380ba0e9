"""Render a report as a page for a terminal, the most important first."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from secmon.core.contract import FieldType
from secmon.core.model import Reason, Role, Severity
from secmon.core.texts import escape
from secmon.core.waivers import WaiverState
from secmon.core.words import GRADES, REASONS, ROLES, SEVERITIES
from secmon.export.report import labels
from secmon.export.report.digest import (
    AssetDigest,
    Failure,
    Undecided,
    count_severities,
    digest,
    waivers_to_review,
)
from secmon.export.report.exit import exit_code
from secmon.export.report.lines import Lines
from secmon.export.report.seen import devices, open_ports
from secmon.export.report.values import day_time, evidence_text, last_day, number, subject_text

if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import TextIO

    from secmon.core.contract import Registry
    from secmon.core.model import Json
    from secmon.core.texts import Lang
    from secmon.core.words import Words

ENTRIES_SHOWN: Final = 20
"""Subjects shown of one rule, titles and details of one reason; the JSON report has all."""
NAMES_SHOWN: Final = 4
"""Names shown in a row."""
LISTED: Final = 40
"""Lines of what was found, shown of each list."""
BAR_WIDTH: Final = 20

_STYLES: Final[dict[Severity, str]] = {
    Severity.CRITICAL: "bold white on red",
    Severity.HIGH: "bold red",
    Severity.MEDIUM: "bold yellow",
    Severity.LOW: "cyan",
    Severity.INFO: "dim",
}
_GRADE_STYLES: Final = {"A": "bold green", "B": "green", "C": "bold yellow", "D": "bold red", "E": "bold red"}


@dataclass(frozen=True, slots=True)
class Reader:
    """Who reads the page.

    Attributes:
        lang: language of the page.
        fail_on: least severity that makes the exit code 1.
        timestamps: (check, field) of fields that hold Unix seconds.
    """

    lang: Lang
    fail_on: Severity = Severity.HIGH
    timestamps: frozenset[tuple[str, str]] = frozenset()


def timestamp_fields(registry: Registry) -> frozenset[tuple[str, str]]:
    """Return (check, field) of every field that holds Unix seconds."""
    return frozenset(
        (check.name, field.name)
        for check in registry.checks.values()
        for kind in check.kinds
        for field in kind.fields
        if field.type is FieldType.TIMESTAMP
    )


def render(report: Json, out: TextIO, reader: Reader) -> None:
    """Write a report as a page.

    Args:
        report: a `secmon.report/1`.
        out: a text file; colour and its width where it is a terminal, else 80 columns without colour.
        reader: who reads it.
    """
    _Page(Lines(out), reader).write(report)


def _some(names: Sequence[str], separator: str = ", ") -> str:
    """Write the first of many names."""
    dots = (f"… (+{len(names) - NAMES_SHOWN})",) if len(names) > NAMES_SHOWN else ()
    return separator.join((*map(escape, names[:NAMES_SHOWN]), *dots))


class _Page:
    """One page on its way out."""

    def __init__(self, lines: Lines, reader: Reader) -> None:
        self._lines = lines
        self._reader = reader

    def write(self, report: Json) -> None:
        assets = digest(report, self._reader.lang)
        when = day_time(report["finished"], self._reader.lang)
        version = escape(report["generator"]["version"])
        self._lines.line((f"{self._say(labels.AUDIT)} · {when} (UTC+7) · secmon {version}", "dim"))
        if len(assets) > 1:
            self._overview(assets)
        for asset in assets:
            self._asset(report, asset)
        self._review(waivers_to_review(report))
        self._total(report, assets)

    def _overview(self, assets: Sequence[AssetDigest]) -> None:
        width = max(len(escape(asset.asset["id"])) for asset in assets)
        self._lines.blank()
        for asset in assets:
            name = escape(asset.asset["id"]).ljust(min(width, 30))
            self._lines.item((name, "bold"), "  ", *self._score_parts(asset.asset["score"]))

    def _asset(self, report: Json, asset: AssetDigest) -> None:
        self._heading(asset.asset)
        score = asset.asset["score"]
        self._lines.line(*self._score_parts(score))
        if score["raw"] is not None and score["accepted"] > score["raw"]:
            accepted = number(score["accepted"], self._reader.lang)
            self._lines.line(self._say(labels.ACCEPTED).format(accepted), indent=2)
        if asset.capped:
            self._lines.line((self._say(labels.CAPPED), "yellow"))
        self._checks(asset)
        self._list(labels.OPEN_PORTS, open_ports(report, asset.asset["id"]))
        self._list(labels.DEVICES, devices(report, asset.asset["id"]))
        self._failures(asset)
        self._undecided(asset.undecided)
        self._waived(asset.waived)
        counts = asset.counts
        if any(counts.values()):
            self._lines.blank()
            passed = self._say(labels.PASSED).format(counts["pass"], counts["not_applicable"])
            self._lines.line((passed, "green" if counts["pass"] else ""))

    def _heading(self, asset: Json) -> None:
        roles = ", ".join(ROLES[Role(role)].of(self._reader.lang) for role in asset["roles"])
        about = f"{roles}, {self._say(labels.LEVEL).format(asset['level'])}"
        self._lines.blank()
        self._lines.rule()
        self._lines.line((escape(asset["id"]), "bold"), (f"  {about}", "dim"))
        self._lines.rule()

    def _score_parts(self, score: Json) -> tuple[str | tuple[str, str], ...]:
        if score["raw"] is None:
            return (self._say(labels.NO_SCORE),)
        lang, letter = self._reader.lang, score["grade"]
        return (
            (f"{self._say(labels.SCORE)} {number(score['raw'], lang)}/100", "bold"),
            "   ",
            (self._say(labels.GRADE).format(letter, GRADES[letter].of(lang)), _GRADE_STYLES[letter]),
            "   ",
            self._say(labels.COVERAGE).format(number(score["coverage"], lang, 0)),
        )

    def _checks(self, asset: AssetDigest) -> None:
        lines = [line for line in asset.checks if line.possible]
        if not lines:
            return
        check, seen = self._say(labels.CHECK), self._say(labels.SEEN)
        width = max(len(check), *(len(escape(line.name)) for line in lines))
        self._lines.blank()
        head = f"{check.ljust(width)}  {self._say(labels.POINTS).ljust(BAR_WIDTH + 9)}  {seen}"
        self._lines.line((head, "dim"))
        for line in lines:
            filled = BAR_WIDTH * line.earned // line.possible
            bar = "█" * filled + "░" * (BAR_WIDTH - filled)
            points = f"{line.earned}/{line.possible}".rjust(8)
            share = f"{100 * line.covered // line.possible} %".rjust(len(seen))
            self._lines.line(f"{escape(line.name).ljust(width)}  {bar} {points}  {share}")

    def _list(self, title: Words, lines: Sequence[str]) -> None:
        """Write what was found, the first of much."""
        if not lines:
            return
        self._section(title, len(lines), "bold")
        for line in lines[:LISTED]:
            self._lines.item(line, indent=2)
        if len(lines) > LISTED:
            more = self._say(labels.MORE).format(len(lines) - LISTED)
            self._lines.item((more, "dim"), indent=2)

    def _failures(self, asset: AssetDigest) -> None:
        if not asset.failures:
            self._no_failures(asset)
            return
        self._section(labels.FAILURES, sum(len(failure.results) for failure in asset.failures), "bold red")
        for severity, count in count_severities(asset.failures).items():
            self._lines.blank()
            self._lines.line((f"{self._severity(severity).upper()} ({count})", _STYLES[severity]))
            for failure in asset.failures:
                if failure.severity is severity:
                    self._failure(failure)

    def _no_failures(self, asset: AssetDigest) -> None:
        if not any(asset.counts.values()):
            return
        self._lines.blank()
        if asset.undecided:
            self._lines.line(self._say(labels.NO_FAILURES_SEEN))
        else:
            self._lines.line((self._say(labels.NO_FAILURES), "bold green"))

    def _failure(self, failure: Failure) -> None:
        if failure.gain is None:
            gain = self._say(labels.GAIN_OPEN)
        else:
            gain = self._say(labels.GAIN).format(number(failure.gain, self._reader.lang))
        self._lines.item(
            (escape(failure.title), "bold"), (f"  {gain}", "green"), (f"  {failure.rule}", "dim"), indent=2
        )
        self._subjects(failure)
        if failure.fix:
            self._lines.line((self._say(labels.FIX), "bold"), escape(failure.fix), indent=4)

    def _subjects(self, failure: Failure) -> None:
        for result in failure.results[:ENTRIES_SHOWN]:
            subject = subject_text(result)
            place = f"{escape(result['target'])}{': ' if subject else ''}{subject}"
            evidence = evidence_text(result, self._reader.timestamps, self._reader.lang)
            waiver = ""
            if result["waiver"]:
                until = last_day(result["waiver"]["expires"], self._reader.lang)
                waiver = "  " + self._say(labels.WAIVER).format(escape(result["waiver"]["id"]), until)
            self._lines.item(place, (f"  {evidence}" if evidence else "", "dim"), waiver, indent=4)
        self._more(len(failure.results))

    def _undecided(self, groups: tuple[Undecided, ...]) -> None:
        if not groups:
            return
        self._section(labels.UNDECIDED, len(groups), "bold yellow")
        self._lines.line((self._say(labels.UNDECIDED_WHY), "dim"))
        for group in groups:
            self._lines.blank()
            self._undecided_group(group)

    def _undecided_group(self, group: Undecided) -> None:
        words = REASONS[Reason(group.reason)] if group.reason else None
        why = f": {words.why.of(self._reader.lang)}" if words else ""
        self._lines.item(
            (f"{escape(group.check)}{why}", "bold"),
            (f"  {group.reason}  {_some(group.targets)}", "dim"),
            indent=2,
        )
        for detail in group.details[:ENTRIES_SHOWN]:
            self._lines.line((self._say(labels.DETAIL), "bold"), escape(detail), indent=4)
        self._more(len(group.details))
        if group.missing:
            self._lines.line((self._say(labels.MISSING), "bold"), _some(group.missing), indent=4)
        if words:
            self._lines.line((self._say(labels.DO), "bold"), words.repair.of(self._reader.lang), indent=4)
        if group.titles:
            head = self._say(labels.RULES_OPEN).format(len(group.titles))
            self._lines.line((head + _some(group.titles, "; "), "dim"), indent=4)
        else:
            self._lines.line((self._say(labels.PARTLY), "dim"), indent=4)

    def _waived(self, failures: tuple[Failure, ...]) -> None:
        if not failures:
            return
        self._section(labels.WAIVED, sum(len(failure.results) for failure in failures), "bold")
        for failure in failures:
            about = f"  {self._severity(failure.severity)}  {failure.rule}"
            self._lines.item((escape(failure.title), "bold"), (about, "dim"), indent=2)
            self._subjects(failure)

    def _review(self, waivers: Sequence[Json]) -> None:
        if not waivers:
            return
        self._section(labels.REVIEW, len(waivers), "bold yellow")
        for waiver in waivers[:ENTRIES_SHOWN]:
            about = f"  {escape(waiver['rule'])}  {escape(waiver['place'])}"
            self._lines.item((escape(waiver["id"]), "bold"), (about, "dim"), indent=2)
            why, repair = self._doubt(waiver)
            self._lines.line(why, indent=4)
            self._lines.line((self._say(labels.DO), "bold"), self._say(repair), indent=4)
        self._more(len(waivers))

    def _doubt(self, waiver: Json) -> tuple[str, Words]:
        """Return why a waiver wants looking after, and what to do about it."""
        if waiver["state"] == WaiverState.UNUSED:
            return self._say(labels.UNUSED), labels.REMOVE
        if waiver["state"] != WaiverState.EXPIRED:
            return self._say(labels.BROAD).format(waiver["findings"]), labels.NARROW
        until = last_day(waiver["expires"], self._reader.lang)
        if waiver["findings"]:
            return self._say(labels.EXPIRED_FAILING).format(until, waiver["findings"]), labels.RENEW
        return self._say(labels.EXPIRED).format(until), labels.REMOVE

    def _total(self, report: Json, assets: Sequence[AssetDigest]) -> None:
        self._lines.blank()
        self._lines.rule()
        if not report["results"]:
            self._lines.line((self._say(labels.NOTHING), "bold"))
            return
        counts = self._severities(assets, report["summary"]["waived"])
        summary = self._say(labels.SUMMARY).format(**report["summary"] | {"severities": counts})
        self._lines.line((summary, "bold"))
        least = SEVERITIES[self._reader.fail_on].of(self._reader.lang)
        self._lines.line(self._say(labels.EXITS[exit_code(report, self._reader.fail_on)]).format(least))

    def _severities(self, assets: Sequence[AssetDigest], waived: int) -> str:
        failures = [failure for asset in assets for failure in (*asset.failures, *asset.waived)]
        parts = [
            f"{count} {self._severity(severity)}" for severity, count in count_severities(failures).items()
        ]
        if waived:
            parts.append(self._say(labels.WAIVED_COUNT).format(waived))
        return f" ({', '.join(parts)})" if parts else ""

    def _say(self, words: Words) -> str:
        return words.of(self._reader.lang)

    def _severity(self, severity: Severity) -> str:
        return SEVERITIES[severity].of(self._reader.lang)

    def _section(self, words: Words, count: int, style: str) -> None:
        self._lines.blank()
        self._lines.line((f"{self._say(words)} ({count})", style))

    def _more(self, count: int) -> None:
        if count > ENTRIES_SHOWN:
            self._lines.line((self._say(labels.MORE).format(count - ENTRIES_SHOWN), "dim"), indent=4)
