"""Write results where they were asked for: whole or not at all."""

from __future__ import annotations

import os
import stat
import sys
from contextlib import contextmanager
from typing import TYPE_CHECKING

from secmon.cli.command import PROGRAM, Bad
from secmon.core.texts import escape, language

if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import TextIO

    from secmon.core.texts import Lang


def user_language(chosen: str | None = None) -> Lang:
    """Return `--lang` where it was given, else the language of the environment."""
    if chosen in {"vi", "en"}:
        return "vi" if chosen == "vi" else "en"
    return language(os.environ)


def say(message: str) -> None:
    """Write one line about this run to standard error."""
    tell(f"{PROGRAM}: {escape(message)}\n")


def tell(text: str) -> None:
    """Write lines to standard error; where nobody reads them, the exit code stays what it is."""
    try:
        sys.stderr.write(text)
        sys.stderr.flush()
    except BrokenPipeError:
        drop(sys.stderr)
    except OSError:
        return


def drop(stream: TextIO) -> None:
    """Point a stream nowhere, after its reader has left, so that the exit stays quiet and keeps its code."""
    null = os.open(os.devnull, os.O_WRONLY)
    os.dup2(null, stream.fileno())
    os.close(null)


def refuse_unwritable(path: str, *, keep: bool = False, option: str = "-o") -> None:
    """Fail before the work rather than after it.

    Args:
        path: `-o`; "" for standard output.
        keep: refuse to replace a file that exists.
        option: that named it.

    Raises:
        Bad: no such file can be made.
    """
    if not path or _is_special(path):
        return
    folder = os.path.dirname(os.path.realpath(path))
    if os.path.isdir(path):
        raise Bad(f"cannot write {option} {path}: it is a folder; name a file in it")
    if keep and os.path.lexists(path):
        raise Bad(f"{path} exists already; it is not overwritten: name another file, or move it away")
    if not os.access(folder, os.W_OK | os.X_OK):
        raise Bad(
            f"cannot write {option} {path}: {folder} does not exist or may not be written to; "
            "name another folder"
        )


@contextmanager
def destination(path: str) -> Iterator[TextIO]:
    """Open what results are written to.

    A file is written aside, readable by its owner only, and takes its name when it is complete; so a reader
    never sees half of it, and a run that fails leaves what was there.

    Args:
        path: `-o`; "" for standard output.

    Yields:
        A text file in UTF-8, or standard output.

    Raises:
        Bad: the file cannot be made.
    """
    if not path:
        with _standard_output() as out:
            yield out
        return
    try:
        with _special(path) if _is_special(path) else _aside(os.path.realpath(path)) as out:
            yield out
    except OSError as error:
        raise Bad(f"cannot write -o {path}: {error.strerror}; nothing was kept") from error


@contextmanager
def _standard_output() -> Iterator[TextIO]:
    """Yield standard output; a reader that leaves early (`| head`) is no error."""
    reconfigure = getattr(sys.stdout, "reconfigure", None)
    if reconfigure:
        reconfigure(errors="backslashreplace")
    try:
        yield sys.stdout
        sys.stdout.flush()
    except BrokenPipeError:
        drop(sys.stdout)
    except OSError as error:
        drop(sys.stdout)
        raise Bad(f"cannot write to standard output: {error.strerror}") from error


def _is_special(path: str) -> bool:
    """Say whether a path is a device or a pipe, which cannot be replaced."""
    try:
        mode = os.stat(path).st_mode
    except FileNotFoundError:
        return False
    return not (stat.S_ISREG(mode) or stat.S_ISDIR(mode))


@contextmanager
def _special(path: str) -> Iterator[TextIO]:
    with open(path, "w", encoding="utf-8") as out:
        yield out


@contextmanager
def _aside(path: str) -> Iterator[TextIO]:
    import tempfile

    handle, aside = tempfile.mkstemp(prefix=".secmon-", dir=os.path.dirname(path))  # mode 0600
    try:
        with open(handle, "w", encoding="utf-8") as out:
            yield out
            out.flush()
            os.fsync(out.fileno())
        os.replace(aside, path)
    except BaseException:
        os.unlink(aside)
        raise
