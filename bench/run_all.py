"""Run every benchmark of this folder, one after the other, and print what each says as one JSON document.

Exits with 1 where one failed or broke its promise; one that needs what the machine lacks says so itself.
"""

from __future__ import annotations

import json
import pathlib
import subprocess
import sys
import time

HERE = pathlib.Path(__file__).resolve()
TIMEOUT_SECONDS = 900


def run(program: pathlib.Path) -> dict[str, object]:
    """Run one benchmark and take what it printed."""
    start = time.monotonic()
    command = (sys.executable, str(program))
    try:
        done = subprocess.run(
            command,
            check=False,
            capture_output=True,
            text=True,
            cwd=HERE.parent.parent,
            timeout=TIMEOUT_SECONDS,
        )
    except subprocess.TimeoutExpired:
        return {"bench": program.stem, "exit": None, "error": f"not done after {TIMEOUT_SECONDS} s"}
    entry: dict[str, object] = {
        "bench": program.stem,
        "exit": done.returncode,
        "seconds": round(time.monotonic() - start, 1),
    }
    try:
        entry["result"] = json.loads(done.stdout)
    except ValueError:
        entry["error"] = (done.stderr or done.stdout)[-2000:]
    return entry


def main() -> int:
    """Run all, print, and say whether all is well."""
    entries = []
    for program in sorted(HERE.parent.glob("*.py")):
        if program != HERE and "__main__" in program.read_text():  # the others are their common parts
            print(f"{program.stem} ...", file=sys.stderr, flush=True)
            entries.append(run(program))
    print(json.dumps(entries, indent=2, ensure_ascii=False))
    return 0 if all(entry["exit"] == 0 for entry in entries) else 1


if __name__ == "__main__":
    sys.exit(main())
