"""Gather what the command line and the environment fix for a whole run."""

from __future__ import annotations

import os
from contextlib import contextmanager
from typing import TYPE_CHECKING

from secmon.cli.command import NotLooked
from secmon.cli.output import say
from secmon.core.plan import Invocation

if TYPE_CHECKING:
    from argparse import Namespace
    from collections.abc import Iterable, Iterator

    from secmon.core.rule import Fault

_VARIABLES = ("SECMON_CONFIG", "STATE_DIRECTORY", "CREDENTIALS_DIRECTORY", "XDG_STATE_HOME", "HOME")


def environment() -> dict[str, str]:
    """Return the variables that decide where files are looked for."""
    return {name: os.environ[name] for name in _VARIABLES if os.environ.get(name)}


def of_config(command: str, values: Namespace) -> Invocation:
    """Return the invocation of a command that takes the configuration as it is.

    Args:
        command: `run` or `scan`.
        values: parsed arguments, `config` among them.

    Returns:
        The invocation.
    """
    return Invocation(command, config=values.config, environment=environment())


def report_faults(faults: Iterable[Fault]) -> int:
    """Write each fault on its own line to standard error.

    Args:
        faults: what is wrong with the input files.

    Returns:
        The exit code 2.
    """
    for fault in faults:
        say(str(fault))
    return 2


@contextmanager
def told_plainly() -> Iterator[None]:
    """Turn what keeps an audit from being made into one message without a traceback."""
    from secmon.agent.audit import PlanFailed
    from secmon.agent.channel import SpawnerGone

    try:
        yield
    except (PlanFailed, SpawnerGone) as error:
        raise NotLooked(f"nothing could be looked at: {error}") from error
