"""Render `secmon.status/1` for a person at a terminal."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from secmon.core.model import Reason, Severity
from secmon.core.texts import escape
from secmon.core.words import REASONS, SEVERITIES, Words
from secmon.export.report.values import number, unix_time

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from secmon.core.model import Json
    from secmon.core.texts import Lang

_AGENT: Final = Words("tác tử", "agent")
_ALIVE: Final = Words("đang chạy, pid {pid}, từ {since}", "running, pid {pid}, since {since}")
_DEAD: Final = Words("KHÔNG chạy; số liệu dưới đây là của {at}", "NOT running; what follows is of {at}")
_OLD: Final = Words(
    "Cảnh báo: trạng thái ghi lần cuối lúc {at}; tác tử có thể bị treo hoặc đĩa đầy.",
    "Warning: last written at {at}; the agent may hang, or its disk may be full.",
)
_ROOT: Final = Words(
    "Cảnh báo: tác tử chạy bằng root nên việc bỏ đặc quyền ít tác dụng; hãy dùng secmon.service.",
    "Warning: the agent runs as root, where giving up privileges protects little; use secmon.service.",
)
_INSECURE: Final = Words(
    "Cảnh báo: trang số liệu mở ra mạng mà không được bảo vệ (listen.insecure).",
    "Warning: the page is open to the network without protection (listen.insecure).",
)
_RELOADED: Final = Words("Nạp cấu hình lúc {at}: {how}", "Configuration read at {at}: {how}")
_GOOD: Final = Words("tốt", "good")
_BAD: Final = Words(
    "CÓ LỖI, vẫn dùng bản trước; xem `secmon config check`",
    "FAULTY, the one before is still in use; see `secmon config check`",
)
_WRITE_ERRORS: Final = Words(
    "Cảnh báo: {count} lần không ghi được trạng thái; kiểm tra dung lượng và quyền của thư mục trạng thái.",
    "Warning: state could not be written {count} times; check space and permissions of the state folder.",
)
_ASSET_HEAD: Final = (
    Words("TÀI SẢN", "ASSET"),
    Words("ĐIỂM", "SCORE"),
    Words("CHẤP NHẬN", "ACCEPTED"),
    Words("ĐỘ PHỦ", "COVERAGE"),
    Words("HẠNG", "GRADE"),
    Words("PHÁT HIỆN ĐANG MỞ", "OPEN FINDINGS"),
)
_CHECK_HEAD: Final = (
    Words("KIỂM TRA", "CHECK"),
    Words("LẦN CHẠY CUỐI", "LAST RUN"),
    Words("LẦN TỚI", "NEXT"),
    Words("TÌNH TRẠNG", "STATE"),
)
_NONE: Final = Words("không có", "none")
_WAIVED: Final = Words("{count} đã chấp nhận", "{count} waived")
_AGO: Final = Words("{time} trước", "{time} ago")
_IN: Final = Words("sau {time}", "in {time}")
_NEVER: Final = Words("chưa chạy", "never")
_QUARANTINED: Final = Words("tạm dừng vì bị ngắt nhiều lần liên tiếp", "paused after being killed in a row")
_BLIND: Final = Words("không quan sát được: {why}", "blind: {why}")
_DOWN: Final = Words("lần chạy cuối không trọn vẹn", "the last run did not succeed")
_UNITS: Final = (
    (86_400, Words("{n} ngày", "{n} d")),
    (3600, Words("{n} giờ", "{n} h")),
    (60, Words("{n} phút", "{n} min")),
    (1, Words("{n} giây", "{n} s")),
)
STALE_SECONDS: Final = 180.0
"""A running agent writes its status at least every minute."""


def format_status(status: Json, lang: Lang, now: float) -> str:
    """Render the state of an agent.

    Args:
        status: `secmon.status/1`, with `alive`.
        lang: language of the reader.
        now: Unix seconds.

    Returns:
        Lines of safe text, with a line end.
    """
    blocks = (
        list(_head(status, lang, now)),
        list(_table(_ASSET_HEAD, (_asset_row(asset, lang) for asset in status["assets"]), lang)),
        list(_table(_CHECK_HEAD, (_check_row(check, lang, now) for check in status["checks"]), lang)),
    )
    return "\n\n".join("\n".join(lines) for lines in blocks) + "\n"


def _head(status: Json, lang: Lang, now: float) -> Iterator[str]:
    since, at = (unix_time(status[key], lang) for key in ("started", "at"))
    state = (_ALIVE if status["alive"] else _DEAD).of(lang).format(pid=status["pid"], since=since, at=at)
    yield f"secmon {escape(status['version'])} · {_AGENT.of(lang)} {escape(status['agent'])} · {state}"
    reload = status["reload"]
    how = (_GOOD if reload["config"] and reload["rules"] else _BAD).of(lang)
    yield _RELOADED.of(lang).format(at=unix_time(reload["at"], lang), how=how)
    if status["alive"] and now - status["at"] > STALE_SECONDS:
        yield _OLD.of(lang).format(at=at)
    if status["root"]:
        yield _ROOT.of(lang)
    if status["insecure_listen"]:
        yield _INSECURE.of(lang)
    if status["state_write_errors"]:
        yield _WRITE_ERRORS.of(lang).format(count=status["state_write_errors"])


def _table(head: Sequence[Words], rows: Iterable[Sequence[str]], lang: Lang) -> Iterator[str]:
    lines = [[words.of(lang) for words in head], *map(list, rows)]
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    for line in lines:
        yield "  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip()


def _asset_row(asset: Json, lang: Lang) -> tuple[str, ...]:
    score = asset["score"]
    return (
        escape(asset["id"]),
        _percent(score["raw"], lang),
        _percent(score["accepted"], lang),
        _percent(score["coverage"], lang),
        score["grade"] or "-",
        _findings(asset["findings"], lang),
    )


def _percent(value: float | None, lang: Lang) -> str:
    return "-" if value is None else number(value, lang)


def _findings(counts: dict[str, dict[str, int]], lang: Lang) -> str:
    parts = [
        f"{count} {SEVERITIES[Severity(severity)].of(lang)}"
        for severity, count in counts["open"].items()
        if count
    ]
    waived = sum(counts["waived"].values())
    if waived:
        parts.append(_WAIVED.of(lang).format(count=waived))
    return ", ".join(parts) or _NONE.of(lang)


def _check_row(check: Json, lang: Lang, now: float) -> tuple[str, ...]:
    last, coming = check["last_run"], check["next_run"]
    return (
        escape(check["check"]),
        _NEVER.of(lang) if last is None else _AGO.of(lang).format(time=_span(now - last, lang)),
        "-" if coming is None else _IN.of(lang).format(time=_span(coming - now, lang)),
        _state(check, lang),
    )


def _state(check: dict[str, Any], lang: Lang) -> str:
    if check["quarantined"]:
        return _QUARANTINED.of(lang)
    if check["canary"] not in {None, "ok"}:
        return _BLIND.of(lang).format(why=REASONS[Reason(check["canary"])].why.of(lang))
    if check["up"]:
        return _GOOD.of(lang)
    return _NEVER.of(lang) if check["last_run"] is None else _DOWN.of(lang)


def _span(seconds: float, lang: Lang) -> str:
    whole = max(0, int(seconds))
    size, words = next((unit for unit in _UNITS if whole >= unit[0]), _UNITS[-1])
    return words.of(lang).format(n=whole // size)
