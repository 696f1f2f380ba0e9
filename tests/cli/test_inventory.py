from __future__ import annotations

import pytest

from secmon.cli.command import Bad
from secmon.cli.inventory import CHECK, METRICS, PORT, TARGETS, run
from secmon.cli.overview import all_commands
from secmon.core.plan import Listen


@pytest.mark.parametrize(
    ("name", "arguments", "message"),
    [
        ("inventory check", [], "takes one FILE"),
        ("inventory check", ["a.yml", "b.yml"], "takes one FILE"),
        ("inventory targets", ["a.yml", "--port", "70000"], "1 to 65535"),
        ("inventory metrics", ["a.yml", "--rule", "x"], "did you mean --rules?"),
        ("inventory check", ["a.yml", "--port", "1"], "does not take --port"),
    ],
)
def test_bad_usage_says_what_would_be_right(name, arguments, message):
    with pytest.raises(Bad, match=r".") as error:
        run(name, arguments)
    assert message in str(error.value)


def test_every_command_is_registered():
    assert {command.name for command in (CHECK, TARGETS, METRICS)} <= {
        command.name for command in all_commands()
    }


@pytest.mark.parametrize("command", [CHECK, TARGETS, METRICS])
def test_help_is_in_both_languages(command, capsys, monkeypatch):
    pages = []
    for lang in ("vi_VN.UTF-8", "en_US.UTF-8"):
        monkeypatch.setenv("LC_ALL", lang)
        assert run(command.name, ["--help"]) == 0
        pages.append(capsys.readouterr().out)
    assert command.description.vi[:20] in pages[0]
    assert command.description.en[:20] in pages[1]


def test_the_port_is_that_of_the_agents():
    assert Listen().port == PORT
