from __future__ import annotations

import pytest

from tools.dashboards.promql import Selector, selectors
from tools.dashboards.variables import filled, names


@pytest.mark.parametrize(
    ("expression", "expected"),
    [
        ("up", [("up", "")]),
        ('up{job="a", agent!~"b|c"}', [("up", "job agent")]),
        ('{job="a"}', [("", "job")]),
        ("L:x:ratio{} > bool 0.5", [("L:x:ratio", "")]),
        ("sum by (agent, site) (rate(a_total[5m]))", [("a_total", "")]),
        ("sum(a) by (agent) / on (agent) group_left (site) b", [("a", ""), ("b", "")]),
        ("sum without (x) (a) or ignoring (y) b unless on () c and d", [(n, "") for n in "abcd"]),
        ("a offset 5m + a @ end() - inf * nan", [("a", ""), ("a", "")]),
        ('label_replace(vector(1), "severity", "a", "", "")', []),
        ('topk(3, x{y="}) by {"}) # z{', [("x", "y")]),
        ("x[$__rate_interval] + ${v:raw} + [[w]]", [("x", "")]),
        ("quantile(0.9, x) + 1e3 + 0x1F", [("x", "")]),
        ("max_over_time(x{a='it\\'s'}[1h:5m])", [("x", "a")]),
        ("", []),
    ],
)
def test_selectors(expression, expected):
    assert selectors(expression) == [
        Selector(metric, frozenset(labels.split())) for metric, labels in expected
    ]


def test_an_unfinished_expression_ends_too():
    assert selectors('sum by (a, b{c="') == []
    assert selectors("x{a") == [Selector("x", frozenset("a"))]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("$a and ${b} and ${c:queryparam} and [[d]] and [[e:raw]]", "a b c d e"),
        ('${__data.fields["Đơn vị"]} ${__value.raw} $__all', "__data __value __all"),
        ("costs 5 $ or {a} or {{b}}", ""),
    ],
)
def test_variables(text, expected):
    assert names(text) == set(expected.split())


def test_variables_are_filled_where_there_is_a_value():
    assert filled('x{a="$a",b="${b:raw}"}[$__range] $c', {"a": "1", "b": "2", "__range": "5m"}) == (
        'x{a="1",b="2"}[5m] $c'
    )
