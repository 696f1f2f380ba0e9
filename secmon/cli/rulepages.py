"""Write what `secmon rules` found out as text: faults, tests, lists, explanations."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from secmon.cli.command import Words
from secmon.core.cursor import show
from secmon.core.model import Role, Severity, Vantage
from secmon.core.texts import escape
from secmon.core.words import ROLES, SEVERITIES, VANTAGES

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from secmon.core.model import Json
    from secmon.core.rule import Fault
    from secmon.core.texts import Lang

_GOOD = Words(
    "Không có lỗi. {files} tệp: {rules} quy tắc, {profiles} hồ sơ, {overrides} điều chỉnh, {waivers} rủi ro "
    "đã chấp nhận.",
    "No faults. {files} files: {rules} rules, {profiles} profiles, {overrides} overrides, {waivers} waivers.",
)
_FINGERPRINTS = Words("{0} mẫu nhận dạng dịch vụ.", "{0} fingerprints of services.")
_FAULTS = Words("{0} lỗi trong {1} tệp", "{0} faults in {1} files")
_FAULT = Words("1 lỗi", "1 fault")
_WARNINGS = Words("{0} cảnh báo", "{0} warnings")
_WARNING = Words("1 cảnh báo", "1 warning")
_FAILED = Words("mong đợi {0}, nhận được {1}", "expected {0}, got {1}")
_LACKS = Words("thiếu bài kiểm thử cho kết quả: {0}", "no test expects: {0}")
_TESTED = Words(
    "{0} quy tắc, {1} bài kiểm thử: {2} đạt, {3} không đạt.", "{0} rules, {1} tests: {2} passed, {3} failed."
)
_UNTESTED = Words("{0} quy tắc thiếu bài kiểm thử.", "{0} rules lack tests.")
_HEADS = (Words("MỨC ĐỘ", "SEVERITY"), Words("MÃ", "ID"), Words("TÊN", "TITLE"))
_TOTAL = Words("{0} quy tắc", "{0} rules")

_ABOUT = Words("phép kiểm tra {0}, xét từng {1}", "check {0}, for each {1}")
_ASSET = Words(
    "Máy {id}: {platform}, cấp độ {level}, vai trò {roles}, đơn vị {unit}, quan sát {vantages}",
    "Asset {id}: {platform}, level {level}, roles {roles}, unit {unit}, looked at {vantages}",
)
_NO_UNIT = Words("không ghi", "none")
_BINDS = Words("ÁP DỤNG cho máy này.", "It BINDS this asset.")
_BINDS_NOT = Words("KHÔNG áp dụng cho máy này.", "It does NOT bind this asset.")
_SWITCHED_OFF = Words(
    "Phép kiểm tra {0} đang tắt trong cấu hình, nên kết quả là chưa rõ (not_configured).",
    "The check {0} is disabled by the configuration, so that its result is unknown (not_configured).",
)
_NO_PROFILE = Words("Không có hồ sơ nào.", "There is no profile.")
_STANDINGS = {
    "uses": Words("dùng quy tắc này", "uses it"),
    "platform": Words("không: dành cho nền tảng {platforms}", "does not: it is for the platform {platforms}"),
    "roles": Words("không: dành cho vai trò {roles}", "does not: it is for the role {roles}"),
    "vantage": Words(
        "không: dành cho máy được quan sát {vantage}", "does not: it is for assets looked at {vantage}"
    ),
    "kind": Words(
        "không: {vantage} không có đích nào của máy này cho ra {kind}; {kind} có từ: {sources}",
        "does not: no target of this asset yields a {kind} {vantage}; a {kind} comes from: {sources}",
    ),
    "unused": Words(
        "không: không dòng nào của hồ sơ nêu quy tắc này", "does not: none of its lines names the rule"
    ),
    "disabled": Words("không: loại ra vì: {reason}", "does not: it leaves the rule out: {reason}"),
}
_DECIDING = ("uses", "disabled", "kind")
"""What a line of a profile decides; other profiles are not about such an asset, or not about the rule."""
_PROFILE = Words("hồ sơ {0}", "profile {0}")
_UNFILLED = Words(
    "Tham số {0} chưa có giá trị: nơi sử dụng đặt bằng một điều chỉnh (rules.overrides).",
    "The parameter {0} has no value: a site gives it one in an override (rules.overrides).",
)
_LAYERS = {
    "rule": Words("quy tắc", "the rule"),
    "level": Words("quy tắc, {0}", "the rule, {0}"),
    "profile": Words("hồ sơ {0}", "profile {0}"),
    "override": Words("điều chỉnh: {0}", "override: {0}"),
}
_REFUSED = Words("không nhận: nới lỏng", "refused: it would loosen")
_NO_VALUE = Words("chưa có giá trị", "no value")
_LOCAL = Words("nơi sử dụng đặt", "filled by a site")
_MARK = "=> "


def fault_rows(faults: Sequence[Fault]) -> list[Json]:
    """Return faults for an editor."""
    return [
        {
            "file": fault.place.file,
            "line": fault.place.line,
            "column": fault.place.column,
            "key": fault.key,
            "message": fault.message,
            "advice": fault.advice,
        }
        for fault in faults
    ]


def faults_text(faults: Sequence[Fault], lang: Lang) -> str:
    """Return how many faults there are, and how many warnings among them."""
    mistakes = [fault for fault in faults if not fault.warning]
    files = len({fault.place.file for fault in mistakes})
    text = _FAULT.of(lang) if len(mistakes) == 1 else _FAULTS.of(lang).format(len(mistakes), files)
    warnings = len(faults) - len(mistakes)
    return f"{text}, {_warnings(warnings, lang)}" if warnings else text


def good_text(counts: Json, warnings: int, lang: Lang) -> str:
    """Return what files without a fault hold, and how many warnings there are."""
    text = _GOOD.of(lang).format(**counts)
    if counts.get("fingerprints"):
        text += " " + _FINGERPRINTS.of(lang).format(counts["fingerprints"])
    return f"{text} {_warnings(warnings, lang)}.\n" if warnings else f"{text}\n"


def _warnings(count: int, lang: Lang) -> str:
    return _WARNING.of(lang) if count == 1 else _WARNINGS.of(lang).format(count)


def outcomes_text(tests: Json, lang: Lang) -> str:
    """Write the outcome of tests.

    Args:
        tests: what core.rulerows made of them.
        lang: language of the text.

    Returns:
        A line for each case that failed and for each rule that lacks one, and the counts.
    """
    lines = [
        f"{_place(row)}: {row['rule']}: {show(row['case'])}: "
        + _FAILED.of(lang).format(row["expected"], row["got"])
        for row in tests["failures"]
    ]
    lines += [
        f"{_place(row)}: {row['rule']}: {_LACKS.of(lang).format(', '.join(row['lacks']))}"
        for row in tests["lacking"]
    ]
    failed = len(tests["failures"])
    counts = _TESTED.of(lang).format(tests["rules"], tests["cases"], tests["cases"] - failed, failed)
    if tests["lacking"]:
        counts += " " + _UNTESTED.of(lang).format(len(tests["lacking"]))
    return "".join(f"{line}\n" for line in (*lines, counts))


def list_text(rows: Sequence[Json], lang: Lang) -> str:
    """Write rules, one a line.

    Args:
        rows: what core.rulerows made of them.
        lang: language of the titles.

    Returns:
        A table, and how many there are.
    """
    table = [
        tuple(head.of(lang) for head in _HEADS),
        *(
            (SEVERITIES[Severity(row["severity"])].of(lang), row["id"], escape(row["title"][lang]))
            for row in rows
        ),
    ]
    widths = [max(len(cells[column]) for cells in table) for column in range(2)]
    lines = [f"{first.ljust(widths[0])}  {second.ljust(widths[1])}  {last}" for first, second, last in table]
    return "".join(f"{line}\n" for line in (*(lines if rows else ()), _TOTAL.of(lang).format(len(rows))))


def explanation_text(told: Json, lang: Lang) -> str:
    """Write why a rule binds an asset or does not, and who set its values.

    Args:
        told: what core.rulerows made of it.
        lang: language of the text.

    Returns:
        Lines, each with its end.
    """
    return "".join(f"{line}\n" for line in _explanation(told, lang))


def _explanation(told: Json, lang: Lang) -> Iterator[str]:
    rule = told["rule"]
    yield f"{rule['id']}: {escape(rule['title'][lang])}"
    yield f"  {_ABOUT.of(lang).format(rule['check'], rule['for_each'])}"
    yield f"  {_place(rule)}"
    yield ""
    yield _asset_line(told["asset"], lang)
    yield (_BINDS if told["binds"] else _BINDS_NOT).of(lang)
    if told["binds"] and not told["enabled"]:
        yield _SWITCHED_OFF.of(lang).format(rule["check"])
    if not told["verdicts"]:
        yield f"  {_NO_PROFILE.of(lang)}"
    for verdict in sorted(told["verdicts"], key=lambda item: item["standing"] not in _DECIDING):
        yield from _verdict(verdict, told, lang)
    for name in told["unfilled"]:
        yield f"  {_UNFILLED.of(lang).format('$' + name)}"
    for value in told["values"]:
        yield ""
        yield from _value(value, lang, binds=told["binds"])


def _asset_line(asset: Json, lang: Lang) -> str:
    return _ASSET.of(lang).format(
        id=escape(asset["id"]),
        platform=asset["platform"],
        level=asset["level"],
        roles=_roles(asset["roles"], lang),
        unit=escape(asset["unit"]) or _NO_UNIT.of(lang),
        vantages=", ".join(VANTAGES[Vantage(word)].of(lang) for word in asset["vantages"]),
    )


def _roles(words: Sequence[str], lang: Lang) -> str:
    return ", ".join(ROLES[Role(word)].of(lang) if lang == "vi" else word for word in words)


def _verdict(verdict: Json, told: Json, lang: Lang) -> Iterator[str]:
    sources = "; ".join(
        f"{form} {', '.join(VANTAGES[Vantage(word)].of(lang) for word in seen)}"
        for form, seen in told["sources"].items()
    )
    said = (
        _STANDINGS[verdict["standing"]]
        .of(lang)
        .format(
            platforms=", ".join(verdict["platforms"]),
            roles=_roles(verdict["roles"], lang),
            vantage=VANTAGES[Vantage(verdict["vantage"])].of(lang),
            kind=told["rule"]["for_each"],
            sources=sources,
            reason=escape(verdict["reason"]),
        )
    )
    yield f"  {_PROFILE.of(lang).format(escape(verdict['profile']))} {said}"
    if verdict["standing"] in _DECIDING:
        yield f"      {_place(verdict['place'])}"


def _value(value: Json, lang: Lang, *, binds: bool) -> Iterator[str]:
    name = value["name"] if value["name"] == "severity" else f"${value['name']}"
    unit = f" {value['unit']}" if value["unit"] else ""
    note = f"  ({_LOCAL.of(lang)})" if value["local"] else ""
    yield f"{name} = {_shown(value['effective'])}{unit}{note}" if binds else f"{name}{note}"
    if not value["steps"]:
        yield f"   {_NO_VALUE.of(lang)}"
    shown = [_shown(step["value"]) for step in value["steps"]]
    who = [_LAYERS[step["layer"]].of(lang).format(escape(step["who"])) for step in value["steps"]]
    widths = max(map(len, shown), default=0), max(map(len, who), default=0)
    for step, text, layer in zip(value["steps"], shown, who, strict=True):
        mark = _MARK if step["in_force"] else " " * len(_MARK)
        refused = f"  ({_REFUSED.of(lang)})" if step["refused"] else ""
        place = _place(step["place"])
        yield f"{mark}{text.ljust(widths[0])}  {layer.ljust(widths[1])}  {place}{refused}"


def _shown(value: Any) -> str:
    """Return a value as it would stand in a file, on one line."""
    import json

    if isinstance(value, str):
        return escape(value)
    return escape(json.dumps(value, ensure_ascii=False))


def _place(row: Json) -> str:
    return escape(f"{row['file']}:{row['line']}:{row['column']}")
