"""Spare the core what APScheduler imports and the core never uses.

APScheduler wants one function of asyncio, and one class of the processes that it could run jobs in. With all
that these bring along they would be 2 MiB of the core's 40 (bench/core_memory.py).
"""

from __future__ import annotations

import inspect
import sys
from contextlib import contextmanager
from types import ModuleType
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

_WANTED: Final[Mapping[str, Mapping[str, object]]] = {
    "asyncio": {"iscoroutinefunction": inspect.iscoroutinefunction},
    "concurrent.futures.process": {"BrokenProcessPool": RuntimeError},
}


@contextmanager
def spared() -> Iterator[None]:
    """Let what is imported meanwhile find no more than it wants in two packages.

    Yields:
        Nothing; afterwards they can be imported as ever.
    """
    absent = [name for name in _WANTED if name not in sys.modules]
    for name in absent:
        stand_in = ModuleType(name)
        vars(stand_in).update(_WANTED[name])
        sys.modules[name] = stand_in
    try:
        yield
    finally:
        for name in absent:
            del sys.modules[name]
