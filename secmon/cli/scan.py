"""Audit on demand: `secmon scan`."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

from secmon.checks import CHECKS
from secmon.cli import convert
from secmon.cli.command import CONFIG, LANG, RULES, WAIVERS, Bad, Command, Example, Option, Words, parse
from secmon.cli.output import destination, refuse_unwritable, say, user_language

if TYPE_CHECKING:
    from argparse import Namespace
    from collections.abc import Sequence
    from typing import TextIO

    from secmon.core.model import Json
    from secmon.core.plan import Invocation

ROLES = (
    "document-exchange",
    "public-service",
    "digital-signature",
    "database",
    "payment",
    "learning",
    "appliance",
    "workstation",
    "server",
)
"""The words of core.model.Role, whose module would slow `--help` down; a test holds the two equal."""
SEVERITIES = ("info", "low", "medium", "high", "critical")
"""The words of core.model.Severity, likewise."""

SCAN = Command(
    name="scan",
    summary=Words("kiểm tra ngay và in báo cáo", "audit now and print a report"),
    description=Words(
        "Kiểm tra ngay và in báo cáo. Không ghi rõ gì thì kiểm tra chính máy này: cổng đang lắng nghe, TLS, "
        "bản vá và mười giây lưu lượng. Không thay đổi gì trên máy được kiểm tra.",
        "Audit now and print a report: by default of this host alone, its listeners, TLS, patches and ten "
        "seconds of its traffic. Nothing is changed on what is audited.",
    ),
    options=(
        Option(
            ("checks",),
            Words(f"{', '.join(CHECKS)}; mặc định: tất cả", f"{', '.join(CHECKS)}; default: all that fit"),
            metavar="CHECK",
            many=True,
            completes="check",
        ),
        CONFIG,
        RULES,
        Option(
            ("--target",),
            Words(
                "nhìn từ bên ngoài: máy, máy:cổng, [v6]:cổng, mạng/24 (tìm thiết bị), file:TỆP",
                "look at this: host, host:port, [v6]:port, net/24 (its devices), file:PATH (certificates)",
            ),
            metavar="TARGET",
            many=True,
        ),
        Option(
            ("--role",),
            Words(f"vai trò của đích: {', '.join(ROLES)}", f"role of what is audited: {', '.join(ROLES)}"),
            metavar="ROLE",
            choices=ROLES,
            default=None,
        ),
        Option(
            ("--level",),
            Words("cấp độ an toàn hệ thống thông tin, 1 đến 5", "level of its information systems, 1 to 5"),
            metavar="N",
            convert=convert.level,
            default=0,
        ),
        Option(
            ("--rate",),
            Words("số gói mỗi giây cho mỗi máy; mặc định 100", "packets per second and host; default 100"),
            metavar="PPS",
            convert=convert.rate,
            default=0,
        ),
        Option(
            ("--ports",),
            Words(
                "cổng cần dò: top (khoảng 1.000 cổng, mặc định), all, hoặc 22,80,8000-8100",
                "ports to probe: top (about 1,000, the default), all, or 22,80,8000-8100",
            ),
            metavar="LIST",
            convert=convert.ports,
            default="top",
        ),
        Option(
            ("--root",),
            Words(
                "kiểm tra bản vá trong hệ thống tệp đã gắn hoặc sao chép tại đây",
                "audit the patches of a file system that is mounted or copied here",
            ),
            metavar="DIR",
            default="",
            completes="folder",
        ),
        Option(
            ("--pcap",),
            Words("kiểm tra lưu lượng trong tệp này", "audit the traffic in this capture file"),
            metavar="FILE",
            default="",
            completes="file",
            alternative="traffic",
        ),
        Option(
            ("--interface",),
            Words("kiểm tra lưu lượng trên giao diện này", "audit the traffic on this interface"),
            metavar="IF",
            default="",
            completes="interface",
            alternative="traffic",
        ),
        Option(
            ("--duration",),
            Words("thời gian thu lưu lượng; mặc định 10s", "how long to capture traffic; default 10s"),
            metavar="S",
            convert=convert.duration,
            default=0.0,
        ),
        Option(
            ("--trust",),
            Words("thư mục chứng thư gốc được tin cậy thêm", "folder of further trusted root certificates"),
            metavar="DIR",
            many=True,
            completes="folder",
        ),
        Option(
            ("--format",),
            Words("table (mặc định) hoặc json", "table (the default) or json"),
            metavar="FORMAT",
            choices=("table", "json"),
            default="table",
        ),
        Option(
            ("-o", "--output"),
            Words(
                "ghi báo cáo vào tệp này, chỉ chủ tệp đọc được",
                "write the report to this file, for its owner only",
            ),
            metavar="FILE",
            default="",
            completes="file",
        ),
        LANG,
        Option(
            ("--join",),
            Words(
                "ghép cổng của máy này với báo cáo nhìn từ ngoài (JSON của secmon, hoặc XML của nmap)",
                "join this host's ports with a report from outside (JSON of secmon, or XML of nmap)",
            ),
            metavar="REPORT",
            default="",
            completes="file",
        ),
        Option(
            ("--write-baseline",),
            Words(
                "ghi các cổng đang mở thành danh sách cho phép để xem lại",
                "write what listens now as an allow-list to review",
            ),
            metavar="FILE",
            default="",
            completes="file",
        ),
        Option(
            ("--fail-on",),
            Words(
                "thoát với mã 1 khi có lỗi từ mức này: info, low, medium, high (mặc định), critical",
                "exit with 1 on a failure of at least this: info, low, medium, high (the default), critical",
            ),
            metavar="SEVERITY",
            choices=SEVERITIES,
            default="high",
        ),
        WAIVERS,
        Option(
            ("--allow-unsigned",),
            Words(
                "dùng cả bộ quy tắc không có chữ ký hợp lệ; báo cáo ghi rõ",
                "use packs without a valid signature too; the report says which",
            ),
        ),
        Option(("--quiet",), Words("không hiện tiến độ", "show no progress")),
    ),
    examples=(
        Example("sudo secmon scan", Words("kiểm tra toàn bộ máy này", "audit this host")),
        Example(
            "secmon scan --target 192.0.2.10 --target mail.example.vn:465",
            Words("kiểm tra hai đích từ bên ngoài", "audit two targets from outside"),
        ),
        Example(
            "sudo secmon scan ports --write-baseline allow.yml",
            Words("ghi danh sách cổng cho phép để xem lại", "write an allow-list of ports to review"),
        ),
        Example(
            "secmon scan patches --root /mnt --format json -o report.json",
            Words(
                "kiểm tra bản vá của một ổ đĩa đã gắn, ghi JSON",
                "audit the patches of a mounted disk, as JSON",
            ),
        ),
    ),
)
COMMANDS = {"scan": SCAN}


def run(name: str, arguments: Sequence[str]) -> int:
    """Run the audit that was asked for.

    Args:
        name: `scan`.
        arguments: what follows it.

    Returns:
        0, 1, 2 or 3 (docs/reference/command-line.md).

    Raises:
        Bad: the arguments make no sense.
    """
    values = parse(COMMANDS[name], arguments, user_language())
    if values is None:
        return 0
    _refuse_nonsense(values)
    refuse_unwritable(values.output)
    refuse_unwritable(values.write_baseline, keep=True, option="--write-baseline")
    return _audit(values)


def _refuse_nonsense(values: Namespace) -> None:
    from secmon.core.nearest import suggest

    for check in values.checks:
        if check not in CHECKS:
            raise Bad(f"{check} is not a check; {suggest(check, CHECKS)}")
    given = values.target or values.root or values.pcap or values.interface
    for name, value in (("--join", values.join), ("--write-baseline", values.write_baseline)):
        if value and (given or (values.checks and "ports" not in values.checks)):
            raise Bad(
                f"{name} is about the ports of this host; leave out other checks, --target and the like"
            )
    if values.pcap and values.duration:
        raise Bad("--duration is for live traffic; leave it out with --pcap, which is read to its end")


def _audit(values: Namespace) -> int:
    from secmon import app
    from secmon.cli.invocation import report_faults, told_plainly
    from secmon.cli.progress import Progress
    from secmon.core.model import Severity
    from secmon.export.report.exit import exit_code

    progress = Progress(sys.stderr, quiet=values.quiet)
    try:
        with told_plainly():
            result = app.scan(_invocation(values), progress.update)
    finally:
        progress.close()
    if result.report is None:
        return report_faults(result.faults)
    for note in result.notes:
        say(note)
    with destination(values.output) as out:
        _render(result.report, values, out)
    if values.write_baseline:
        from secmon.export import baseline

        with destination(values.write_baseline) as out:
            out.write(baseline.render(result.report))
    return exit_code(result.report, Severity(values.fail_on))


def _invocation(values: Namespace) -> Invocation:
    from secmon.cli.invocation import environment
    from secmon.core.plan import Invocation

    return Invocation(
        command="scan",
        config=values.config,
        rules=tuple(values.rules),
        checks=tuple(dict.fromkeys(values.checks)),
        targets=tuple(dict.fromkeys(values.target)),
        role=values.role or "",
        level=values.level,
        rate=values.rate,
        ports=values.ports,
        root=values.root,
        pcap=values.pcap,
        interface=values.interface,
        join=values.join,
        duration=values.duration,
        trust=tuple(values.trust),
        waivers=tuple(values.waivers),
        lang=values.lang or "",
        allow_unsigned=values.allow_unsigned,
        environment=environment(),
    )


def _render(report: Json, values: Namespace, out: TextIO) -> None:
    if values.format == "json":
        from secmon.export.report import json

        json.render(report, out)
        return
    from secmon.checks import load
    from secmon.core.model import Severity
    from secmon.export.report import table

    reader = table.Reader(
        user_language(values.lang), Severity(values.fail_on), timestamps=table.timestamp_fields(load())
    )
    table.render(report, out, reader)
