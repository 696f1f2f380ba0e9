"""Describe every metric family."""

from __future__ import annotations

from typing import TYPE_CHECKING

from secmon.export import inventory
from secmon.export.metrics import FAMILIES
from tools.reference.markdown import code, table
from tools.reference.markdown import page as markdown_page

if TYPE_CHECKING:
    from collections.abc import Iterable

    from secmon.core.contract import MetricSpec, Registry


def page(registry: Registry) -> str:
    """Return docs/reference/metrics.md."""
    return markdown_page(
        "Metrics",
        "Served at `http://127.0.0.1:9877/metrics`; base units. A metric of an asset carries `asset`; "
        "points are "
        "before freshness, which readers apply.",
        "## Of the agent, its assets and checks",
        _table(FAMILIES),
        *(
            block
            for spec in registry.checks.values()
            if spec.metrics
            for block in (f"## Of the check {spec.name}", _table(spec.metrics))
        ),
        "## Of the inventory",
        "Printed by `secmon inventory metrics`, see [the inventory](../inventory.md).",
        _table(inventory.FAMILIES),
    )


def _table(families: Iterable[MetricSpec]) -> str:
    return table(
        ("metric", "type", "labels", "meaning"),
        (
            (code(family.name), family.type, ", ".join(map(code, family.labels)), family.help)
            for family in sorted(families, key=lambda family: family.name)
        ),
    )
