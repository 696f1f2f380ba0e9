"""Find the command that was typed and run it."""

from __future__ import annotations

import os
import sys

TYPE_CHECKING = False  # `typing` itself would take a third of what `secmon --version` may take
if TYPE_CHECKING:
    from collections.abc import Sequence

    from secmon.core.texts import Lang

COMMANDS = {
    "scan": "secmon.cli.scan",
    "run": "secmon.cli.run",
    "status": "secmon.cli.status",
    "config init": "secmon.cli.config",
    "config check": "secmon.cli.config",
    "rules check": "secmon.cli.rules",
    "rules test": "secmon.cli.rules",
    "rules list": "secmon.cli.rules",
    "rules explain": "secmon.cli.rules",
    "rules schema": "secmon.cli.rules",
    "rules sign": "secmon.cli.packs",
    "rules verify": "secmon.cli.packs",
    "inventory check": "secmon.cli.inventory",
    "inventory targets": "secmon.cli.inventory",
    "inventory metrics": "secmon.cli.inventory",
    "completion": "secmon.cli.completion",
}
"""Command -> the module that has `COMMANDS[name]` and `run(name, arguments)`; loaded when it is typed."""

INTERRUPTED = 130
"""128 + SIGINT, as shells say it."""


def entry() -> int:
    """Run the command line of this process.

    Returns:
        The exit code.
    """
    _open_standard_streams()
    arguments = sys.argv[1:]
    if arguments in (["--version"], ["-V"]):
        return _version()
    try:
        return _guarded(arguments)
    except KeyboardInterrupt:
        return INTERRUPTED


def _open_standard_streams() -> None:
    """Fill in what a careless caller closed, so that no socket of ours becomes standard output."""
    while (lowest := os.open(os.devnull, os.O_RDWR)) <= 2:
        pass
    os.close(lowest)
    sys.stdout = sys.stdout or open(os.devnull, "w", encoding="utf-8")  # noqa: SIM115  # lives as long as we do
    sys.stderr = sys.stderr or open(os.devnull, "w", encoding="utf-8")  # noqa: SIM115  # likewise


def _version() -> int:
    from secmon import __version__

    sys.stdout.write(f"secmon {__version__}\n")
    return 0


def _guarded(arguments: Sequence[str]) -> int:
    from secmon.cli.command import Bad, NotLooked
    from secmon.cli.output import drop, say

    code = 0
    try:
        code = main(arguments)
        sys.stdout.flush()
    except Bad as error:
        say(str(error))
        return 2
    except BrokenPipeError:  # of standard output, whose reader has seen what it wanted
        drop(sys.stdout)
    except NotLooked as error:
        say(str(error))
        return 3
    return code


def main(arguments: Sequence[str]) -> int:
    """Run a command.

    Args:
        arguments: what follows the program's name.

    Returns:
        The exit code.

    Raises:
        Bad: the arguments make no sense.
    """
    from importlib import import_module

    name, rest = _split(arguments)
    if not name:
        return _overview(rest)
    code = import_module(COMMANDS[name]).run(name, rest)
    return int(code)


def _split(arguments: Sequence[str]) -> tuple[str, Sequence[str]]:
    for length in (2, 1):
        name = " ".join(arguments[:length])
        if name in COMMANDS:
            return name, arguments[length:]
    return "", arguments


def _overview(arguments: Sequence[str]) -> int:
    from secmon.cli.command import Bad
    from secmon.cli.output import tell, user_language
    from secmon.cli.overview import overview_text
    from secmon.core.nearest import suggest

    wanted = [word for word in arguments if word not in {"-h", "--help"}]
    groups = {name.split(" ")[0] for name in COMMANDS}
    if wanted and wanted[0] not in groups:
        raise Bad(f"{wanted[0]} is not a command; {suggest(wanted[0], groups)}")
    lang: Lang = user_language()
    text = overview_text(wanted[0] if wanted else "", lang)
    if wanted == list(arguments) or len(wanted) > 1:
        tell(text)
        return 2
    sys.stdout.write(text)
    return 0
