"""A log line can be split into its pairs again, and nothing in it fools a terminal or a second line."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

from secmon.agent.log import Level, format_line
from secmon.core.texts import escape


@pytest.mark.parametrize(
    ("fields", "line"),
    [
        ({"check": "ports"}, 'level=info event="run judged" check=ports'),
        ({"seconds": 1.5, "reason": None}, 'level=info event="run judged" seconds=1.5'),
        ({"text": 'a "b" \\c'}, 'level=info event="run judged" text="a \\"b\\" \\\\c"'),
        (
            {"text": "x\x1b[31m\nlevel=error"},
            'level=info event="run judged" text="x\\\\x1b[31m\\\\x0alevel=error"',
        ),
        ({"text": ""}, 'level=info event="run judged" text=""'),
        ({"text": "Sở"}, 'level=info event="run judged" text=Sở'),
    ],
)
def test_pairs_are_quoted_where_they_must_be(fields, line):
    assert format_line(Level.INFO, "run judged", fields) == line


def split(line: str) -> dict[str, str]:
    """Read pairs back, as a log collector does."""
    pairs, place = {}, 0
    while place < len(line):
        key, _, _ = line[place:].partition("=")
        place += len(key) + 1
        value = ""
        if line[place : place + 1] == '"':
            place += 1
            while line[place] != '"':
                place += line[place] == "\\"
                value += line[place]
                place += 1
            place += 1
        else:
            value = line[place:].partition(" ")[0]
            place += len(value)
        pairs[key] = value
        place += 1
    return pairs


@given(st.text(max_size=60), st.text(max_size=60))
def test_any_text_comes_back_escaped_once(one, two):
    line = format_line(Level.ERROR, one, {"b": two})
    assert len(line.splitlines()) == 1
    assert split(line) == {"level": "error", "event": escape(one), "b": escape(two)}


@pytest.mark.parametrize("in_journal", [True, False])
def test_the_level_is_told_to_the_journal_and_to_nobody_else(tmp_path, in_journal):
    code = (
        "import os; from secmon.agent.log import Level, make_log; s = os.fstat(2);"
        f"make_log(f'{{s.st_dev}}:{{s.st_ino}}' if {in_journal} else '')(Level.WARNING, 'x', {{}})"
    )
    done = subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True,
        text=True,
        check=True,
        cwd=os.fspath(__import__("pathlib").Path(__file__).parents[2]),
    )
    assert done.stderr == ("<4>" if in_journal else "") + "level=warning event=x\n"
