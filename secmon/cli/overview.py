"""Write the help of the whole program: one line for each command."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

from secmon.cli.command import PROGRAM, Words
from secmon.cli.main import COMMANDS

if TYPE_CHECKING:
    from secmon.cli.command import Command
    from secmon.core.texts import Lang

ABOUT = Words(
    "Giám sát an toàn thông tin của máy chủ và thiết bị mạng: cổng mở, TLS, bản vá, lưu lượng bất thường.",
    "Watch the security posture of servers and network appliances: open ports, TLS, patches, odd traffic.",
)
_USAGE = Words("cách dùng", "usage")
_COMMANDS = Words("lệnh", "commands")
_MORE = Words(
    "Trợ giúp từng lệnh: secmon LỆNH --help        Kiểm tra ngay máy này: sudo secmon scan",
    "Help on a command: secmon COMMAND --help        Audit this host now: sudo secmon scan",
)


def all_commands() -> tuple[Command, ...]:
    """Return the description of every command, in the order of the overview."""
    return tuple(import_module(module).COMMANDS[name] for name, module in COMMANDS.items())


def overview_text(group: str, lang: Lang) -> str:
    """Return the help of the program or of one group of commands.

    Args:
        group: first word of the commands, "" for all.
        lang: language of the help.

    Returns:
        Text that ends with a line end.
    """
    commands = [command for command in all_commands() if command.name.split(" ")[0].startswith(group)]
    width = max(len(command.name) for command in commands)
    lines = [
        f"{_USAGE.of(lang)}: {' '.join(filter(None, (PROGRAM, group)))} COMMAND ... | {PROGRAM} --version",
        "",
        ABOUT.of(lang),
        "",
        f"{_COMMANDS.of(lang)}:",
        *(f"  {command.name.ljust(width)}  {command.summary.of(lang)}" for command in commands),
        "",
        _MORE.of(lang),
    ]
    return "\n".join(lines) + "\n"
