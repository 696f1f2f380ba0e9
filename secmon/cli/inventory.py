"""Check the inventory of a province, and make what Prometheus reads of it: `secmon inventory`."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING

from secmon.cli.command import LANG, Bad, Command, Example, Option, Words, parse
from secmon.cli.output import destination, say, user_language

if TYPE_CHECKING:
    from argparse import Namespace
    from collections.abc import Sequence

    from secmon.agent.question import Answer

PORT = 9877
"""Port of the metrics page (core.plan.Listen, whose module would slow `--help` down)."""


def _port(text: str) -> int:
    from secmon.core.hosts import parse_port

    try:
        return parse_port(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error)) from error


_FILE = Option(
    ("file",),
    Words("tệp danh mục (inventory.yml)", "the inventory (inventory.yml)"),
    metavar="FILE",
    completes="file",
)
CHECK = Command(
    name="inventory check",
    summary=Words("kiểm tra danh mục của tỉnh, báo mọi lỗi", "check the inventory of a province"),
    description=Words(
        "Đọc danh mục đơn vị, hệ thống, máy và bộ quy tắc được chấp nhận; báo mọi lỗi, mỗi lỗi một dòng: "
        "tệp:dòng:cột: khóa: sai gì; thế nào là đúng. Cũng báo những gì đã quá hạn theo lịch. Mã thoát 0 khi "
        "không có lỗi, 2 khi có.",
        "Read the inventory of units, systems, assets and accepted packs, and tell every fault, one a line: "
        "file:line:column: key: what is wrong; what would be right. What the calendar has overtaken is told "
        "too. Exits with 0 where there is no fault, else with 2.",
    ),
    options=(_FILE, LANG),
    examples=(
        Example(
            "secmon inventory check inventory.yml",
            Words("kiểm tra trước khi dùng", "check before it is put to use"),
        ),
    ),
)
TARGETS = Command(
    name="inventory targets",
    summary=Words("in danh sách tác tử cho Prometheus", "print the agents for Prometheus"),
    description=Words(
        "In JSON cho file_sd_configs của Prometheus: mỗi tác tử một nhóm với địa chỉ của máy và nhãn agent, "
        "site. Tác tử trên máy cách ly mạng hoặc đã ngừng dùng không có trong danh sách.",
        "Print JSON for file_sd_configs of Prometheus: one group for each agent, with the address of its "
        "asset and the labels agent and site. Agents of airgapped and of retired assets are left out.",
    ),
    options=(
        _FILE,
        Option(
            ("--port",),
            Words(f"cổng của các tác tử; mặc định {PORT}", f"port of the agents; default: {PORT}"),
            metavar="PORT",
            convert=_port,
            default=PORT,
        ),
        LANG,
    ),
    examples=(
        Example(
            "secmon inventory targets inventory.yml > new && mv new agents.json",
            Words("thay tệp mà Prometheus đang đọc", "replace the file that Prometheus reads"),
        ),
    ),
)
METRICS = Command(
    name="inventory metrics",
    summary=Words("in danh mục dưới dạng metrics", "print the inventory as metrics"),
    description=Words(
        "In trang metrics để các quy tắc tổng hợp của Prometheus ghép vào: đơn vị, cấp độ, trọng số, tuổi "
        "tối đa và điểm tối đa của từng máy. Điểm tính từ các bộ quy tắc mà danh mục chấp nhận; bộ nào có "
        "sha256 khác thì bị từ chối.",
        "Print the page of metrics that the recording rules of Prometheus join on: unit, level, weight, "
        "longest age and possible points of each asset. Points follow from the packs that the inventory "
        "accepts; a pack with another sha256 is refused.",
    ),
    options=(
        _FILE,
        Option(
            ("--rules",),
            Words(
                "thư mục của một bộ được chấp nhận; mặc định: builtin, bộ đi kèm",
                "folder of an accepted pack; default: builtin, the shipped one",
            ),
            metavar="DIR",
            many=True,
            completes="folder",
        ),
        LANG,
    ),
    examples=(
        Example(
            "secmon inventory metrics inventory.yml > new && mv new secmon.prom",
            Words("thay tệp của textfile collector", "replace the file of the textfile collector"),
        ),
        Example(
            "secmon inventory metrics inventory.yml --rules builtin --rules ./province",
            Words("bộ đi kèm và bộ của tỉnh", "the shipped pack and one of the province"),
        ),
    ),
)
COMMANDS = {command.name: command for command in (CHECK, TARGETS, METRICS)}
_GOOD = Words(
    "Không có lỗi. Đơn vị: {units}; hệ thống: {systems}; máy: {assets}; tác tử: {agents}; bộ: {packs}.",
    "No faults. Units: {units}; systems: {systems}; assets: {assets}; agents: {agents}; packs: {packs}.",
)


def run(name: str, arguments: Sequence[str]) -> int:
    """Run a command about the inventory.

    Args:
        name: `inventory check`, `inventory targets` or `inventory metrics`.
        arguments: what follows it.

    Returns:
        0; 2 where a file has faults.

    Raises:
        Bad: the arguments make no sense.
        NotLooked: the files could not be read to the end.
    """
    values = parse(COMMANDS[name], arguments, user_language())
    if values is None:
        return 0
    if len(values.file) != 1:
        raise Bad(f"secmon {name} takes one FILE; see secmon {name} --help")
    answer = _ask(name, values)
    if answer.value is None:
        from secmon.cli.invocation import report_faults
        from secmon.cli.rulepages import faults_text

        report_faults(answer.faults)
        say(faults_text(answer.faults, user_language(values.lang)))
        return 2
    writers = {CHECK.name: _good, TARGETS.name: _targets, METRICS.name: _metrics}
    text = writers[name](values, answer)
    with destination("") as out:
        out.write(text)
    return 0


def _ask(name: str, values: Namespace) -> Answer:
    from secmon import app
    from secmon.cli.invocation import environment, told_plainly
    from secmon.core.plan import Invocation

    rules = tuple(dict.fromkeys(getattr(values, "rules", ())))
    invocation = Invocation(name, rules=rules, inventory=values.file[0], environment=environment())
    with told_plainly():
        return app.ask_inventory(invocation)


def _good(values: Namespace, answer: Answer) -> str:
    return _GOOD.of(user_language(values.lang)).format(**(answer.value or {})) + "\n"


def _targets(values: Namespace, answer: Answer) -> str:
    import json

    from secmon.core.inventorypages import target_groups

    groups = target_groups((answer.value or {})["agents"], values.port)
    return json.dumps(groups, indent=2) + "\n"


def _metrics(_: Namespace, answer: Answer) -> str:
    from secmon.export.inventory import render

    return render(answer.value or {})
