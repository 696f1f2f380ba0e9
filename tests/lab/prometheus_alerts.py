"""A healthy asset and its twin in maintenance, and for each alert the fault that raises it, as unit tests for promtool.

Each runs for 150 minutes; the fault lasts from minute 20 to minute 99.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

MINUTES: Final = 150
FAULT: Final = range(20, 100)
HOSTILE: Final = 'h"1\u202e<b>:443'
CLAIM: Final = {"level": "1", "platform": "server", "roles": "web"}

Values = tuple[str, str, str]
"""In promtool's notation: before, during (80 minutes) and after the fault; "" for none."""


def _always(value: int) -> Values:
    return f"{value}+0x19", f"{value}+0x79", f"{value}+0x49"


def _while(value: int) -> Values:
    return "", f"{value}+0x79", ""


def _but(value: int, fault: int) -> Values:
    return f"{value}+0x19", f"{fault}+0x79", f"{value}+0x49"


def _not_while(value: int) -> Values:
    return f"{value}+0x19", "", f"{value}+0x49"


_ONCE: Final = ("timestamp", "unit", "accepted", "stranger", "weight")
"""Series that stand once, not for each of the two assets."""
_CLOCK: Final = ("0+60x19", "1200+60x79", "6000+60x49")
_CLOCK_BUT_WHILE: Final = (_CLOCK[0], "", _CLOCK[2])
_CLOCK_WHILE: Final = ("", _CLOCK[1], "")
_AHEAD: Final = (_CLOCK[0], "4800+60x79", _CLOCK[2])


@dataclass(frozen=True, slots=True)
class Case:
    """One alert.

    Attributes:
        labels: beside severity.
        severity: of the alert.
        firing: minutes for which it fires.
        faults: key of a series -> its values.
        value: as the summary shows it.
    """

    labels: Mapping[str, str]
    severity: str
    firing: int
    faults: Mapping[str, Values]
    value: str = ""


_AGENT: Final = {"agent": "g1", "site": "dc1", "unit": "u1"}
_ASSET: Final = _AGENT | {"asset": "a1"}
_OF_UNIT: Final = _ASSET | {"unit_kind": "commune", "province": "p"} | CLAIM
CASES: Final = {
    "SecmonInventoryMissing": Case(
        {}, "critical", 75, {"inventory": _not_while(1), "timestamp": _not_while(1)}
    ),
    "SecmonAgentSilent": Case(_AGENT, "warning", 65, {"info": _not_while(1), "claim": _CLOCK_BUT_WHILE}, "1"),
    "SecmonCheckFailing": Case(_AGENT | {"check": "tls"}, "warning", 65, {"up": _but(1, 0)}),
    "SecmonCoverageLow": Case(_OF_UNIT, "warning", 20, {"covered": _but(10, 2)}, "20%"),
    "SecmonCriticalFinding": Case(
        _ASSET | {"check": "tls"},
        "critical",
        80,
        # In the middle one scrape is missed.
        {
            "finding": ("", "2+0x29 stale 2+0x48", ""),
            "info": ("1+0x19", "1+0x29 stale 1+0x48", "1+0x49"),
            "claim": (_CLOCK[0], "1200+60x29 stale 3060+60x48", _CLOCK[2]),
        },
        "2",
    ),
    "SecmonCertificateExpiring": Case(
        _ASSET | {"target": HOSTILE}, "warning", 75, {"certificate": _but(9_000_000, 88_500)}, "23h 5m 0s"
    ),
    "SecmonEndOfLife": Case(_ASSET, "warning", 75, {"end": _but(90_000_000, 88_500)}, "23h 5m 0s"),
    "SecmonWaiverExpiring": Case(
        {"waiver": HOSTILE}, "info", 75, {"waiver": _but(90_000_000, 88_500)}, "23h 5m 0s"
    ),
    "SecmonReloadFailed": Case(_AGENT | {"what": "rules"}, "warning", 75, {"reload": _but(1, 0)}),
    "SecmonCaptureLosing": Case(
        _AGENT | {"interface": "eth0"},
        "warning",
        79,
        {"dropped": ("0+0x19", "20+20x79", "1600+0x49")},
        "16.67%",
    ),
    "SecmonPacksNotAccepted": Case(
        _AGENT,
        "warning",
        50,
        {
            "pack": _not_while(1),
            "claim": _CLOCK_BUT_WHILE,
            "other pack": _while(1),
            "claim by other pack": _CLOCK_WHILE,
        },
    ),
    "SecmonClaimMismatch": Case(
        _ASSET | {"platform": "server", "level": "5", "roles": "web"},
        "warning",
        50,
        {
            "info": _not_while(1),
            "claim": _CLOCK_BUT_WHILE,
            "other info": _while(1),
            "other claim": _CLOCK_WHILE,
        },
    ),
    "SecmonUnknownAsset": Case(_AGENT | {"asset": 'n"<i>'}, "info", 60, {"stranger": _while(1)}),
    "SecmonClaimedTwice": Case(_ASSET | {"agent": "g9"}, "warning", 60, {"impostor": _while(1)}),
    "SecmonScrapedTwice": Case(_AGENT, "info", 75, {"second clock": _CLOCK_WHILE}, "2"),
    "SecmonNothingPossible": Case(_OF_UNIT, "info", 20, {"possible": _but(10, 0)}),
    "SecmonRulesDiffer": Case(_ASSET, "info", 50, {"expected": _but(10, 17)}, "7"),
    "SecmonClockAhead": Case(_AGENT, "warning", 75, {"clock": _AHEAD, "claim": _AHEAD}, "1h 0m 0s"),
    "SecmonClockBehind": Case(
        _AGENT, "warning", 65, {"clock": ("0+60x19", "-2400+60x79", "6000+60x49")}, "1h 0m 0s"
    ),
}


def unit_test(name: str, annotations: Mapping[str, str]) -> dict[str, Any]:
    """Return a test that the alert is raised once and resolves once, and keeps quiet about what is in maintenance.

    Args:
        name: of the alert.
        annotations: with the labels and the value filled in.
    """
    case = CASES[name]
    raised = [
        {"exp_labels": {**case.labels, "severity": case.severity}, "exp_annotations": dict(annotations)}
    ]
    firing = f'ALERTS{{alertname="{name}",alertstate="firing"}}'
    count = f"(count({firing}) or vector(0))"
    earlier = f"(count({firing} offset 1m) or vector(0))"
    total = f"sum(count_over_time({firing}[{MINUTES}m]))"
    starts = f"sum_over_time(({count} > bool {earlier})[{MINUTES}m:1m])"
    silent = f'count_over_time(ALERTS{{alertname="SecmonAgentSilent"}}[{MINUTES}m])'
    return {
        "name": name,
        "interval": "1m",
        "input_series": [
            {"series": series, "values": values}
            for number in (1, 2)
            for series, values in _world(number, case.faults)
        ],
        "alert_rule_test": [
            {"eval_time": minute, "alertname": name, "exp_alerts": alerts}
            for minute, alerts in (("19m", []), ("90m", raised), ("149m", []))
        ],
        "promql_expr_test": [
            {"expr": expr, "eval_time": "149m", "exp_samples": [{"labels": "{}", "value": value}]}
            for expr, value in ((total, case.firing), (starts, 1))
        ]
        # Who has a page is not silent, not even where it was not believed for 80 minutes.
        + [
            {"expr": silent, "eval_time": "149m", "exp_samples": []}
            for _ in range(name not in ("SecmonAgentSilent", "SecmonInventoryMissing"))
        ],
    }


def filled(name: str, text: str) -> str:
    """Return a summary as a person reads it."""
    for label, value in CASES[name].labels.items():
        text = text.replace(f"{{{{ $labels.{label} }}}}", value)
    for how in ("", " | humanizePercentage", " | humanizeDuration"):
        text = text.replace(f"{{{{ $value{how} }}}}", CASES[name].value)
    return text


def _world(number: int, faults: Mapping[str, Values]) -> Iterator[tuple[str, str]]:
    """Yield the series of an agent and its asset, in maintenance where it is the second, with the faults."""
    known = {**_inventory(number), **_page(number)}
    unknown = faults.keys() - known.keys()
    if unknown:
        raise KeyError(f"no series is called {', '.join(unknown)}")
    for key, (series, values) in known.items():
        row = _row(faults.get(key, values))
        if row and (number == 1 or key not in _ONCE):
            yield series, row


def _inventory(number: int) -> dict[str, tuple[str, Values]]:
    asset = {"asset": f"a{number}"}
    of = {"unit": "u1", "unit_kind": "commune", "province": "p", "site": "dc1"}
    own = asset | {"agent": f"g{number}"}
    unit = {name: of[name] for name in ("unit", "unit_kind", "province")}
    return {
        "timestamp": (_series("inventory_timestamp_seconds"), _always(1)),
        "inventory": (_series("inventory_asset_info", **own, **of, **CLAIM), _always(1)),
        "watch": (_series("inventory_watch_info", agent="g8", **asset), _always(1)),
        "possible": (_series("inventory_asset_points_possible", **own, **of, **CLAIM), _always(10)),
        "unit": (_series("inventory_unit_weight", **unit), _always(2)),
        "weight": (_series("inventory_level_weight", level="1"), _always(1)),
        "maintenance": (
            _series("inventory_maintenance", **asset),
            _always(1) if number == 2 else ("", "", ""),
        ),
        "accepted": (_series("inventory_pack_accepted", pack="secmon", sha256="aa"), _always(1)),
    }


def _page(number: int) -> dict[str, tuple[str, Values]]:
    own = {"agent": f"g{number}", "instance": f"10.0.0.{number}:9877"}
    asset = {"asset": f"a{number}"} | own
    tls = asset | {"check": "tls"}
    claim = asset | CLAIM | {"pack": "secmon", "sha256": "aa"}
    moved = own | {"instance": f"10.0.1.{number}:9877"}
    none = ("", "", "")
    return {
        "info": (_series("asset_info", **asset, **CLAIM), _always(1)),
        "other info": (_series("asset_info", **asset, **(CLAIM | {"level": "5"})), none),
        "claim": (_series("claim_timestamp_seconds", **claim), _CLOCK),
        "other claim": (_series("claim_timestamp_seconds", **(claim | {"level": "5"})), none),
        "claim by other pack": (_series("claim_timestamp_seconds", **(claim | {"sha256": "ff"})), none),
        "stranger": (_series("asset_info", **(asset | {"asset": 'n"<i>'}), **CLAIM), none),
        "watcher": (_series("asset_info", **(asset | {"agent": "g8"}), **CLAIM), _always(1)),
        "impostor": (_series("asset_info", **(asset | {"agent": "g9"}), **CLAIM), none),
        "pack": (_series("pack_info", pack="secmon", sha256="aa", **own), _always(1)),
        "other pack": (_series("pack_info", pack="secmon", sha256="ff", **own), none),
        "expected": (_series("asset_points_possible", **asset), _always(10)),
        "earned": (_series("asset_points_earned", **asset), _always(2)),
        "waived points": (_series("asset_points_waived", **asset), _always(1)),
        "covered": (_series("asset_points_covered", **asset), _always(10)),
        "up": (_series("check_up", check="tls", **own), _always(1)),
        "quarantined": (_series("check_quarantined", check="tls", **own), _always(0)),
        "finding": (_series("findings", severity="critical", state="open", **tls), none),
        "waived": (_series("findings", severity="critical", state="waived", **tls), _always(1)),
        "certificate": (
            _series("tls_certificate_not_after_timestamp_seconds", target=HOSTILE, **asset),
            _always(9_000_000),
        ),
        "end": (_series("os_end_of_life_timestamp_seconds", **asset), _always(90_000_000)),
        "waiver": (_series("waiver_expires_timestamp_seconds", waiver=HOSTILE, **own), _always(90_000_000)),
        "configuration": (_series("config_last_reload_successful", **own), _always(1)),
        "reload": (_series("rules_last_reload_successful", **own), _always(1)),
        "packets": (
            _series("capture_packets_total", interface="eth0", **own),
            ("0+100x19", "2000+100x79", "10000+100x49"),
        ),
        "dropped": (_series("capture_dropped_total", interface="eth0", **own), _always(0)),
        "clock": (_series("snapshot_timestamp_seconds", **own), _CLOCK),
        "second clock": (_series("snapshot_timestamp_seconds", **moved), none),
    }


def _series(name: str, **labels: str) -> str:
    shown = ",".join(f"{label}={json.dumps(value, ensure_ascii=False)}" for label, value in labels.items())
    return f"secmon_{name}{{{shown}}}"


def _row(values: Values) -> str:
    """Return the whole row; where a series ends there is a stale mark, as after a failed scrape."""
    before, during, after = values
    if not any(values):
        return ""
    gap = f"stale _x{len(FAULT) - 1}" if before else f"_x{len(FAULT)}"
    end = f"stale _x{MINUTES - FAULT.stop - 1}" if during else f"_x{MINUTES - FAULT.stop}"
    return f"{before or f'_x{FAULT.start}'} {during or gap} {after or end}"
