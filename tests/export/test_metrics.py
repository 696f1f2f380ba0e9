"""The page says what the snapshot says, in a format that two parsers which are not ours accept."""

from __future__ import annotations

import gzip
import shutil
import subprocess
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from prometheus_client.parser import text_string_to_metric_families

from secmon.core.contract import CheckSpec, MetricSpec, Registry, Sample
from secmon.core.judged import keep
from secmon.core.judgement import ReasonCount, WaivedUntil
from secmon.core.lifecycle import advance
from secmon.core.model import Outcome, Reason, Severity
from secmon.core.snapshot import Agent, CheckStats, Inputs, Reload, Usage, build
from secmon.core.texts import escape
from secmon.export.metrics import FAMILIES, SERIES_PER_ASSET, Renderer
from tests.support.judgements import ASSET, CHECK, judgement, plan, result

OPEN = MetricSpec("secmon_tls_endpoint_reason", "gauge", ("asset", "target", "reason"), "A gauge of a check.")
PACKETS = MetricSpec("secmon_capture_packets_total", "counter", ("interface",), "A counter of a check.")
REGISTRY = Registry({CHECK: CheckSpec(CHECK, (), (), 300, 60, "en", "vi", metrics=(OPEN, PACKETS))})
PLAN = plan(waivers={"w1": 5000.0})
AGENT = Agent(
    "0.1.0",
    reload=Reload(1.0, config=True, rules=False),
    usage=Usage(1.5, 30 << 20, 60 << 20, 900.0, 12, 1024),
    state_write_errors=2,
    rejected={"timeout": 3, "not_found": 0},
)


def snapshot(gauges=(), counters=(), results=None, name_of_asset=ASSET, now=1000.0, waived=()):
    of = replace(PLAN, assets=tuple(replace(asset, id=name_of_asset) for asset in PLAN.assets))
    of = replace(of, possible={name_of_asset: {CHECK: 16}})
    told = judgement(
        of,
        *(
            results
            if results is not None
            else [
                result("ports.smb", 445, asset=name_of_asset),
                result(
                    "ports.telnet",
                    23,
                    severity=Severity.CRITICAL,
                    outcome=Outcome.UNKNOWN,
                    asset=name_of_asset,
                ),
            ]
        ),
        waived=waived,
    )
    told = replace(told, samples=tuple(gauges), reasons=(ReasonCount(name_of_asset, Reason.PERMISSION, 2),))
    stats = {CHECK: CheckStats(1000.0, 2.0, 1300.0, 1, 2, quarantined=True, failures={Reason.TIMEOUT: 4})}
    judged = {CHECK: keep(told, of.digest, None, advance((), told, 1000.0).new)}
    return build(Inputs(of, judged, stats, tuple(counters)), AGENT, now)


def parsed(page):
    return {
        (sample.name, tuple(sorted(sample.labels.items()))): sample.value
        for family in text_string_to_metric_families(page.plain.decode())
        for sample in family.samples
    }


def test_the_page_tells_the_whole_snapshot():
    page = Renderer(REGISTRY).render(
        snapshot(
            gauges=[Sample(OPEN.name, (ASSET, "mail:25", "timeout"), 1.0)],
            counters=[Sample(PACKETS.name, ("eth0",), 7.0)],
        )
    )
    found = parsed(page)

    def value(name, **labels):
        return found["secmon_" + name, tuple(sorted(labels.items()))]

    assert value("points_possible", asset=ASSET, check=CHECK) == 16
    assert value("points_covered", asset=ASSET, check=CHECK) == 6
    assert value("asset_points_possible", asset=ASSET) == 16
    assert value("asset_points_covered", asset=ASSET) == 6
    assert value("score_ratio", asset=ASSET) == 0
    assert value("coverage_ratio", asset=ASSET) == 0.375
    assert value("grade_info", asset=ASSET, grade="E") == 1
    assert value("findings", asset=ASSET, check=CHECK, severity="high", state="open") == 1
    assert value("findings", asset=ASSET, check=CHECK, severity="critical", state="open") == 0
    assert value("results", asset=ASSET, check=CHECK, outcome="unknown") == 1
    assert (
        value("rule_results", asset=ASSET, rule="ports.telnet", severity="critical", outcome="unknown") == 1
    )
    assert value("observation_reasons", asset=ASSET, check=CHECK, reason="permission") == 2
    assert value("check_failures_total", check=CHECK, reason="timeout") == 4
    assert value("check_failures_total", check=CHECK, reason="crashed") == 0
    assert value("check_quarantined", check=CHECK) == 1
    assert value("asset_info", asset=ASSET, platform="linux", level="2", roles="server") == 1
    claim = {"asset": ASSET, "platform": "linux", "level": "2", "roles": "server"}
    assert [pack.name for pack in PLAN.packs] == ["builtin"]
    assert value("claim_timestamp_seconds", pack="builtin", sha256=PLAN.packs[0].sha256, **claim) == 1000
    assert value("waiver_expires_timestamp_seconds", waiver="w1") == 5000
    assert value("rules_last_reload_successful") == 0
    assert value("state_write_errors_total") == 2
    assert value("scrape_rejected_total", reason="timeout") == 3
    assert value("tls_endpoint_reason", asset=ASSET, target="mail:25", reason="timeout") == 1
    assert value("capture_packets_total", interface="eth0") == 7
    assert value("snapshot_timestamp_seconds") == 1000
    assert gzip.decompress(page.gzipped) == page.plain


def test_points_of_a_check_that_is_not_recent_stand_by_check():
    found = parsed(Renderer(REGISTRY).render(snapshot(now=50_000.0)))
    of_asset, of_check = (("asset", ASSET),), (("asset", ASSET), ("check", CHECK))
    assert found["secmon_asset_points_covered", of_asset] == 0
    assert found["secmon_asset_points_possible", of_asset] == 16
    assert found["secmon_ageing_points_covered", of_check] == 6
    assert found["secmon_ageing_last_complete_timestamp_seconds", of_check] == 1000


WAIVED = (WaivedUntil(result("ports.smb", 445).fingerprint, "w1", 90_000.0),)


def test_waived_points_stand_where_there_are_any():
    of_asset, of_check = (("asset", ASSET),), (("asset", ASSET), ("check", CHECK))
    now, later = (
        parsed(Renderer(REGISTRY).render(snapshot(now=now, waived=WAIVED))) for now in (1000.0, 50_000.0)
    )
    assert now["secmon_asset_points_earned", of_asset] == 0
    assert now["secmon_asset_points_waived", of_asset] == 6
    assert ("secmon_asset_points_waived", of_asset) not in later
    assert later["secmon_ageing_points_waived", of_check] == 6
    assert ("secmon_asset_points_waived", of_asset) not in parsed(Renderer(REGISTRY).render(snapshot()))


def test_every_family_of_the_table_can_stand_on_a_page():
    renderer = Renderer(REGISTRY)
    pages = [snapshot(), snapshot(now=50_000.0), snapshot(waived=WAIVED)]
    text = "".join(renderer.render(page).plain.decode() for page in pages)
    missing = [spec.name for spec in FAMILIES if f"# TYPE {spec.name} {spec.type}\n" not in text]
    assert missing == []


def test_promtool_finds_nothing_to_say_about_the_page(needs):
    needs("promtool")
    page = Renderer(REGISTRY).render(snapshot())
    done = subprocess.run(
        [shutil.which("promtool"), "check", "metrics"], input=page.plain, capture_output=True, check=False
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, b"", b"")


HOSTILE = st.text(st.characters(), max_size=40) | st.sampled_from(
    ['a"b', "a\\", "\n", "\\n", '\\"', "Sở Nội vụ", "\u202e", "\ud800", "{}=,", ""]
)


@settings(deadline=None)
@given(asset=HOSTILE.filter(bool), target=HOSTILE, value=st.floats(-1e299, 1e299))
def test_no_label_value_breaks_the_page(asset, target, value):
    page = Renderer(REGISTRY).render(
        snapshot(gauges=[Sample(OPEN.name, (asset, target, "timeout"), value)], name_of_asset=asset)
    )
    found = parsed(page)
    key = (("asset", escape(asset)), ("reason", "timeout"), ("target", escape(target)))
    assert found[OPEN.name, key] == value
    assert found["secmon_score_ratio", (("asset", escape(asset)),)] == 0


@pytest.mark.parametrize(
    "sample",
    [
        Sample("secmon_unheard_of", (ASSET,), 1.0),
        Sample(OPEN.name, (ASSET,), 1.0),
        Sample(OPEN.name, (ASSET, "t", "r", "more"), 1.0),
        Sample(OPEN.name, (ASSET, "t", "timeout"), float("nan")),
        Sample(OPEN.name, (ASSET, "t", "timeout"), float("inf")),
        Sample(OPEN.name, (ASSET, "t", "timeout"), 10**400),
    ],
)
def test_a_sample_that_fits_no_family_is_left_out_and_the_page_stands(sample):
    rendered = [Renderer(REGISTRY).render(snapshot(gauges=gauges)).plain for gauges in ([sample], [])]
    assert rendered[0] == rendered[1]


def test_a_series_stands_on_the_page_once():
    twice = [Sample(OPEN.name, (ASSET, target, "timeout"), 1.0) for target in ("a\n", "a\n", "a\\x0a")]
    page = Renderer(REGISTRY).render(snapshot(gauges=twice))
    assert page.plain.decode().count(f"\n{OPEN.name}{{") == 1


def test_an_asset_has_so_many_series_and_no_critical_finding_is_lost():
    rules = {f"ports.r{n}": Severity.CRITICAL if n % 10 == 0 else Severity.LOW for n in range(700)}
    failing = [result(rule, 1, severity=severity) for rule, severity in rules.items()]
    failing.reverse()
    targets = [Sample(OPEN.name, (ASSET, f"host-{n}:443", "timeout"), 1.0) for n in range(300)]
    renderer = Renderer(REGISTRY)
    first = parsed(renderer.render(snapshot(gauges=targets, results=failing)))
    # The judgement above is over PLAN's rules, so only rule counts of the results are looked at here.
    of_asset = [key for key in first if ("asset", ASSET) in key[1]]
    assert len(of_asset) == SERIES_PER_ASSET
    critical = [
        key for key in first if key[0] == "secmon_rule_results" and ("severity", "critical") in key[1]
    ]
    assert len(critical) == 70
    dropped = first["secmon_series_dropped_total", ()]
    assert dropped > 400
    again = parsed(renderer.render(snapshot(gauges=targets, results=failing)))
    assert again["secmon_series_dropped_total", ()] == 2 * dropped


def test_critical_findings_stay_even_beyond_the_limit():
    failing = [result(f"ports.r{n}", 1, severity=Severity.CRITICAL) for n in range(SERIES_PER_ASSET + 50)]
    found = parsed(Renderer(REGISTRY).render(snapshot(results=failing)))
    assert sum(key[0] == "secmon_rule_results" for key in found) == SERIES_PER_ASSET + 50


def test_a_family_declared_twice_is_refused():
    twice = CheckSpec(CHECK, (), (), 300, 60, "en", "vi", metrics=(FAMILIES[0],))
    with pytest.raises(ValueError, match="secmon_points_possible"):
        Renderer(Registry({CHECK: twice}))


def test_names_and_units_follow_the_format():
    for spec in FAMILIES:
        assert spec.name.startswith("secmon_")
        assert (spec.type == "counter") == spec.name.endswith("_total")
        assert "le" not in spec.labels
        assert "agent" not in spec.labels
