"""Turn a snapshot into the Prometheus text page."""

from __future__ import annotations

import gzip
from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily

from secmon.core.contract import MetricSpec, Sample
from secmon.core.model import Outcome, Reason, Severity
from secmon.core.texts import escape

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from prometheus_client.core import Metric

    from secmon.core.contract import Registry
    from secmon.core.handover import Handover
    from secmon.core.snapshot import AssetState, CheckState, Snapshot

SERIES_PER_ASSET: Final = 500
"""Series of one asset on a page; the rest is counted, and critical findings are never dropped."""

_GZIP_LEVEL: Final = 1  # level 9 takes 25 times as long for an eighth less (docs/adr/0004-http-front.md)
_LARGEST: Final = 1e300  # no integer that a float cannot hold, no infinity, no NaN
_RUN_FAILURES: Final = (Reason.TIMEOUT, Reason.CRASHED, Reason.RESOURCE_LIMIT, Reason.PERMISSION)


def _gauge(name: str, labels: str, text: str) -> MetricSpec:
    return MetricSpec(f"secmon_{name}", "gauge", tuple(labels.split()), text)


def _counter(name: str, labels: str, text: str) -> MetricSpec:
    return MetricSpec(f"secmon_{name}", "counter", tuple(labels.split()), text)


FAMILIES: Final[tuple[MetricSpec, ...]] = (
    _gauge("points_possible", "asset check", "Points that the rules bound to the asset are worth."),
    _gauge("points_earned", "asset check", "Points of decided rules without a failure, before freshness."),
    _gauge(
        "points_accepted",
        "asset check",
        "Points of decided rules whose failures are all waived, before freshness.",
    ),
    _gauge("points_covered", "asset check", "Points of decided rules, before freshness."),
    _gauge(
        "check_last_complete_timestamp_seconds",
        "asset check",
        "End of the last run that attempted every target with its canary passing.",
    ),
    _gauge(
        "asset_points_possible", "asset", "Points that are expected of the asset, whatever is configured."
    ),
    _gauge(
        "asset_points_earned",
        "asset",
        "Points earned by checks that were complete in the last 12 hours, of those expected.",
    ),
    _gauge(
        "asset_points_waived", "asset", "Points of the same checks that waivers accept, where there are any."
    ),
    _gauge("asset_points_covered", "asset", "Points covered by the same checks."),
    _gauge(
        "ageing_points_earned",
        "asset check",
        "Points earned by a check that was not complete in the last 12 hours, of those expected.",
    ),
    _gauge("ageing_points_waived", "asset check", "Points of the same check that waivers accept."),
    _gauge("ageing_points_covered", "asset check", "Points covered by the same check."),
    _gauge("ageing_last_complete_timestamp_seconds", "asset check", "End of its last complete run."),
    _gauge("asset_info", "asset platform level roles", "What the agent takes the asset for."),
    _gauge(
        "claim_timestamp_seconds",
        "asset platform level roles pack sha256",
        "Instant that the page shows, and what the agent takes the asset for and judges it by then.",
    ),
    _gauge("score_ratio", "asset", "Raw score of the asset, waived failures counted."),
    _gauge("accepted_ratio", "asset", "Score of the asset, waived failures forgiven."),
    _gauge("coverage_ratio", "asset", "Share of the asset's points that were decided and are fresh."),
    _gauge("grade_info", "asset grade", "Grade of the asset, A to E."),
    _gauge(
        "findings", "asset check severity state", "Open findings; waived ones are told apart by their state."
    ),
    _gauge("results", "asset check outcome", "Results of the latest judgement."),
    _gauge(
        "rule_results",
        "asset rule severity outcome",
        "Results of the latest judgement that are not passes, by rule.",
    ),
    _gauge(
        "observation_reasons", "asset check reason", "Looks of the latest run that failed or were partial."
    ),
    _gauge("check_up", "check", "Whether the latest run was judged and its sensor proved that it can see."),
    _gauge("check_interval_seconds", "check", "Time between runs."),
    _gauge("check_duration_seconds", "check", "Time that the last run took."),
    _gauge("check_last_run_timestamp_seconds", "check", "End of the last run."),
    _counter("check_missed_total", "check", "Ticks that came while a run of the check was going."),
    _counter("check_kills_total", "check", "Children of the check that were killed for a limit."),
    _gauge("check_quarantined", "check", "Whether the check is paused after kills in a row."),
    _counter("check_failures_total", "check reason", "Runs of the check that failed, by reason."),
    _gauge("waiver_expires_timestamp_seconds", "waiver", "Instant from which the waiver no longer holds."),
    _gauge("config_last_reload_successful", "", "Whether the configuration was good when last read."),
    _gauge("rules_last_reload_successful", "", "Whether rules and waivers were good when last read."),
    _gauge("pack_info", "pack version sha256 signed", "Packs of rules, waivers and overrides in force."),
    _gauge("build_info", "version", "Version of secmon."),
    _gauge("insecure_listen", "", "Whether the page is served off loopback without protection."),
    _counter("state_write_errors_total", "", "Writes to the store that failed."),
    _counter("scrape_rejected_total", "reason", "Requests and connections that were refused."),
    _counter("series_dropped_total", "", "Series left out of pages because their asset had too many."),
    _gauge("snapshot_timestamp_seconds", "", "Instant that the page shows."),
    _counter("process_cpu_seconds_total", "", "User and system CPU time of the core."),
    _gauge("process_resident_memory_bytes", "", "Resident memory of the core."),
    _gauge("process_virtual_memory_bytes", "", "Virtual memory of the core."),
    _gauge("process_start_time_seconds", "", "Start of the core."),
    _gauge("process_open_fds", "", "Open file descriptors of the core."),
    _gauge("process_max_fds", "", "Limit on open file descriptors of the core."),
)
"""Every family that the agent exports beside the checks' own (CheckSpec.metrics)."""


@dataclass(frozen=True, slots=True)
class Page:
    """A page as it goes over the wire.

    Attributes:
        plain: Prometheus text format 0.0.4, UTF-8.
        gzipped: the same, compressed.
    """

    plain: bytes
    gzipped: bytes


class Renderer:
    """Renders snapshots; it remembers only how many series it ever left out.

    Args:
        checks: whose own families stand on the page too.

    Raises:
        ValueError: two families have one name.
    """

    def __init__(self, checks: Registry) -> None:
        families = (*FAMILIES, *(family for check in checks.checks.values() for family in check.metrics))
        self._specs = {spec.name: spec for spec in families}
        if len(self._specs) != len(families):
            names = Counter(spec.name for spec in families)
            raise ValueError(f"metric declared twice: {', '.join(n for n, c in names.items() if c > 1)}")
        self._dropped = 0

    def render(self, snapshot: Snapshot) -> Page:
        """Render one snapshot.

        Args:
            snapshot: the picture of one instant.

        Returns:
            The page, plain and compressed.
        """
        kept, dropped = limit(_fitting(samples(snapshot), self._specs), self._specs)
        self._dropped += dropped
        kept.append(Sample("secmon_series_dropped_total", (), self._dropped))
        registry = CollectorRegistry()
        registry.register(_Collector(self._specs, kept))
        plain = generate_latest(registry)
        return Page(plain, gzip.compress(plain, _GZIP_LEVEL, mtime=0))


class _Collector:
    """Hands samples to prometheus_client, family by family."""

    def __init__(self, specs: Mapping[str, MetricSpec], kept: Iterable[Sample]) -> None:
        self._specs = specs
        self._by_name: dict[str, list[Sample]] = {}
        for sample in kept:
            self._by_name.setdefault(sample.name, []).append(sample)

    def describe(self) -> list[Metric]:
        """Return nothing: the registry need not collect to learn our names."""
        return []

    def collect(self) -> Iterator[Metric]:
        """Yield each family that has samples, in declared order."""
        for name, spec in self._specs.items():
            found = self._by_name.get(name)
            if not found:
                continue
            kind = CounterMetricFamily if spec.type == "counter" else GaugeMetricFamily
            family = kind(name.removesuffix("_total"), spec.help, labels=spec.labels)
            for sample in found:
                family.add_metric([escape(value) for value in sample.labels], sample.value)
            yield family


def _fitting(found: Iterable[Sample], specs: Mapping[str, MetricSpec]) -> Iterator[Sample]:
    """Yield the samples that a page can hold: finite, of a known family, with its labels, each series once.

    A judge child reads hostile facts; what it sends is not trusted to be well formed.
    """
    seen: set[tuple[str, tuple[str, ...]]] = set()
    for sample in found:
        spec = specs.get(sample.name)
        key = (sample.name, tuple(map(escape, sample.labels)))
        if spec is None or len(sample.labels) != len(spec.labels) or key in seen:
            continue
        if not -_LARGEST < sample.value < _LARGEST:
            continue
        seen.add(key)
        yield sample


def limit(
    found: Iterable[Sample], specs: Mapping[str, MetricSpec], most: int = SERIES_PER_ASSET
) -> tuple[list[Sample], int]:
    """Leave out what is too many for one asset.

    Args:
        found: samples, the most important first.
        specs: name -> family.
        most: series that an asset may have.

    Returns:
        The samples that stay, in their order, and how many were left out.
    """
    counts: Counter[str] = Counter()
    kept: list[Sample] = []
    dropped = 0
    for sample in found:
        labels = dict(zip(specs[sample.name].labels, sample.labels, strict=True))
        asset = labels.get("asset")
        if asset is not None:
            counts[asset] += 1
            if counts[asset] > most and labels.get("severity") != Severity.CRITICAL:
                dropped += 1
                continue
        kept.append(sample)
    return kept, dropped


def samples(snapshot: Snapshot) -> Iterator[Sample]:
    """Yield every sample of a snapshot.

    Args:
        snapshot: the picture of one instant.

    Yields:
        Samples; of one asset the most important first.
    """
    for state in snapshot.assets:
        yield from _asset(state, snapshot)
        yield from _findings(state)
    for check in snapshot.checks:
        yield from _check(check)
    yield from _agent(snapshot)
    yield from snapshot.gauges
    yield from snapshot.counters


def _asset(state: AssetState, snapshot: Snapshot) -> Iterator[Sample]:
    asset = state.asset
    for check in state.checks:
        labels = (asset.id, check.check)
        yield Sample("secmon_points_possible", labels, check.points.possible)
        yield Sample("secmon_points_earned", labels, check.points.earned)
        yield Sample("secmon_points_accepted", labels, check.points.accepted)
        yield Sample("secmon_points_covered", labels, check.points.covered)
        if check.last_complete is not None:
            yield Sample("secmon_check_last_complete_timestamp_seconds", labels, check.last_complete)
    yield from _handover(asset.id, state.handover)
    roles = ",".join(sorted(asset.roles))
    claim = (asset.id, asset.platform, str(asset.level), roles)
    yield Sample("secmon_asset_info", claim, 1)
    for pack in snapshot.packs:
        yield Sample("secmon_claim_timestamp_seconds", (*claim, pack.name, pack.sha256), snapshot.at)
    for name, percent in (
        ("secmon_score_ratio", state.score.raw),
        ("secmon_accepted_ratio", state.score.accepted),
        ("secmon_coverage_ratio", state.score.coverage),
    ):
        if percent is not None:
            yield Sample(name, (asset.id,), percent / 100)
    if state.score.grade is not None:
        yield Sample("secmon_grade_info", (asset.id, state.score.grade), 1)


def _handover(asset: str, told: Handover) -> Iterator[Sample]:
    yield Sample("secmon_asset_points_possible", (asset,), told.recent.possible)
    yield Sample("secmon_asset_points_earned", (asset,), told.recent.earned)
    if waived := told.recent.accepted - told.recent.earned:
        yield Sample("secmon_asset_points_waived", (asset,), waived)
    yield Sample("secmon_asset_points_covered", (asset,), told.recent.covered)
    for check in told.ageing:
        labels = (asset, check.check)
        yield Sample("secmon_ageing_points_earned", labels, check.points.earned)
        yield Sample("secmon_ageing_points_waived", labels, check.points.accepted - check.points.earned)
        yield Sample("secmon_ageing_points_covered", labels, check.points.covered)
        yield Sample("secmon_ageing_last_complete_timestamp_seconds", labels, check.last_complete)


_WORST_FIRST: Final = {Outcome.FAIL: 0, Outcome.ERROR: 1, Outcome.UNKNOWN: 2}


def _findings(state: AssetState) -> Iterator[Sample]:
    asset = state.asset.id
    for finding in state.findings:
        labels = (asset, finding.check, finding.severity, finding.state)
        yield Sample("secmon_findings", labels, finding.count)
    for check in state.checks:
        for outcome, count in check.outcomes.items():
            yield Sample("secmon_results", (asset, check.check, outcome), count)
        for reason, count in check.reasons.items():
            yield Sample("secmon_observation_reasons", (asset, check.check, reason), count)
    for rule in sorted(state.rules, key=lambda rule: (_WORST_FIRST[rule.outcome], -rule.severity.rank)):
        yield Sample("secmon_rule_results", (asset, rule.rule, rule.severity, rule.outcome), rule.count)


def _check(state: CheckState) -> Iterator[Sample]:
    labels, stats = (state.check,), state.stats
    yield Sample("secmon_check_up", labels, state.up)
    yield Sample("secmon_check_interval_seconds", labels, state.interval)
    if stats.duration is not None:
        yield Sample("secmon_check_duration_seconds", labels, stats.duration)
    if stats.last_run is not None:
        yield Sample("secmon_check_last_run_timestamp_seconds", labels, stats.last_run)
    yield Sample("secmon_check_missed_total", labels, stats.missed)
    yield Sample("secmon_check_kills_total", labels, stats.kills)
    yield Sample("secmon_check_quarantined", labels, stats.quarantined)
    failures = dict.fromkeys(_RUN_FAILURES, 0) | stats.failures
    for reason, count in failures.items():
        yield Sample("secmon_check_failures_total", (state.check, reason), count)


def _agent(snapshot: Snapshot) -> Iterator[Sample]:
    agent, usage = snapshot.agent, snapshot.agent.usage
    for waiver in snapshot.waivers:
        yield Sample("secmon_waiver_expires_timestamp_seconds", (waiver.id,), waiver.expires)
    for pack in snapshot.packs:
        signed = "true" if pack.signed else "false"
        yield Sample("secmon_pack_info", (pack.name, pack.version, pack.sha256, signed), 1)
    for reason, count in agent.rejected.items():
        yield Sample("secmon_scrape_rejected_total", (reason,), count)
    yield Sample("secmon_build_info", (agent.version,), 1)
    for name, value in (
        ("secmon_config_last_reload_successful", agent.reload.config),
        ("secmon_rules_last_reload_successful", agent.reload.rules),
        ("secmon_insecure_listen", snapshot.insecure),
        ("secmon_state_write_errors_total", agent.state_write_errors),
        ("secmon_snapshot_timestamp_seconds", snapshot.at),
        ("secmon_process_cpu_seconds_total", usage.cpu_seconds),
        ("secmon_process_resident_memory_bytes", usage.resident_bytes),
        ("secmon_process_virtual_memory_bytes", usage.virtual_bytes),
        ("secmon_process_start_time_seconds", usage.start_time),
        ("secmon_process_open_fds", usage.open_fds),
        ("secmon_process_max_fds", usage.max_fds),
    ):
        yield Sample(name, (), float(value))
