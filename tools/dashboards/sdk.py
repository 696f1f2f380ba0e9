"""Hand on the Grafana foundation SDK, imported without the warning that it gives.

The module of the classic schema warns that version 2 is preferred; Grafana 11 cannot read that
(docs/adr/0015-dashboards-as-code.md).
"""

from __future__ import annotations

import warnings

with warnings.catch_warnings():
    warnings.simplefilter("ignore", DeprecationWarning)
    from grafana_foundation_sdk.builders import bargauge, stat, table, timeseries
    from grafana_foundation_sdk.builders import common as options
    from grafana_foundation_sdk.cog import runtime
    from grafana_foundation_sdk.cog.encoder import JSONEncoder
    from grafana_foundation_sdk.cog.plugins import register_default_plugins
    from grafana_foundation_sdk.models import common, units
    from grafana_foundation_sdk.models import dashboard as model
    from grafana_foundation_sdk.models import prometheus as queries
    from grafana_foundation_sdk.models.prometheus import PromQueryFormat

__all__ = [
    "JSONEncoder",
    "PromQueryFormat",
    "bargauge",
    "common",
    "model",
    "options",
    "queries",
    "register_default_plugins",
    "runtime",
    "stat",
    "table",
    "timeseries",
    "units",
]
