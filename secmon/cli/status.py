"""Tell what the running agent knows: `secmon status`."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

from secmon.cli.command import CONFIG, LANG, Command, Example, NotLooked, Words, parse
from secmon.cli.output import user_language

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from secmon.core.model import Json
    from secmon.core.texts import Lang

STATUS = Command(
    name="status",
    summary=Words("xem tình trạng của tác tử đang chạy", "tell what the running agent knows"),
    description=Words(
        "Xem tình trạng của tác tử: có đang chạy không, lần kiểm tra gần nhất, điểm và lỗi của từng máy. "
        "Chỉ đọc.",
        "Tell how the agent is: whether it runs, when each check last ran, score and findings of each asset. "
        "Only reads.",
    ),
    options=(CONFIG, LANG),
    examples=(Example("sudo secmon status", Words("tình trạng trên máy này", "the agent of this host")),),
)
COMMANDS = {"status": STATUS}

NOT_RUNNING = 3
"""Exit code: what is told is the last that was known."""

_RUNS = Words("đang chạy, tiến trình {0}, từ {1}", "running, process {0}, since {1}")
_ENDED = Words("KHÔNG chạy; dưới đây là tình trạng lúc {0}", "NOT running; this is how it was at {0}")
_ROOT = Words(
    "Chạy bằng root nên bỏ bớt quyền không bảo vệ được nhiều; hãy dùng secmon.service.",
    "It runs as root, where dropping capabilities protects little; use secmon.service.",
)
_INSECURE = Words(
    "Số đo được phục vụ ra mạng mà không bảo vệ (insecure).",
    "Metrics are served to the network unprotected (insecure).",
)
_BAD_CONFIG = Words(
    "Lần đọc lại cấu hình gần nhất bị lỗi; bộ cũ vẫn được dùng. Chạy: secmon config check",
    "The configuration was faulty when last read; the old one is in force. Run: secmon config check",
)
_WRITE_ERRORS = Words("{0} lần ghi trạng thái bị lỗi.", "{0} writes of the state failed.")
_WAIVERS = {
    "expired": Words(
        "Rủi ro đã chấp nhận nay hết hạn, lỗi lại bị tính: {0}. Xem chỗ ghi: secmon config check",
        "Waivers that have expired, so that failures count again: {0}. Where they stand: secmon config check",
    ),
    "broad": Words(
        "Rủi ro đã chấp nhận có phạm vi quá rộng: {0}. Xem chỗ ghi: secmon config check",
        "Waivers that are too broad: {0}. Where they stand: secmon config check",
    ),
}
_NAMES_SHOWN = 4
_SCORE = Words("điểm {0}, hạng {1}, đã xem {2} %", "score {0}, grade {1}, seen {2} %")
_NO_SCORE = Words("chưa có điểm", "no score yet")
_FINDINGS = Words("cần sửa: {0}", "to repair: {0}")
_WAIVED = Words("đã chấp nhận: {0}", "accepted: {0}")
_NONE = Words("không có", "none")
_LAST = Words("lần cuối {0}, hết {1} s", "last run {0}, took {1} s")
_NEVER = Words("chưa chạy lần nào", "has not run yet")
_BLIND = Words("KHÔNG xem được: {0}", "could NOT look: {0}")
_QUARANTINED = Words("đang tạm dừng sau nhiều lần bị ngắt", "paused after being killed several times")


def run(name: str, arguments: Sequence[str]) -> int:
    """Print how the agent is.

    Args:
        name: `status`.
        arguments: what follows it.

    Returns:
        0 where it runs, 3 where it does not.

    Raises:
        NotLooked: its state cannot be read.
    """
    values = parse(COMMANDS[name], arguments, user_language())
    if values is None:
        return 0
    from secmon import app
    from secmon.agent.status import StatusUnavailable
    from secmon.cli.invocation import of_config, told_plainly

    try:
        with told_plainly():
            status = app.status(of_config("run", values))
    except StatusUnavailable as error:
        raise NotLooked(str(error)) from error
    sys.stdout.write(status_text(status, user_language(values.lang)))
    return 0 if status["alive"] else NOT_RUNNING


def status_text(status: Json, lang: Lang) -> str:
    """Write a status for a reader.

    Args:
        status: `secmon.status/1`.
        lang: language of the text.

    Returns:
        Lines, each with its end.
    """
    return "".join(f"{line}\n" for line in _lines(status, lang))


def _lines(status: Json, lang: Lang) -> Iterator[str]:
    from secmon.core.texts import escape
    from secmon.export.report.values import unix_time

    head = f"secmon {escape(status['version'])}, {escape(status['agent'])}: "
    if status["alive"]:
        yield head + _RUNS.of(lang).format(status["pid"], unix_time(status["started"], lang))
    else:
        yield head + _ENDED.of(lang).format(unix_time(status["at"], lang))
    yield from _warnings(status, lang)
    for asset in status["assets"]:
        yield ""
        yield f"{escape(asset['id'])}: {_score(asset['score'], lang)}"
        yield f"  {_FINDINGS.of(lang).format(_counts(asset['findings']['open'], lang))}"
        if any(asset["findings"]["waived"].values()):
            yield f"  {_WAIVED.of(lang).format(_counts(asset['findings']['waived'], lang))}"
    yield ""
    width = max((len(check["check"]) for check in status["checks"]), default=0)
    for check in status["checks"]:
        yield f"{escape(check['check']).ljust(width)}  {_check(check, lang)}"


def _warnings(status: Json, lang: Lang) -> Iterator[str]:
    if status["alive"] and status["root"]:
        yield _ROOT.of(lang)
    if status["insecure_listen"]:
        yield _INSECURE.of(lang)
    if not all(status["reload"].values()):
        yield _BAD_CONFIG.of(lang)
    if status["state_write_errors"]:
        yield _WRITE_ERRORS.of(lang).format(status["state_write_errors"])
    waivers = status.get("waivers", {})  # an agent that has not been restarted since an upgrade tells none
    for state, words in _WAIVERS.items():
        if waivers.get(state):
            yield words.of(lang).format(_names(waivers[state]))


def _names(names: Sequence[str]) -> str:
    """Return the first of many ids, which have no character that needs escaping (WAIVER_ID)."""
    more = [f"… (+{len(names) - _NAMES_SHOWN})"] if len(names) > _NAMES_SHOWN else []
    return ", ".join([*names[:_NAMES_SHOWN], *more])


def _score(score: Json, lang: Lang) -> str:
    from secmon.export.report.values import number

    if score["raw"] is None:
        return _NO_SCORE.of(lang)
    return _SCORE.of(lang).format(
        number(score["raw"], lang), score["grade"], number(score["coverage"], lang, 0)
    )


def _counts(counts: Json, lang: Lang) -> str:
    from secmon.core.model import Severity
    from secmon.core.words import SEVERITIES

    parts = [f"{count} {SEVERITIES[Severity(word)].of(lang)}" for word, count in counts.items() if count]
    return ", ".join(parts) or _NONE.of(lang)


def _check(check: Json, lang: Lang) -> str:
    from secmon.core.model import Reason
    from secmon.core.words import REASONS
    from secmon.export.report.values import number, unix_time

    if check["last_run"] is None:
        text = _NEVER.of(lang)
    else:
        text = _LAST.of(lang).format(
            unix_time(check["last_run"], lang), number(check["duration"] or 0.0, lang)
        )
    if check["canary"] not in {None, "ok"}:
        text += f"; {_BLIND.of(lang).format(REASONS[Reason(check['canary'])].why.of(lang))}"
    if check["quarantined"]:
        text += f"; {_QUARANTINED.of(lang)}"
    return text
