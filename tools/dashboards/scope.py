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
        where: matchers of labels that asset:secmon_score:denominator has.
        agents: matcher of the agents that speak for it, "" for all. A join alone would read the series of
            every agent first: of 5,000 agents that takes Prometheus seconds, and for a graph minutes.
    """

    where: str
    agents: str = ""

    @property
    def inventory(self) -> str:
        """Return the assets."""
        return f"asset:secmon_score:denominator{{{self.where}}}"

    def series(self, metric: str, matchers: str = "") -> str:
        """Return what the agents export: a metric with more matchers, if any."""
        return f"{metric}{{{','.join(filter(None, (self.agents, matchers)))}}}"

    def of_assets(self, vector: str) -> str:
        """Return what the assets' own agents say of them; the vector has the labels agent and asset."""
        return f'({vector} and on (agent, asset) asset:secmon_score:denominator{{{self.where},agent!=""}})'

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
        """Return the assets that count 0, since there is no page that speaks of them."""
        return f"({self._mute} unless on (agent, asset) {self._pages})"

    @property
    def disbelieved(self) -> str:
        """Return the assets that count 0 although a page speaks of them, since it is not believed."""
        return f"({self._mute} and on (agent, asset) {self._pages})"

    @property
    def state(self) -> str:
        """Return by asset how it is heard, as style.STATE spells it."""
        asleep = f"{self.inventory} and on (agent, asset) asset:secmon_asleep:timestamp"
        return (
            f"3 * group by (asset) ({self.disbelieved}) or 2 * group by (asset) ({self.silent})"
            f" or group by (asset) ({asleep}) or 0 * group by (asset) ({self.inventory})"
        )

    @property
    def _mute(self) -> str:
        """Return the assets that the rules call silent: with no page, or with none that is believed."""
        return f"{self.inventory} and on (agent, asset) asset:secmon_silent:bool"

    @property
    def _pages(self) -> str:
        """Return what agents take assets for; a page that names no agent is nobody's."""
        return self.series("secmon_asset_info", 'agent!=""')

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


REFUSED: Final = """
(
  secmon_asset_info
  unless on (agent) (
    count by (agent, instance) (secmon_pack_info and on (pack, sha256) pack:secmon_accepted:bool > 0)
    == scalar(count(group by (pack) (pack:secmon_accepted:bool)))
  )
  and on () pack:secmon_accepted:bool
)""".strip()
"""Pages of agents that lack a pack which the inventory lists, or have it at a digest that is not accepted."""


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
    is not decided (docs/architecture.md, "Score"), and where the agent is not believed.

    Args:
        scope: the assets.
        weight: vector by asset that says what a whole asset weighs.
        whole: what the weights of all assets add up to.
    """
    failing = scope.of_assets(scope.series("secmon_rule_results", 'outcome="fail"') + " > 0")
    undecided = scope.series("secmon_rule_results", 'outcome=~"unknown|error"') + " > 0"
    unheard = f"asset:secmon_unheard:denominator{{{scope.where}}}"
    possible = f"asset:secmon_score:denominator{{{scope.where}}} > 0"
    return f"""
sum by (rule, severity) (
  group by (asset, rule, severity) (
    {failing} unless on (agent, asset, rule) {undecided} unless on (agent, asset) {unheard}
  )
  * on (severity) group_left () ({_points()})
  * on (asset) group_left () ({weight} / on (asset) ({possible}))
) / on () group_left () {whole}""".strip()
