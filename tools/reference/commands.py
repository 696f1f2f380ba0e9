"""Describe the command line from the same table as `--help`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from secmon.cli.command import HELP, usage
from secmon.cli.overview import all_commands
from tools.reference.markdown import code, table
from tools.reference.markdown import page as markdown_page

if TYPE_CHECKING:
    from secmon.cli.command import Command, Option

EXIT_CODES = (
    ("0", "what was looked at is in order"),
    ("1", "an unwaived failure at or above `--fail-on`"),
    ("2", "bad usage, configuration or rules, or a named file that is absent or unreadable"),
    ("3", "else, where a result is unknown or in error, or a target could not be looked at"),
    ("130", "ended by Ctrl-C"),
)


def page() -> str:
    """Return docs/reference/command-line.md."""
    return markdown_page(
        "Command line",
        "`secmon --version` prints the version; `secmon COMMAND --help` explains a command, in Vietnamese "
        "or English "
        "after `LC_ALL`, `LC_MESSAGES`, `LANG`.",
        *(block for command in all_commands() for block in _command(command)),
        "## Exit codes of `secmon scan`",
        table(("code", "meaning"), EXIT_CODES),
        "Results go to standard output or `-o`; progress and messages to standard error. `NO_COLOR` is "
        "honoured.",
    )


def _command(command: Command) -> list[str]:
    return [
        f"## secmon {command.name}",
        command.description.en,
        f"```\n{usage(command)}\n```",
        table(
            ("argument", "meaning"), ((_flags(option), option.help.en) for option in (*command.options, HELP))
        ),
        "\n".join(
            ("```", *(f"{example.line}    # {example.purpose.en}" for example in command.examples), "```")
        ),
    ]


def _flags(option: Option) -> str:
    if option.is_positional:
        return code(option.metavar)
    value = f" {option.metavar}" if option.metavar else ""
    return code(", ".join(option.flags) + value) + (" (may be repeated)" if option.many else "")
