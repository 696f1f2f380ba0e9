"""Find the series that a PromQL expression selects.

This knows just enough of the language to tell a metric from a label, a function and a keyword; whether an
expression is PromQL at all only Prometheus says (tests/lab/test_dashboards.py).
https://prometheus.io/docs/prometheus/latest/querying/basics/
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final

_TOKEN: Final = re.compile(
    r"""(?P<text>"(?:\\.|[^"\\])*"|'(?:\\.|[^'\\])*'|`[^`]*`)"""
    r"|(?P<comment>\#[^\n]*)"
    r"|(?P<variable>\$\{[^}]*\}|\$\w+|\[\[\w+\]\])"
    r"|(?P<number>\d[\w.]*)"
    r"|(?P<name>[a-zA-Z_:][\w:]*)"
    r"|(?P<sign>[^\s])"
)
_LABEL_LISTS: Final = frozenset({"by", "without", "on", "ignoring", "group_left", "group_right"})
_WORDS: Final = frozenset({"and", "or", "unless", "bool", "offset", "inf", "nan", "start", "end", "atan2"})
_AGGREGATIONS: Final = frozenset(
    {
        "sum",
        "avg",
        "min",
        "max",
        "count",
        "group",
        "stddev",
        "stdvar",
        "topk",
        "bottomk",
        "quantile",
        "count_values",
    }
)


@dataclass(frozen=True, slots=True)
class Selector:
    """One selection of series.

    Attributes:
        metric: name, "" where only labels are matched.
        labels: labels that it matches.
    """

    metric: str
    labels: frozenset[str]


def selectors(expression: str) -> list[Selector]:
    """Return the selections of an expression, in their order.

    Args:
        expression: PromQL; Grafana's variables may stand in texts and ranges.
    """
    tokens = [(found.lastgroup or "", found[0]) for found in _TOKEN.finditer(expression)]
    tokens = [token for token in tokens if token[0] != "comment"]
    found, at = [], 0
    while at < len(tokens):
        kind, text = tokens[at]
        at += 1
        after = tokens[at][1] if at < len(tokens) else ""
        if kind == "name" and text.lower() in _LABEL_LISTS and after == "(":
            at = _closing(tokens, at, ")")
        elif text == "[":
            at = _closing(tokens, at, "]")
        elif text == "{":
            end = _closing(tokens, at - 1, "}")
            found.append(Selector("", _labels(tokens[at:end])))
            at = end
        elif kind == "name" and after == "{":
            end = _closing(tokens, at, "}")
            found.append(Selector(text, _labels(tokens[at + 1 : end])))
            at = end
        elif kind == "name" and after != "(" and text.lower() not in _WORDS | _AGGREGATIONS:
            found.append(Selector(text, frozenset()))
    return found


def _closing(tokens: list[tuple[str, str]], at: int, sign: str) -> int:
    """Return the position after the next closing sign."""
    while at < len(tokens) and tokens[at][1] != sign:
        at += 1
    return at + 1


def _labels(tokens: list[tuple[str, str]]) -> frozenset[str]:
    return frozenset(text for kind, text in tokens if kind == "name")
