"""Name the checks that exist, one line each; a check is the folder of that name."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

    from secmon.core.contract import Registry

CHECKS = (
    "ports",
    "tls",
    "patches",
    "traffic",
)


def load(names: Iterable[str] = CHECKS) -> Registry:
    """Import the declarations of checks; their probes stay unloaded.

    Args:
        names: names of checks, each a folder beside this file.

    Returns:
        The registry that every process is given.
    """
    from secmon.core.contract import CheckSpec, Registry  # here, so that `--help` can name the checks quickly

    specs = (import_module(f"secmon.checks.{name}").CHECK for name in names)
    return Registry({spec.name: spec for spec in specs if isinstance(spec, CheckSpec)})
