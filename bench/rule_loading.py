"""Promise: 11,000 lines of rules read, validated and compiled <= 2x yaml.load(CSafeLoader), one process."""

from __future__ import annotations

import gc
import itertools
import json
import pathlib
import statistics
import sys
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent))

import yaml

from bench.manyrules import RULES, rules_text
from secmon.checks import load
from secmon.core.evaluate import compile_rule
from secmon.core.model import Asset
from secmon.core.rules import load_rules
from secmon.core.ruletests import FIXED_NOW, effective
from secmon.sources.yaml import read

ROUNDS, LIMIT = 9, 2.0
ASSET = Asset("a")
REGISTRY = load()


def compile_all(rules) -> None:
    """Compile every rule for one asset, as the judge does."""
    for rule in rules:
        kind = REGISTRY.kind(rule.check, rule.kind)
        params = {param.name: effective(param, ASSET.level) for param in rule.params}
        compile_rule(rule, kind, ASSET, params, severity=rule.severity, now=FIXED_NOW)


def measure(text: str) -> tuple[float, ...]:
    """Return the seconds of the floor, and of our reading, validating and compiling."""
    data = text.encode()
    gc.collect()
    started = time.perf_counter()
    kept = yaml.load(text, Loader=yaml.CSafeLoader)
    floor = time.perf_counter() - started
    del kept
    gc.collect()
    ticks = [time.perf_counter()]
    document = read(data, "rules.yml")
    ticks.append(time.perf_counter())
    rules, faults = load_rules([("rules.yml", document.value)], REGISTRY)
    ticks.append(time.perf_counter())
    compile_all(rules)
    ticks.append(time.perf_counter())
    assert [*document.faults, *faults] == [], str(faults[:1])
    assert len(rules) == RULES
    return floor, *(after - before for before, after in itertools.pairwise(ticks))


def main() -> int:
    text = rules_text()
    rounds = [measure(text) for _ in range(ROUNDS)]
    ratio = statistics.median(sum(ours) / floor for floor, *ours in rounds)
    medians = [round(statistics.median(column) * 1000, 1) for column in zip(*rounds, strict=True)]
    print(
        json.dumps(
            {
                "promise": "11,000 lines of rules read, validated, compiled <= 2x yaml.load(CSafeLoader)",
                "lines": text.count("\n"),
                "bytes": len(text.encode()),
                "ratio": round(ratio, 2),
                "limit": LIMIT,
                "kept": ratio <= LIMIT,
                "milliseconds": dict(
                    zip(("floor", "read", "validate", "compile"), medians, strict=True),
                ),
            }
        )
    )
    return 0 if ratio <= LIMIT else 1


if __name__ == "__main__":
    sys.exit(main())
