"""Describe commands as data, and make parsers of them; help, completion and the manual read the same data."""

from __future__ import annotations

import argparse
import sys
import textwrap
from typing import TYPE_CHECKING, Any, NamedTuple, NoReturn

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from secmon.core.texts import Lang

PROGRAM = "secmon"
WIDTH = 80
"""Columns of help."""


class Words(NamedTuple):
    """One text in both languages; light enough for `--help`."""

    vi: str
    en: str

    def of(self, lang: Lang) -> str:
        """Return the text in a language."""
        return self.vi if lang == "vi" else self.en


class Option(NamedTuple):
    """One option, or one positional argument.

    Attributes:
        flags: `("-c", "--config")`; one name without a dash for a positional argument.
        help: what it does.
        metavar: how its value is called; "" for a switch.
        convert: makes the value of a text, or raises ArgumentTypeError.
        choices: the closed list of values where there is one.
        many: may be given more than once (positional: any number).
        default: its value where absent.
        completes: what a shell completes: `""`, `file`, `folder`, `interface` or `check`.
        alternative: options with the same word exclude each other.
    """

    flags: tuple[str, ...]
    help: Words
    metavar: str = ""
    convert: Callable[[str], Any] = str
    choices: tuple[str, ...] = ()
    many: bool = False
    default: Any = None
    completes: str = ""
    alternative: str = ""

    @property
    def is_positional(self) -> bool:
        """Say whether it stands without a flag."""
        return not self.flags[0].startswith("-")


class Example(NamedTuple):
    """One command line and what it is for."""

    line: str
    purpose: Words


class Command(NamedTuple):
    """One command.

    Attributes:
        name: its words, such as `config check`.
        summary: one line.
        description: one paragraph.
        options: what it takes.
        examples: at least one.
    """

    name: str
    summary: Words
    description: Words
    options: tuple[Option, ...]
    examples: tuple[Example, ...]


class Bad(Exception):  # noqa: N818  # short for: the command line is bad
    """What was typed cannot be done; the text says what would be right."""


class NotLooked(Exception):  # noqa: N818  # what happened, told to the person as it is
    """The work could not be done though nothing was wrong with what was typed: nothing is decided."""


HELP = Option(("-h", "--help"), Words("hiện trợ giúp này rồi thoát", "show this help and exit"))
CONFIG = Option(
    ("-c", "--config"),
    Words(
        "tệp cấu hình; nếu không có: $SECMON_CONFIG, /etc/secmon/secmon.yml, giá trị mặc định",
        "configuration file; else $SECMON_CONFIG, /etc/secmon/secmon.yml, built-in defaults",
    ),
    metavar="FILE",
    default="",
    completes="file",
)
RULES = Option(
    ("--rules",),
    Words("thư mục quy tắc, thay cho `rules.paths`", "folder of rules, in place of `rules.paths`"),
    metavar="DIR",
    many=True,
    completes="folder",
)
WAIVERS = Option(
    ("--waivers",),
    Words("thư mục các rủi ro đã chấp nhận", "folder of accepted risks"),
    metavar="DIR",
    many=True,
    completes="folder",
)
LANG = Option(
    ("--lang",),
    Words("ngôn ngữ; mặc định theo LANG", "language; by default that of LANG, else Vietnamese"),
    metavar="LANG",
    choices=("vi", "en"),
)

_TITLES = {
    "usage": Words("cách dùng: ", "usage: "),
    "arguments": Words("đối số", "arguments"),
    "options": Words("tùy chọn", "options"),
    "examples": Words("ví dụ:", "examples:"),
}


def _converter(option: Option) -> Callable[[str], Any]:
    if not option.choices:
        return option.convert

    def choose(text: str) -> str:
        if text not in option.choices:
            raise argparse.ArgumentTypeError(f"{text!r} is none of {', '.join(option.choices)}")
        return text

    return choose


_GLUE = "\0"
"""Stands for a blank at which usage is not wrapped."""


class Parser(argparse.ArgumentParser):
    """An argument parser that says in one line what is wrong and what would be right."""

    def error(self, message: str) -> NoReturn:
        """Raise Bad in place of printing the usage and leaving."""
        raise Bad(message)


class _Formatter(argparse.RawDescriptionHelpFormatter):
    """Keeps the lines of examples, gives flags room, and breaks no word at its hyphen."""

    def __init__(self, prog: str) -> None:
        super().__init__(prog, max_help_position=28, width=WIDTH)

    def _split_lines(self, text: str, width: int) -> list[str]:
        return textwrap.wrap(text, width, break_on_hyphens=False)


def build_parser(command: Command, lang: Lang) -> Parser:
    """Make the parser of a command.

    Args:
        command: its description.
        lang: language of its help.

    Returns:
        A parser whose values are named after the longest flag.
    """
    parser = Parser(
        prog=f"{PROGRAM} {command.name}",
        description=textwrap.fill(command.description.of(lang), WIDTH),
        epilog=_examples(command, lang),
        formatter_class=_Formatter,
        add_help=False,
        allow_abbrev=False,
        usage=usage(command),
    )
    arguments = parser.add_argument_group(_TITLES["arguments"].of(lang))
    options = parser.add_argument_group(_TITLES["options"].of(lang))
    for option in command.options:
        _add(arguments if option.is_positional else options, option, lang)
    options.add_argument(*HELP.flags, action="store_true", help=HELP.help.of(lang))
    return parser


def _add(group: argparse._ArgumentGroup, option: Option, lang: Lang) -> None:
    text = option.help.of(lang).replace("%", "%%")
    if option.is_positional:
        group.add_argument(
            *option.flags, nargs="*", metavar=option.metavar, type=_converter(option), help=text, default=[]
        )
    elif not option.metavar:
        group.add_argument(*option.flags, action="store_true", help=text)
    else:
        group.add_argument(
            *option.flags,
            action="append" if option.many else "store",
            metavar=option.metavar,
            type=_converter(option),
            default=[] if option.many else option.default,
            help=text,
        )


def usage(command: Command) -> str:
    """Return how a command is called.

    Args:
        command: its description.

    Returns:
        Lines of at most 80 columns, further ones indented.
    """
    head = f"{PROGRAM} {command.name}"
    parts = [_usage_part(option).replace(" ", _GLUE) for option in command.options]
    lines = textwrap.wrap(
        " ".join((head.replace(" ", _GLUE), *parts)),
        WIDTH - len("usage: "),
        subsequent_indent=" " * (len(head) + 1),
        break_on_hyphens=False,
    )
    return "\n".join(lines).replace(_GLUE, " ")


def _usage_part(option: Option) -> str:
    dots = " ..." if option.many else ""
    if option.is_positional:
        return f"[{option.metavar}{dots}]"
    value = f" {option.metavar}" if option.metavar else ""
    return f"[{option.flags[0]}{value}]{dots.strip()}"


def _examples(command: Command, lang: Lang) -> str:
    lines = [_TITLES["examples"].of(lang)]
    for example in command.examples:
        lines += [f"  {example.line}", f"      {example.purpose.of(lang)}"]
    return "\n".join(lines)


def parse(command: Command, arguments: Sequence[str], lang: Lang) -> argparse.Namespace | None:
    """Read the arguments of a command.

    Args:
        command: its description.
        arguments: what follows its name.
        lang: language of its help.

    Returns:
        The values; None where help was asked for and printed.

    Raises:
        Bad: the arguments make no sense.
    """
    parser = build_parser(command, lang)
    if not {"-h", "--help"}.isdisjoint(arguments):
        sys.stdout.write(parser.format_help())
        return None
    values, unknown = parser.parse_known_intermixed_args(arguments)
    if unknown:
        raise Bad(_unknown(unknown[0], command))
    _refuse_alternatives(command, values)
    return values


def _unknown(word: str, command: Command) -> str:
    from secmon.core.nearest import nearest

    flags = [flag for option in command.options for flag in option.flags if flag.startswith("-")]
    close = nearest(word.partition("=")[0], flags)
    advice = f"did you mean {close}?" if close else f"see {PROGRAM} {command.name} --help"
    return f"{PROGRAM} {command.name} does not take {word}; {advice}"


def _refuse_alternatives(command: Command, values: argparse.Namespace) -> None:
    taken: dict[str, str] = {}
    for option in command.options:
        name = option.flags[-1].lstrip("-").replace("-", "_")
        if option.alternative and getattr(values, name) not in (None, "", []):
            shown = option.metavar if option.is_positional else option.flags[-1]
            other = taken.setdefault(option.alternative, shown)
            if other != shown:
                raise Bad(f"{shown} cannot be used together with {other}; give one of them")
