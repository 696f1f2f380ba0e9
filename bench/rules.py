"""Promise: judging 500 rules x 200 facts costs at most 4x a bare Python lambda in the same process."""

from __future__ import annotations

import json
import statistics
import time

from secmon.core.contract import FieldSpec, FieldType, KindSpec
from secmon.core.evaluate import COMPLETE, Subject, compile_rule
from secmon.core.model import Asset, Severity
from secmon.core.predicate import compile_predicate
from secmon.core.rule import Place, Rule

RULES, FACTS, ROUNDS, LIMIT = 500, 200, 7, 4.0

KIND = KindSpec(
    "listener",
    ("port",),
    (
        FieldSpec("proto", FieldType.TEXT, "", ""),
        FieldSpec("scope", FieldType.TEXT, "", ""),
        FieldSpec("port", FieldType.INTEGER, "", ""),
        FieldSpec("uid", FieldType.INTEGER, "", ""),
        FieldSpec("v6only", FieldType.BOOLEAN, "", ""),
    ),
    {},
    "",
    "",
)
SUBJECTS = [
    {
        "proto": ("tcp", "udp")[index % 2],
        "scope": ("exposed", "loopback", "link")[index % 3],
        "port": index * 7 % 1024,
        "uid": index % 5 * 100,
        "v6only": index % 4 == 0,
    }
    for index in range(FACTS)
]


def tree(number: int) -> dict:
    """Membership, equality, boolean, greater-than: the mix of research/rules.md."""
    return {
        "proto": "tcp",
        "port": {"in": [number, number + 7, 443]},
        "v6only": False,
        "uid": {"gt": number % 300},
    }


def bare(number: int):
    """The same condition as a lambda over a mapping."""
    wanted = frozenset((number, number + 7, 443))
    least = number % 300
    return lambda fact: (
        fact["proto"] == "tcp" and fact["port"] in wanted and fact["v6only"] is False and fact["uid"] > least
    )


def timed(tests) -> tuple[float, int]:
    """Return seconds and how many tests held."""
    started = time.perf_counter()
    held = sum(test(fact) is True for test in tests for fact in SUBJECTS)
    return time.perf_counter() - started, held


def main() -> None:
    asset = Asset("a")
    lambdas = [bare(number) for number in range(RULES)]
    compiled = [compile_predicate(tree(number), KIND, {}, asset, 0.0).test for number in range(RULES)]
    judges = [
        compile_rule(
            Rule(
                f"ports.r{number}",
                "ports",
                "listener",
                Severity.LOW,
                {},
                {},
                Place("", 1, 1),
                require=tree(number),
            ),
            KIND,
            asset,
            {},
            severity=Severity.LOW,
            now=0.0,
        )
        for number in range(RULES)
    ]
    subjects = [Subject(fact, {}) for fact in SUBJECTS]
    ratios, whole = [], []
    for _ in range(ROUNDS):
        floor, expected = timed(lambdas)
        ours, held = timed(compiled)
        assert held == expected, "the compiled predicates do not agree with the lambdas"
        ratios.append(ours / floor)
        started = time.perf_counter()
        for judge in judges:
            judge.judge_target("local", subjects, COMPLETE)
        whole.append(time.perf_counter() - started)
    ratio = statistics.median(ratios)
    print(
        json.dumps(
            {
                "promise": "500 rules x 200 facts <= 4x a bare Python lambda",
                "ratio": round(ratio, 2),
                "limit": LIMIT,
                "kept": ratio <= LIMIT,
                "judging_with_results_seconds": round(statistics.median(whole), 3),
                "held": held,
            }
        )
    )


if __name__ == "__main__":
    main()
