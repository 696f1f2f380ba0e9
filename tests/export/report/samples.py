"""Reports as `secmon scan` makes them, small enough to read."""

from __future__ import annotations

from typing import Any

RULES: dict[str, dict[str, Any]] = {
    "ports.telnet-exposed": {
        "check": "ports",
        "severity": "critical",
        "title": {"vi": "Telnet mở ra mạng", "en": "Telnet is reachable from the network"},
        "fix": {
            "vi": "Tắt telnet (`systemctl disable --now inetd`), dùng SSH thay thế.",
            "en": "Disable telnet (`systemctl disable --now inetd`); use SSH.",
        },
        "maps": {"nist-800-53": ["CM-7"]},
    },
    "ports.unexpected-listener": {
        "check": "ports",
        "severity": "high",
        "title": {
            "vi": "Cổng đang mở ra mạng mà không có trong danh sách cho phép",
            "en": "A port that no list allows is open to the network",
        },
        "fix": {
            "vi": "Dừng dịch vụ không cần thiết; nếu cần, thêm cổng vào danh sách `allow` kèm lý do và người duyệt.",
            "en": "Stop the service; if it is needed, add the port to the `allow` list with a reason.",
        },
        "maps": {},
    },
    "tls.expiring": {
        "check": "tls",
        "severity": "medium",
        "title": {"vi": "Chứng thư sắp hết hạn", "en": "A certificate is about to expire"},
        "fix": {"vi": "Gia hạn chứng thư.", "en": "Renew the certificate."},
        "maps": {},
    },
    "patches.security-pending": {
        "check": "patches",
        "severity": "high",
        "title": {"vi": "Còn bản vá bảo mật chưa cài", "en": "Security updates are pending"},
        "fix": {"vi": "Chạy `apt-get upgrade`.", "en": "Run `apt-get upgrade`."},
        "maps": {},
    },
    "traffic.port-scan": {
        "check": "traffic",
        "severity": "high",
        "title": {"vi": "Có máy đang quét cổng", "en": "A host is scanning ports"},
        "fix": {"vi": "Tìm và cách ly máy đó.", "en": "Find that host and isolate it."},
        "maps": {},
    },
}
"""The rules that the samples' results name."""


def result(rule: str, outcome: str = "pass", *, asset: str = "may-chu-01", **over: Any) -> dict[str, Any]:
    failed = outcome == "fail"
    entry = {
        "asset": asset,
        "rule": rule,
        "check": RULES[rule]["check"],
        "severity": RULES[rule]["severity"],
        "target": "local",
        "subject": {},
        "outcome": outcome,
        "reason": None,
        "message": RULES[rule]["title"],
        "evidence": {},
        "missing": {},
        "fingerprint": "0" * 64,
        "first_seen": "2026-11-23T07:20:11Z" if failed else None,
        "state": "new" if failed else None,
        "waiver": None,
    }
    assert not over.keys() - entry.keys()
    return entry | over


def observation(check: str, *, asset: str = "may-chu-01", **over: Any) -> dict[str, Any]:
    entry = {
        "asset": asset,
        "check": check,
        "target": "local",
        "started": "2026-11-23T07:20:00Z",
        "finished": "2026-11-23T07:20:10Z",
        "outcome": "ok",
        "reason": None,
        "detail": "",
        "looked": {"listener": "complete"},
        "facts": [],
    }
    assert not over.keys() - entry.keys()
    return entry | over


def asset(name: str = "may-chu-01", **over: Any) -> dict[str, Any]:
    entry = {
        "id": name,
        "unit": "",
        "platform": "linux",
        "level": 3,
        "roles": ["server", "document-exchange"],
        "vantages": ["inside"],
        "score": {
            "formula": "secmon-score/1",
            "raw": 54.54,
            "accepted": 72.72,
            "coverage": 90.9,
            "grade": "C",
            "checks": {
                "ports": {"earned": 6, "accepted": 12, "covered": 22, "possible": 22},
                "tls": {"earned": 15, "accepted": 15, "covered": 18, "possible": 18},
                "patches": {"earned": 9, "accepted": 9, "covered": 15, "possible": 15},
                "traffic": {"earned": 0, "accepted": 0, "covered": 0, "possible": 6},
            },
        },
        "gains": {"ports.telnet-exposed": 16.39, "patches.security-pending": 9.8, "tls.expiring": 4.9},
    }
    assert not over.keys() - entry.keys()
    return entry | over


def waiver(name: str = "W-2026-014", **over: Any) -> dict[str, Any]:
    entry = {
        "id": name,
        "rule": "ports.unexpected-listener",
        "place": "/etc/secmon/waivers/site.yml:12",
        "author": "quan-tri",
        "approved_by": "truong-phong",
        "reason": "Chờ thay hệ thống mới",
        "expires": "2027-01-31T17:00:00Z",
        "state": "active",
        "broad": False,
        "findings": 1,
    }
    assert not over.keys() - entry.keys()
    return entry | over


def report(
    results: list[dict[str, Any]] | None = None,
    *,
    assets: list[dict[str, Any]] | None = None,
    observations: list[dict[str, Any]] | None = None,
    waivers: list[dict[str, Any]] | None = None,
) -> dict[str, Any]:
    results = results or []
    outcomes = ("pass", "fail", "unknown", "error", "not_applicable")
    summary = {word: sum(entry["outcome"] == word for entry in results) for word in outcomes}
    summary["waived"] = sum(entry["waiver"] is not None for entry in results)
    return {
        "schema": "secmon.report/1",
        "generator": {"name": "secmon", "version": "0.1.0"},
        "agent": {"name": "may-chu-01", "os": "Debian GNU/Linux 12 (bookworm)", "kernel": "6.1.0-28-amd64"},
        "sequence": 0,
        "started": "2026-11-23T07:20:00Z",
        "finished": "2026-11-23T07:20:11Z",
        "packs": [{"name": "builtin", "version": "0.1.0", "sha256": "a" * 64, "signed": False}],
        "assets": [asset()] if assets is None else assets,
        "runs": [
            {
                "asset": "may-chu-01",
                "check": "ports",
                "started": "2026-11-23T07:20:00Z",
                "finished": "2026-11-23T07:20:10Z",
                "last_complete": "2026-11-23T07:20:10Z",
                "canary": "ok",
            }
        ],
        "rules": RULES,
        "observations": observations or [],
        "results": results,
        "waivers": waivers or [],
        "summary": summary,
    }


def listener(port: int, address: str = "0.0.0.0") -> dict[str, Any]:
    return {"netns": "host", "proto": "tcp", "address": address, "port": port}


def typical() -> dict[str, Any]:
    """One host with a bit of everything."""
    return report(
        [
            result(
                "ports.telnet-exposed",
                "fail",
                subject=listener(23),
                evidence={"proto": "tcp", "scope": "exposed", "port": 23, "process": "inetd"},
            ),
            result(
                "ports.unexpected-listener",
                "fail",
                subject=listener(8080, "::"),
                evidence={"scope": "exposed", "systemd_unit": "tomcat9.service"},
            ),
            result(
                "ports.unexpected-listener",
                "fail",
                subject=listener(5432),
                evidence={"scope": "exposed", "systemd_unit": "postgresql.service"},
                waiver={"id": "W-2026-014", "expires": "2027-01-31T17:00:00Z"},
            ),
            result("ports.unexpected-listener", subject=listener(443)),
            result(
                "tls.expiring",
                "fail",
                target="cong.example.vn:443",
                subject={"place": "cong.example.vn:443", "index": 0},
                evidence={"not_after": 1764547200, "days_left": 8},
            ),
            result(
                "tls.expiring",
                target="file:/etc/ssl/certs/web.pem",
                subject={"place": "/etc/ssl/certs/web.pem"},
            ),
            result(
                "patches.security-pending",
                "fail",
                evidence={"pending_security": 7, "security_index_age_days": 2},
            ),
            result("traffic.port-scan", "unknown", reason="permission", target="if:eth0"),
        ],
        observations=[
            observation("ports"),
            observation(
                "traffic",
                target="if:eth0",
                outcome="failed",
                reason="permission",
                detail="Capturing on eth0 needs CAP_NET_RAW; run as root.",
                looked={"anomaly": "permission", "interface": "permission"},
            ),
        ],
        waivers=[waiver()],
    )


def many(count: int = 200) -> dict[str, Any]:
    """Many findings of few rules."""
    return report(
        [
            result(
                "ports.unexpected-listener" if port % 3 else "ports.telnet-exposed",
                "fail",
                subject=listener(port),
                evidence={"scope": "exposed", "process": f"service-with-a-long-name-{port}"},
            )
            for port in range(1, count + 1)
        ]
    )


HOSTILE = (
    "\x1b[2J\x1b]0;owned\x07[bold red]x[/] <script>alert(1)</script> \u202egnp.exe \u200b\ud800 e\u0323\u0302 \\x1b"
    + "A" * 300
)


def hostile() -> dict[str, Any]:
    """Text from outside that attacks a terminal, a page or an eye."""
    return report(
        [
            result(
                "tls.expiring",
                "fail",
                target=HOSTILE,
                subject={"place": HOSTILE},
                evidence={"subject": HOSTILE},
            ),
            result("traffic.port-scan", "error", reason="crashed", target=HOSTILE),
        ],
        assets=[asset("a" * 200)],
        observations=[
            observation("traffic", asset="a" * 200, outcome="failed", reason="crashed", detail=HOSTILE)
        ],
        waivers=[waiver(HOSTILE, rule=HOSTILE, place=HOSTILE, reason=HOSTILE, state="expired")],
    ) | {"assets": [asset()]}


def doubtful() -> dict[str, Any]:
    """Waivers that want looking after, and two that do not."""
    over = {"state": "expired", "expires": "2026-10-31T17:00:00Z"}
    return report(
        [result("tls.expiring")],
        waivers=[
            waiver(),
            waiver("W-unused", rule="tls.expiring", state="unused", findings=0),
            waiver("W-unit", broad=True, findings=14),
            waiver("W-elsewhere", state="undecided", findings=0),
            waiver("W-over", findings=0, **over),
            waiver("W-again", broad=True, findings=3, **over),
        ],
    )


def several() -> dict[str, Any]:
    """An agent that watches another device; nothing fails there, and one rule binds nothing."""
    router = asset(
        "router-bien",
        platform="network",
        level=2,
        roles=["appliance"],
        vantages=["outside"],
        score={
            "formula": "secmon-score/1",
            "raw": 100.0,
            "accepted": 100.0,
            "coverage": 100.0,
            "grade": "A",
            "checks": {"ports": {"earned": 10, "accepted": 10, "covered": 10, "possible": 10}},
        },
        gains={},
    )
    bare = asset(
        "cam-bien",
        score={
            "formula": "secmon-score/1",
            "raw": None,
            "accepted": None,
            "coverage": None,
            "grade": None,
            "checks": {},
        },
        gains={},
    )
    first = typical()
    return report(
        [*first["results"], result("ports.telnet-exposed", asset="router-bien", target="192.0.2.1")],
        assets=[asset(), router, bare],
        observations=first["observations"],
    )
