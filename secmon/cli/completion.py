"""Write completion for shells from the descriptions of the commands: `secmon completion`."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

from secmon.checks import CHECKS
from secmon.cli.command import HELP, PROGRAM, Bad, Command, Example, Option, Words, parse
from secmon.cli.output import user_language

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

SHELLS = ("bash", "zsh", "fish")
COMPLETION = Command(
    name="completion",
    summary=Words("in mã tự hoàn thành lệnh cho shell", "print completion code for a shell"),
    description=Words(
        "In mã tự hoàn thành lệnh cho bash, zsh hoặc fish.", "Print completion code for bash, zsh or fish."
    ),
    options=(
        Option(
            ("shell",),
            Words("bash, zsh hoặc fish", "bash, zsh or fish"),
            metavar="SHELL",
            choices=SHELLS,
            completes="shell",
        ),
    ),
    examples=(
        Example(
            'eval "$(secmon completion bash)"', Words("dùng trong bash hiện tại", "for the running bash")
        ),
        Example(
            "secmon completion fish > ~/.config/fish/completions/secmon.fish",
            Words("dùng lâu dài trong fish", "for fish from now on"),
        ),
    ),
)
COMMANDS = {"completion": COMPLETION}


def run(name: str, arguments: Sequence[str]) -> int:
    """Print the completion code of one shell.

    Args:
        name: `completion`.
        arguments: what follows it.

    Returns:
        0.

    Raises:
        Bad: no shell that is known.
    """
    values = parse(COMMANDS[name], arguments, user_language())
    if values is None:
        return 0
    if len(values.shell) != 1:
        raise Bad(f"{PROGRAM} completion takes one shell: {', '.join(SHELLS)}")
    sys.stdout.write(completion(values.shell[0]))
    return 0


def completion(shell: str) -> str:
    """Return the completion code of a shell.

    Args:
        shell: one of SHELLS.

    Returns:
        Code that ends with a line end.
    """
    from secmon.cli.overview import all_commands

    writers = {"bash": _bash, "zsh": _zsh, "fish": _fish}
    return "\n".join(writers[shell](all_commands())) + "\n"


def _words(option: Option) -> tuple[str, ...]:
    return CHECKS if option.completes == "check" else option.choices


def _bash(commands: Sequence[Command]) -> Iterator[str]:
    yield f"_{PROGRAM}() {{"
    yield '    local word="${COMP_WORDS[COMP_CWORD]}" before="${COMP_WORDS[COMP_CWORD-1]}" command'
    yield '    command="${COMP_WORDS[1]}"'
    yield '    case "$command" in'
    for group in _groups(commands):
        yield f'        {group}) command="$command ${{COMP_WORDS[2]}}" ;;'
    yield "    esac"
    yield "    COMPREPLY=()"
    yield '    case "$COMP_CWORD:$command" in'
    yield f"        1:*) {_reply(_first_words(commands))}; return ;;"
    for group, seconds in _groups(commands).items():
        yield f'        "2:{group} "*) {_reply(seconds)}; return ;;'
    yield "    esac"
    yield '    case "$command" in'
    for command in commands:
        yield f'        "{command.name}")'
        yield from _bash_command(command)
        yield "            ;;"
    yield "    esac"
    yield "}"
    yield f"complete -F _{PROGRAM} {PROGRAM}"


def _bash_command(command: Command) -> Iterator[str]:
    yield '            case "$before" in'
    for option in command.options:
        if option.metavar and not option.is_positional:
            yield f"                {'|'.join(option.flags)}) {_bash_value(option)}; return ;;"
    yield "            esac"
    words = [flag for flag in _flags(command) if flag.startswith("--")]
    positional = [_bash_value(option) for option in command.options if option.is_positional]
    yield f"            if [[ $word == -* ]]; then {_reply(words)}; else {next(iter(positional), ':')}; fi"


def _bash_value(option: Option) -> str:
    if _words(option):
        return _reply(_words(option))
    actions = {
        "file": 'mapfile -t COMPREPLY < <(compgen -f -- "$word"); compopt -o filenames 2>/dev/null',
        "folder": 'mapfile -t COMPREPLY < <(compgen -d -- "$word"); compopt -o filenames 2>/dev/null',
        "interface": 'mapfile -t COMPREPLY < <(compgen -W "$(command ls /sys/class/net)" -- "$word")',
    }
    return actions.get(option.completes, ":")


def _reply(words: Sequence[str]) -> str:
    return f'mapfile -t COMPREPLY < <(compgen -W "{" ".join(words)}" -- "$word")' if words else ":"


def _zsh(commands: Sequence[Command]) -> Iterator[str]:
    yield f"#compdef {PROGRAM}"
    yield f"_{PROGRAM}() {{"
    yield "    local -a words_here"
    yield f"    if (( CURRENT == 2 )); then words_here=({' '.join(_first_words(commands))})"
    yield "        compadd -a words_here; return; fi"
    yield '    local command="$words[2]"; integer skip=1'
    yield '    case "$command" in'
    for group, seconds in _groups(commands).items():
        yield f"        {group}) if (( CURRENT == 3 )); then compadd {' '.join(seconds)}; return; fi"
        yield '            command="$command $words[3]"; skip=2 ;;'
    yield "    esac"
    yield "    shift $skip words; (( CURRENT -= skip ))"
    yield '    case "$command" in'
    for command in commands:
        specs = " ".join(_zsh_spec(option) for option in (*command.options, HELP))
        yield f'        "{command.name}") _arguments -s {specs} ;;'
    yield "    esac"
    yield "}"
    yield f"compdef _{PROGRAM} {PROGRAM}"


def _zsh_spec(option: Option) -> str:
    actions = {"file": "_files", "folder": "_files -/", "interface": "_net_interfaces"}
    words = _words(option)
    action = f"({' '.join(words)})" if words else actions.get(option.completes, " ")
    text = "".join(character for character in option.help.en if character not in "[]:'`\"$\\")
    if option.is_positional:
        return f"'*:{option.metavar}:{action}'"
    value = f":{option.metavar}:{action}" if option.metavar else ""
    repeat = "*" if option.many else ""
    return " ".join(f"'{repeat}{flag}[{text}]{value}'" for flag in option.flags)


def _fish(commands: Sequence[Command]) -> Iterator[str]:
    yield f"complete -c {PROGRAM} -f"
    yield f"complete -c {PROGRAM} -n __fish_use_subcommand -l version -d 'show the version'"
    for command in commands:
        first, _, second = command.name.partition(" ")
        if second:
            unseen = f"__fish_seen_subcommand_from {first}; and not __fish_seen_subcommand_from {second}"
            yield f"complete -c {PROGRAM} -n '{unseen}' -a {second} -d '{command.summary.en}'"
        else:
            yield f"complete -c {PROGRAM} -n __fish_use_subcommand -a {first} -d '{command.summary.en}'"
        seen = "; and ".join(f"__fish_seen_subcommand_from {word}" for word in command.name.split(" "))
        for option in (*command.options, HELP):
            yield f"complete -c {PROGRAM} -n '{seen}' {_fish_option(option)}"
    for group in _groups(commands):
        yield f"complete -c {PROGRAM} -n __fish_use_subcommand -a {group}"


def _fish_option(option: Option) -> str:
    words = f" -a '{' '.join(_words(option))}'" if _words(option) else ""
    if option.is_positional:
        return "-F" if option.completes in {"file", "folder"} else words.strip()
    text = option.help.en.replace("'", "")
    flags = " ".join(f"-l {flag[2:]}" if flag.startswith("--") else f"-s {flag[1:]}" for flag in option.flags)
    values = {
        "file": " -r -F",
        "folder": " -x -a '(__fish_complete_directories)'",
        "interface": " -x -a '(command ls /sys/class/net)'",
    }
    value = values.get(option.completes, f" -x{words}") if option.metavar else ""
    return f"{flags}{value} -d '{text}'"


def _flags(command: Command) -> list[str]:
    options = [option for option in command.options if not option.is_positional]
    return [flag for option in (*options, HELP) for flag in option.flags]


def _groups(commands: Sequence[Command]) -> dict[str, list[str]]:
    groups: dict[str, list[str]] = {}
    for command in commands:
        first, _, second = command.name.partition(" ")
        if second:
            groups.setdefault(first, []).append(second)
    return groups


def _first_words(commands: Sequence[Command]) -> list[str]:
    return [*dict.fromkeys(command.name.split(" ")[0] for command in commands), "--version", "--help"]
