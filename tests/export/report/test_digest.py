from __future__ import annotations

from secmon.core.model import Severity
from secmon.export.report.digest import count_severities, digest
from tests.export.report import samples
from tests.export.report.samples import listener, observation, report, result


def test_the_worst_comes_first_then_what_earns_most():
    (asset,) = digest(samples.typical(), "en")
    assert [(item.rule, item.severity.value, item.gain) for item in asset.failures] == [
        ("ports.telnet-exposed", "critical", 16.39),
        ("patches.security-pending", "high", 9.8),
        ("ports.unexpected-listener", "high", None),
        ("tls.expiring", "medium", 4.9),
    ]


def test_an_accepted_risk_stands_apart():
    (asset,) = digest(samples.typical(), "en")
    assert [item.rule for item in asset.waived] == ["ports.unexpected-listener"]
    assert [len(item.results) for item in asset.failures if item.rule == "ports.unexpected-listener"] == [1]


def test_subjects_are_in_the_order_of_their_numbers():
    failing = [result("ports.telnet-exposed", "fail", subject=listener(port)) for port in (100, 9, 23)]
    (asset,) = digest(report(failing), "en")
    assert [item["subject"]["port"] for item in asset.failures[0].results] == [9, 23, 100]


def test_the_worst_effective_severity_of_a_rule_counts():
    failing = [
        result("tls.expiring", "fail", target="a:1"),
        result("tls.expiring", "fail", target="b:1", severity="critical"),
    ]
    (asset,) = digest(report(failing), "en")
    assert asset.failures[0].severity is Severity.CRITICAL
    assert count_severities(asset.failures) == {Severity.CRITICAL: 2}


def test_what_could_not_be_decided_is_told_with_what_the_probe_said():
    (asset,) = digest(samples.typical(), "en")
    (group,) = asset.undecided
    assert (group.check, group.reason, group.titles, group.targets) == (
        "traffic",
        "permission",
        ("A host is scanning ports",),
        ("if:eth0",),
    )
    assert group.details == ("Capturing on eth0 needs CAP_NET_RAW; run as root.",)


def test_fields_that_were_not_seen_are_named_once():
    open_results = [
        result("tls.expiring", "unknown", reason="no_data", target=target, missing={"not_after": "no_data"})
        for target in ("a:1", "b:1")
    ]
    (asset,) = digest(report(open_results), "en")
    assert [(group.missing, group.targets) for group in asset.undecided] == [(("not_after",), ("a:1", "b:1"))]


def test_a_failed_look_shows_even_where_no_rule_waits_for_it():
    seen = observation("tls", outcome="failed", reason="refused", target="a:1", detail="a:1 refused.")
    (asset,) = digest(report([result("tls.expiring")], observations=[seen]), "en")
    assert [(group.reason, group.titles) for group in asset.undecided] == [("refused", ())]


def test_assets_do_not_mix():
    first, second, third = digest(samples.several(), "en")
    assert (len(first.failures), len(second.failures), len(third.failures)) == (4, 0, 0)
    assert (second.counts["pass"], sum(third.counts.values())) == (1, 0)
    assert (first.capped, second.capped, third.capped) == (True, False, False)


def test_a_text_that_one_language_lacks_comes_from_the_other():
    only = report([result("tls.expiring", "fail")])
    only["rules"] = {
        "tls.expiring": {**samples.RULES["tls.expiring"], "title": {"vi": "Sắp hết hạn"}, "fix": {}}
    }
    (asset,) = digest(only, "en")
    assert (asset.failures[0].title, asset.failures[0].fix) == ("Sắp hết hạn", "")
