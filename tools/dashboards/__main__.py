"""Write deploy/grafana/dashboards. `--check` writes nothing and fails where a file is stale."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Final

from tools.dashboards import asset, province, unit
from tools.dashboards.layout import render

ROOT: Final = Path(__file__).resolve().parent.parent.parent
FOLDER: Final = ROOT / "deploy" / "grafana" / "dashboards"


def generate() -> dict[Path, str]:
    """Make every dashboard.

    Returns:
        Path -> JSON.
    """
    made = {"province": province.dashboard(), "unit": unit.dashboard(), "asset": asset.dashboard()}
    return {FOLDER / f"{name}.json": render(dashboard) for name, dashboard in made.items()}


def main(arguments: list[str]) -> int:
    """Write what has changed, or say what is stale.

    Args:
        arguments: `--check`, or nothing.

    Returns:
        0; with `--check` 1 where a file is stale.
    """
    stale = {
        path: content
        for path, content in generate().items()
        if not path.exists() or path.read_text(encoding="utf-8") != content
    }
    for path in stale:
        print(path.relative_to(ROOT))
    if arguments == ["--check"]:
        print(f"dashboards: {len(stale)} stale files" + ("; run `make docs`" if stale else ""))
        return 1 if stale else 0
    for path, content in stale.items():
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(content, encoding="utf-8")
    print(f"dashboards: {len(stale)} files written")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
