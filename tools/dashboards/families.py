"""List the metrics that dashboards may ask for: of agents, of the inventory, of the recording rules."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import yaml

from secmon.checks import load
from secmon.export import inventory
from secmon.export.metrics import FAMILIES

if TYPE_CHECKING:
    from pathlib import Path

_OF_TARGET: Final = frozenset({"agent", "site", "job", "instance"})
"""Labels that Prometheus adds to what it scrapes (docs/inventory.md)."""
_ALERTS: Final = frozenset({"alertname", "alertstate", "severity", "agent", "asset", "check", "unit", "site"})


def known(root: Path) -> dict[str, frozenset[str] | None]:
    """Return every metric.

    Args:
        root: the checkout.

    Returns:
        Metric -> labels that it can have; None for a recorded one, whose labels no declaration tells.
    """
    declared = (
        *FAMILIES,
        *inventory.FAMILIES,
        *(spec for check in load().checks.values() for spec in check.metrics),
    )
    found: dict[str, frozenset[str] | None] = {
        spec.name: frozenset(spec.labels) | _OF_TARGET for spec in declared
    }
    text = (root / "deploy" / "prometheus" / "secmon-rules.yml").read_text(encoding="utf-8")
    rules = (rule for group in yaml.safe_load(text)["groups"] for rule in group["rules"])
    return found | {rule["record"]: None for rule in rules} | {"ALERTS": _ALERTS}
