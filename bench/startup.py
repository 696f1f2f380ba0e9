"""Measure how long `secmon --version` and `secmon scan --help` take against a bare interpreter.

Prints JSON; exits with 1 where a promise is broken. Commands are interleaved, so that a busy machine slows
all of them alike; medians are compared.
"""

from __future__ import annotations

import json
import statistics
import subprocess
import sys
import time

ROUNDS = 31
BARE = ("-c", "pass")
PROMISES = {"--version": 3.0, "scan --help": 5.0}
"""Arguments -> how many times a bare interpreter they may take."""


def measure(arguments: tuple[str, ...]) -> float:
    """Return the milliseconds that one start of the interpreter takes."""
    start = time.perf_counter()
    subprocess.run((sys.executable, *arguments), check=True, stdout=subprocess.DEVNULL)
    return (time.perf_counter() - start) * 1000


def main() -> int:
    """Measure, print, and say whether the promises hold."""
    commands = {"python -c pass": BARE, **{words: ("-m", "secmon", *words.split()) for words in PROMISES}}
    times: dict[str, list[float]] = {name: [] for name in commands}
    for _ in range(ROUNDS):
        for name, arguments in commands.items():
            times[name].append(measure(arguments))
    medians = {name: statistics.median(values) for name, values in times.items()}
    bare = medians["python -c pass"]
    ratios = {name: round(medians[name] / bare, 2) for name in PROMISES}
    kept = all(ratios[name] <= limit for name, limit in PROMISES.items())
    print(
        json.dumps(
            {
                "bench": "startup",
                "median_ms": {name: round(value, 1) for name, value in medians.items()},
                "ratio": ratios,
                "limit": PROMISES,
                "kept": kept,
            },
            indent=2,
        )
    )
    return 0 if kept else 1


if __name__ == "__main__":
    sys.exit(main())
