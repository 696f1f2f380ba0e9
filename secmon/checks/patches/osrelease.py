"""Read os-release(5): which distribution this is."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final

from secmon.core.texts import cut

_LINE: Final = re.compile(r"(?P<key>[A-Z0-9_]+)=(?:\"(?P<double>.*)\"|'(?P<single>.*)'|(?P<bare>\S*))\s*\Z")
_ESCAPE: Final = re.compile(r"\\([\\\"$`'])")


@dataclass(frozen=True, slots=True)
class OsRelease:
    """A distribution and its release.

    Attributes:
        id: `debian`, `ubuntu` ..., `linux` where the file does not say (its own default).
        version: `12`, None where there is none, as on a rolling release.
        codename: `bookworm`, None where there is none.
    """

    id: str
    version: str | None
    codename: str | None


def parse_os_release(data: bytes) -> OsRelease:
    """Read the file; lines that are no assignment are passed over, as the shell's reader in systemd does.

    Args:
        data: its bytes.
    """
    values: dict[str, str] = {}
    for line in data.decode("utf-8", "replace").splitlines():
        found = _LINE.match(line.strip())
        if found:
            text = next(found[group] for group in ("double", "single", "bare") if found[group] is not None)
            values[found["key"]] = cut(_ESCAPE.sub(r"\1", text))
    return OsRelease(
        values.get("ID") or "linux",
        values.get("VERSION_ID") or None,
        values.get("VERSION_CODENAME") or None,
    )
