from __future__ import annotations

import io

from secmon.cli.progress import Progress


class Terminal(io.StringIO):
    def isatty(self):
        return True


def shown(out, *, quiet=False):
    progress = Progress(out, quiet=quiet)
    progress.update("ports", 1, 100)
    progress.close()
    return out.getvalue()


def test_a_terminal_sees_one_line_that_goes_away(monkeypatch):
    monkeypatch.setenv("TERM", "xterm")
    assert shown(Terminal()) == "\r\x1b[Kports 1/100\r\x1b[K"


def test_everything_else_sees_nothing(monkeypatch):
    monkeypatch.setenv("TERM", "xterm")
    assert shown(io.StringIO()) == ""
    assert shown(Terminal(), quiet=True) == ""
    monkeypatch.setenv("TERM", "dumb")
    assert shown(Terminal()) == ""


def test_the_line_never_wraps(monkeypatch):
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setenv("COLUMNS", "20")
    out = Terminal()
    progress = Progress(out, quiet=False)
    progress.update("x" * 50, 1, 2)
    assert out.getvalue() == "\r\x1b[K" + "x" * 18 + "…"
