from __future__ import annotations

import pytest

from secmon.cli.command import Bad, build_parser, parse, usage
from secmon.cli.overview import all_commands
from secmon.cli.run import RUN
from secmon.cli.scan import ROLES, SCAN, SEVERITIES
from secmon.core.model import Role, Severity


def scan(line):
    return parse(SCAN, line.split(), "en")


def test_checks_and_options_may_stand_in_any_order():
    values = scan("ports --rate 5 tls --target a --target [::1]:443 -o x")
    assert (values.checks, values.rate, values.target, values.output) == (
        ["ports", "tls"],
        5,
        ["a", "[::1]:443"],
        "x",
    )


def test_defaults():
    values = scan("")
    assert vars(values) == {
        "checks": [],
        "config": "",
        "rules": [],
        "target": [],
        "role": None,
        "level": 0,
        "rate": 0,
        "ports": "top",
        "root": "",
        "pcap": "",
        "interface": "",
        "join": "",
        "write_baseline": "",
        "duration": 0.0,
        "trust": [],
        "format": "table",
        "output": "",
        "lang": None,
        "fail_on": "high",
        "waivers": [],
        "allow_unsigned": False,
        "quiet": False,
        "help": False,
    }


def test_lists_of_two_parses_do_not_grow_together():
    scan("--target a")
    assert scan("--target b").target == ["b"]


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("--formt json", "secmon scan does not take --formt; did you mean --format?"),
        ("--form json", "does not take --form"),
        ("--nonsense", "see secmon scan --help"),
        ("--format xml", "'xml' is none of table, json"),
        ("--level 9", "give a whole number, 1 to 5"),
        ("--pcap a --interface b", "--interface cannot be used together with --pcap"),
        ("--fail-on", "expected one argument"),
        ("--role king", "'king' is none of document-exchange"),
        ("--quiet=yes", "--quiet"),
    ],
)
def test_what_makes_no_sense_is_told_in_one_line(line, message):
    with pytest.raises(Bad) as caught:
        scan(line)
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_command_without_arguments_takes_none():
    with pytest.raises(Bad, match="secmon run does not take now"):
        parse(RUN, ["now"], "en")


def test_words_kept_for_quick_help_are_those_of_the_model():
    assert set(ROLES) == {role.value for role in Role}
    assert list(SEVERITIES) == [severity.value for severity in Severity]


@pytest.mark.parametrize("command", all_commands(), ids=lambda command: command.name)
@pytest.mark.parametrize("lang", ["vi", "en"])
def test_help_names_every_option_and_gives_an_example(command, lang, capsys):
    assert parse(command, ["--help"], lang) is None
    shown = capsys.readouterr().out
    assert shown == build_parser(command, lang).format_help()
    for option in command.options:
        assert option.metavar if option.is_positional else all(flag in shown for flag in option.flags)
    assert command.examples
    assert all(example.line in shown for example in command.examples)
    assert max(map(len, shown.splitlines())) <= 82


@pytest.mark.parametrize("command", all_commands(), ids=lambda command: command.name)
def test_each_text_exists_in_both_languages(command):
    texts = [command.summary, command.description]
    texts += [option.help for option in command.options]
    texts += [example.purpose for example in command.examples]
    assert all(text.vi and text.en and text.vi != text.en for text in texts)


def test_usage_breaks_no_option_in_two():
    lines = usage(SCAN).splitlines()
    assert all(line.count("[") == line.count("]") for line in lines)
    assert lines[0].startswith("secmon scan [CHECK ...] [-c FILE]")
