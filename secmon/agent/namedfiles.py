"""Look whether the files that the command line names are there; probes open them again."""

from __future__ import annotations

import os
import stat
from typing import TYPE_CHECKING

from secmon.core.rule import Fault, Place
from secmon.core.targets import COMMAND_LINE

if TYPE_CHECKING:
    from collections.abc import Iterable

    from secmon.core.plan import Invocation


def check_named_files(invocation: Invocation) -> Iterable[Fault]:
    """Tell of files that the command line names and that cannot be opened.

    Args:
        invocation: names them.

    Yields:
        A fault each.
    """
    files = [("--pcap", invocation.pcap)] if invocation.pcap else []
    files += [("--join", invocation.join)] if invocation.join else []
    files += [
        ("--target", text.removeprefix("file:")) for text in invocation.targets if text.startswith("file:")
    ]
    folders = [("--root", invocation.root)] if invocation.root else []
    folders += [("--trust", path) for path in invocation.trust]
    for key, path in [*files, *folders]:
        try:
            fd = os.open(path, os.O_PATH | os.O_CLOEXEC)
        except (OSError, ValueError) as error:
            reason = error.strerror if isinstance(error, OSError) else "its name is not valid"
            yield Fault(Place(COMMAND_LINE, 0, 0), key, f"{path}: {reason}")
            continue
        is_folder = stat.S_ISDIR(os.fstat(fd).st_mode)
        os.close(fd)
        if (key, path) in folders and not is_folder:
            yield Fault(Place(COMMAND_LINE, 0, 0), key, f"{path} is no folder")
