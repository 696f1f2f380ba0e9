"""Write and check configurations: `secmon config init`, `secmon config check`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from secmon.cli.command import CONFIG, LANG, RULES, WAIVERS, Command, Example, Option, Words, parse
from secmon.cli.output import destination, refuse_unwritable, user_language

if TYPE_CHECKING:
    from argparse import Namespace
    from collections.abc import Sequence

INIT = Command(
    name="config init",
    summary=Words("in một tệp cấu hình mẫu có chú thích", "print a commented example configuration"),
    description=Words(
        "In một tệp cấu hình mẫu có chú thích, dùng được ngay và tương đương các giá trị mặc định.",
        "Print a commented example configuration, which works as it is and means the built-in defaults.",
    ),
    options=(
        Option(
            ("-o", "--output"),
            Words("ghi vào tệp này; không ghi đè", "write to this file; an existing one is kept"),
            metavar="FILE",
            default="",
            completes="file",
        ),
        LANG,
    ),
    examples=(
        Example(
            "sudo secmon config init -o /etc/secmon/secmon.yml",
            Words("tạo cấu hình của máy này", "make the configuration of this host"),
        ),
    ),
)
CHECK = Command(
    name="config check",
    summary=Words(
        "kiểm tra cấu hình và quy tắc, không chạy gì", "check configuration and rules, run nothing"
    ),
    description=Words(
        "Đọc cấu hình cùng mọi quy tắc, rủi ro đã chấp nhận và điều chỉnh mà nó nêu; báo mọi lỗi; "
        "không chạy gì.",
        "Read the configuration with all rules, waivers and overrides that it names; tell every fault; "
        "run nothing.",
    ),
    options=(CONFIG, RULES, WAIVERS),
    examples=(
        Example(
            "secmon config check", Words("kiểm tra cấu hình đang dùng", "check the configuration in use")
        ),
        Example("secmon config check -c ./secmon.yml", Words("kiểm tra tệp này", "check this file")),
    ),
)
COMMANDS = {"config init": INIT, "config check": CHECK}
_GOOD = Words("Cấu hình hợp lệ.", "The configuration is valid.")


def run(name: str, arguments: Sequence[str]) -> int:
    """Write or check a configuration.

    Args:
        name: `config init` or `config check`.
        arguments: what follows it.

    Returns:
        0, or 2 where the configuration has faults.

    Raises:
        Bad: the arguments make no sense, or a file cannot be written.
    """
    values = parse(COMMANDS[name], arguments, user_language())
    if values is None:
        return 0
    return _init(values) if name == "config init" else _check(values)


def _init(values: Namespace) -> int:
    from secmon.checks import load
    from secmon.core.example import example

    refuse_unwritable(values.output, keep=True)
    with destination(values.output) as out:
        out.write(example(load(), user_language(values.lang)))
    return 0


def _check(values: Namespace) -> int:
    from secmon import app
    from secmon.cli.invocation import environment, report_faults, told_plainly
    from secmon.core.plan import Invocation

    invocation = Invocation(
        "config check",
        config=values.config,
        rules=tuple(values.rules),
        waivers=tuple(values.waivers),
        environment=environment(),
    )
    with told_plainly():
        faults = app.check_config(invocation)
    code = report_faults(faults)
    if not all(fault.warning for fault in faults):
        return code
    print(_GOOD.of(user_language()))
    return 0
