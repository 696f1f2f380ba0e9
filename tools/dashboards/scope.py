"""Hold the PromQL that the dashboards share: what a province, a unit or an asset is, and what its parts say.

The inventory says what belongs where, and which agent speaks for an asset; what any other agent says of it is
left out. Agents that miss a scrape say nothing about findings;
the scores, which the recording rules hold, still count them.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from secmon.core.model import Severity


@dataclass(frozen=True, slots=True)
class Scope:
    """Part of the inventory.

    Attributes:
        where: matchers of labels that asset:secmon_inventory:info has.
        agents: matcher of the agents that speak for it, "" for all. A join alone would read the series of
            every agent first: of 5,000 agents that takes Prometheus seconds, and for a graph minutes.
    """

    where: str
    agents: str = ""

    @property
    def inventory(self) -> str:
        """Return the assets."""
        return f"asset:secmon_inventory:info{{{self.where}}}"

    def series(self, metric: str, matchers: str = "") -> str:
        """Return what the agents export: a metric with more matchers, if any."""
        return f"{metric}{{{','.join(filter(None, (self.agents, matchers)))}}}"

    def of_assets(self, vector: str) -> str:
        """Return what the assets' own agents say of them; the vector has the labels agent and asset."""
        return f'({vector} and on (agent, asset) asset:secmon_inventory:info{{{self.where},agent!=""}})'

    def findings(self, state: str, severity: str) -> str:
        """Return how many findings the assets' own agents count, by check."""
        found = self.series("secmon_findings", f'state="{state}",severity=~"{severity}"')
        return self.of_assets(f"max by (agent, asset, check, severity) ({found})")

    @property
    def answering(self) -> str:
        """Return the assets whose own agents answer now."""
        return self.of_assets(self.series("secmon_asset_info"))

    @property
    def silent(self) -> str:
        """Return the assets that count 0, since nobody speaks for them."""
        return f"({self.inventory} and on (agent, asset) asset:secmon_silent:bool)"

    @property
    def maintained(self) -> str:
        """Return the assets in maintenance."""
        return f"({self.inventory} and on (asset) asset:secmon_maintenance:bool)"

    @property
    def alerts(self) -> str:
        """Return firing alerts: those of the units, and those of no unit, which concern everybody."""
        firing = 'ALERTS{alertname=~"Secmon.+",alertstate="firing"'
        return f'({firing}}} and on (unit) {self.inventory} or {firing},unit=""}})'


PROVINCE: Final = Scope('province="$province"')
KIND: Final = Scope('province="$province",unit_kind=~"$unit_kind"')
UNIT: Final = Scope('province="$province",unit="$unit"', 'agent=~"$agents"')
ASSET: Final = Scope('province="$province",asset="$asset"', 'agent="$agent",asset="$asset"')


def or_zero(count: str, known: str) -> str:
    """Return a count that is 0 where it finds nothing, and empty where nothing is known.

    Args:
        count: an aggregation without labels.
        known: vector of that which would be counted; empty where nobody knows.
    """
    return f"{count} or 0 * count({known})"


def days(seconds: str) -> str:
    """Return days of seconds."""
    return f"({seconds}) / 86400"


def _points() -> str:
    """Return the points of a rule by its severity, as a vector to join on (severity)."""
    return " or ".join(
        f'label_replace(vector({severity.points}), "severity", "{severity.value}", "", "")'
        for severity in sorted(Severity, key=lambda severity: -severity.rank)
        if severity.points
    )


def gain(scope: Scope, weight: str, whole: str) -> str:
    """Return what repairing all failing subjects of a rule adds to a raw score, by rule and severity.

    It is 0, and so left out, where the rule is also unknown or in error somewhere on the asset, since then it
    is not decided (docs/architecture.md, "Score"), and where the agent's packs are not accepted.

    Args:
        scope: the assets.
        weight: vector by asset that says what a whole asset weighs.
        whole: what the weights of all assets add up to.
    """
    failing = scope.of_assets(scope.series("secmon_rule_results", 'outcome="fail"') + " > 0")
    undecided = scope.series("secmon_rule_results", 'outcome=~"unknown|error"') + " > 0"
    refused = "agent:secmon_packs_refused:bool"
    possible = f"asset:secmon_score:denominator{{{scope.where}}} > 0"
    return f"""
sum by (rule, severity) (
  group by (asset, rule, severity) (
    {failing} unless on (agent, asset, rule) {undecided} unless on (agent) {refused}
  )
  * on (severity) group_left () ({_points()})
  * on (asset) group_left () ({weight} / on (asset) ({possible}))
) / on () group_left () {whole}""".strip()
