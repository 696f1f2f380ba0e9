"""What tests of several parts share."""

from __future__ import annotations

from tests.support.collector import Collector, Seen

__all__ = ["Collector", "Seen"]
