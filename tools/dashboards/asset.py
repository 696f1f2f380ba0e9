"""Lay out an asset's dashboard: its score check by check, what fails, what runs out, how its agent fares."""

from __future__ import annotations

from typing import Final

from secmon.core.words import Words
from tools.dashboards import links, shared, style
from tools.dashboards.layout import Dashboard, Place, Section, Variable
from tools.dashboards.panels import Column, Head, Query, bars, figures, grid, lines
from tools.dashboards.scope import ASSET, days, gain
from tools.dashboards.style import COUNT, COVERED, FAULTS, GRADED
from tools.dashboards.texts import asset, common

_A: Final = f"{{{ASSET.where}}}"
_SEEN: Final = f"{{{ASSET.agents}}}"
_ONE: Final = 'asset="$asset"'
_AGENT: Final = '{agent="$agent"}'
_NONE: Final = Words("không có", "none")


def dashboard() -> Dashboard:
    """Return the dashboard of an asset."""
    return Dashboard(
        uid=links.ASSET,
        title=Words("secmon: Tài sản", "secmon: Asset"),
        about=Words(
            "Một tài sản: điểm theo từng kiểm tra, lỗi, những gì sắp hết hạn, và tình trạng của tác tử.",
            "One asset: its score by check, what fails, what is about to run out, and how its agent fares.",
        ),
        variables=(
            Variable.province(),
            Variable(
                "unit",
                Words("Đơn vị", "Unit"),
                'label_values(asset:secmon_score:denominator{province="$province"}, unit)',
                many=True,
            ),
            Variable(
                "asset",
                Words("Tài sản", "Asset"),
                'label_values(asset:secmon_score:denominator{province="$province",unit=~"$unit"}, asset)',
            ),
            Variable(
                "agent", Words("Tác tử", "Agent"), f"label_values(asset:secmon_score:denominator{_A}, agent)"
            ),
        ),
        sections=(
            _overview(),
            _checks(),
            _failing(),
            _exposure(),
            _patches(),
            _traffic(),
            _agent_runs(),
            _agent_health(),
            _agent_packs(),
        ),
    )


def _overview() -> Section:
    figure = (
        figures(head, look, Query(f"max(asset:secmon_{name}:ratio{_A})"), trend=True)
        for name, head, look in (
            ("score", common.RAW, GRADED),
            ("accepted", common.ACCEPTED, GRADED),
            ("coverage", common.COVERAGE, COVERED),
        )
    )
    kept = ("level", "platform", "roles", "unit_kind", "unit", "site", "agent")
    headings = (
        Words("Cấp", "Level"),
        Words("Nền tảng", "Platform"),
        Words("Vai trò", "Roles"),
        Words("Loại đơn vị", "Kind of unit"),
    )
    return Section(
        Words("Toàn cảnh", "Overview"),
        (
            *(Place(panel, 4, 5) for panel in figure),
            Place(figures(asset.GRADE, style.PLACE, Query(_grade())), 3, 5),
            Place(figures(asset.STATE, style.STATE, Query(ASSET.state)), 5, 5),
            Place(
                figures(
                    asset.MAINTENANCE,
                    style.MAINTAINED,
                    Query(f"max(asset:secmon_maintenance:bool{{{_ONE}}}) or 0 * group({ASSET.inventory})"),
                ),
                4,
                5,
            ),
            Place(
                grid(
                    asset.IDENTITY,
                    (f"group by ({', '.join(kept)}) ({ASSET.inventory})",),
                    (
                        *(Column(name, title) for name, title in zip(kept, headings, strict=False)),
                        shared.UNIT,
                        shared.SITE,
                        shared.AGENT,
                    ),
                    sort=("level", True),
                ),
                12,
                8,
            ),
            Place(shared.trend(f"asset:secmon_NAME:ratio{_A}"), 12, 8),
        ),
    )


def _grade() -> str:
    """Return the place of the grade: 0 for A; the worst where an asset is scraped twice."""
    said = (
        f'{place} * max(secmon_grade_info{{{ASSET.agents},grade="{letter}"}})'
        for place, letter in reversed(list(enumerate(style.GRADE_COLOURS)))
    )
    return " or ".join(said)


def _checks() -> Section:
    shown = (
        (f"max by (check) (secmon_inventory_points_possible{{{_ONE}}})", "Có thể", "Possible"),
        (f"min by (check) (secmon_points_covered{_SEEN})", "Xét được", "Covered"),
        (f"min by (check) (secmon_points_accepted{_SEEN})", "Sau miễn trừ", "Accepted"),
        (f"min by (check) (secmon_points_earned{_SEEN})", "Thô", "Raw"),
    )
    points = grid(
        asset.POINTS,
        tuple(expr for expr, _, _ in shown),
        (
            shared.CHECK,
            *(
                Column(f"Value #{letter}", Words(vi, en), COUNT)
                for letter, (_, vi, en) in zip("ABCD", shown, strict=True)
            ),
        ),
        sort=("check", False),
    )
    age = f"time() - min by (check) (secmon_check_last_complete_timestamp_seconds{_SEEN})"
    limit = f"max by (check) (secmon_inventory_max_age_seconds{{{_ONE}}})"
    fresh = Query(f"clamp(2 - ({age}) / on (check) ({limit}), 0, 1)", "{{check}}")
    return Section(
        Words("Điểm theo kiểm tra", "Score by check"),
        (Place(points, 14, 8), Place(bars(asset.FRESHNESS, style.FRESHNESS, fresh), 10, 8)),
    )


def _failing() -> Section:
    rules = grid(
        asset.FAILING,
        (f"max by (rule, severity, outcome) (secmon_rule_results{_SEEN} > 0)",),
        (
            shared.RULE,
            shared.SEVERITY,
            Column("outcome", Words("Kết quả", "Outcome"), style.OUTCOME, width=200),
            Column("Value", Words("Đối tượng", "Subjects"), COUNT, width=160),
        ),
        sort=("outcome", True),
        nothing=Words("mọi quy tắc đều đạt", "every rule passes"),
    )
    whole = f"group by (asset) ({ASSET.inventory})"
    first = grid(
        asset.REPAIR,
        (f"sort_desc({gain(ASSET, whole, 'vector(1)')})",),
        (shared.RULE, shared.SEVERITY, shared.GAIN),
        sort=("Value", True),
        nothing=Words("không có lỗi nào để sửa", "nothing to repair"),
    )
    reasons = grid(
        asset.REASONS,
        (f"max by (check, reason) (secmon_observation_reasons{_SEEN} > 0)",),
        (shared.CHECK, Column("reason", Words("Lý do", "Reason"), style.REASON), shared.TIMES),
        sort=("Value", True),
        nothing=Words("đã nhìn thấy mọi thứ", "everything was seen"),
    )
    return Section(
        Words("Lỗi và cách nâng điểm", "What fails, and what it costs"),
        (Place(rules, 24, 10), Place(first, 12, 8), Place(reasons, 12, 8)),
    )


def _exposure() -> Section:
    ends = f"min by (target) (secmon_tls_certificate_not_after_timestamp_seconds{_SEEN})"
    certificates = grid(
        asset.CERTIFICATES,
        (days(f"{ends} - time()"),),
        (shared.TARGET, Column("Value", Words("Còn (ngày)", "Days left"), style.DAYS_LEFT, width=200)),
        sort=("Value", False),
        nothing=Words("không có chứng thư nào", "no certificates"),
    )
    endpoints = grid(
        asset.ENDPOINTS,
        (f"max by (target, reason) (secmon_tls_endpoint_reason{_SEEN} > 0)",),
        (shared.TARGET, Column("reason", Words("Kết quả", "Result"), style.TRUST), shared.TIMES),
        sort=("reason", False),
        nothing=_NONE,
    )
    listeners = Query(f"max by (scope) (secmon_listeners{_SEEN})", "{{scope}}")
    return Section(
        Words("Cổng và chứng thư", "Ports and certificates"),
        (
            Place(bars(asset.LISTENERS, COUNT, listeners), 6, 9),
            Place(figures(asset.PORTS, COUNT, Query(f"max(secmon_ports_open{_SEEN})")), 3, 9),
            Place(certificates, 7, 9),
            Place(endpoints, 8, 9),
        ),
    )


def _patches() -> Section:
    updates = Query(f"max by (class) (secmon_updates_pending{_SEEN})", "{{class}}")
    reboot = Query(f"max(secmon_reboot_required{_SEEN})")
    support = Query(days(f"min(secmon_os_end_of_life_timestamp_seconds{_SEEN}) - time()"))
    index = Query(days(f"time() - min(secmon_package_index_timestamp_seconds{_SEEN})"))
    return Section(
        Words("Bản vá", "Patches"),
        (
            Place(bars(asset.UPDATES, COUNT, updates), 9, 6),
            Place(figures(asset.REBOOT, style.UNWANTED, reboot), 5, 6),
            Place(figures(asset.SUPPORT, style.SUPPORT_LEFT, support), 5, 6),
            Place(figures(asset.INDEX, style.DAYS, index), 5, 6),
        ),
    )


def _traffic() -> Section:
    active = Query(f"max by (detector) (secmon_anomaly_active{_SEEN})", "{{detector}}")
    seen = Query(
        f"3600 * max by (detector) (rate(secmon_anomalies_total{_AGENT}[$__rate_interval]))", "{{detector}}"
    )
    lost = f"max by (interface) (rate(secmon_capture_dropped_total{_AGENT}[$__rate_interval]))"
    read = f"max by (interface) (rate(secmon_capture_packets_total{_AGENT}[$__rate_interval]))"
    loss = Query(f"{lost} / ({read} + {lost} > 0)", "{{interface}}")
    return Section(
        Words("Lưu lượng", "Traffic"),
        (
            Place(bars(asset.ANOMALIES, FAULTS, active), 8, 9),
            Place(lines(asset.DETECTED, COUNT, seen), 8, 9),
            Place(lines(asset.LOSS, style.SHARE, loss), 8, 9),
        ),
    )


def _agent_runs() -> Section:
    shown = (
        ("secmon_check_up", Words("Hoạt động", "Up"), style.WANTED),
        ("secmon_check_quarantined", Words("Tạm dừng", "Paused"), style.UNWANTED),
        ("secmon_check_kills_total", Words("Bị dừng", "Killed"), FAULTS),
        ("secmon_check_missed_total", Words("Bỏ lỡ", "Missed"), COUNT),
        ("secmon_check_interval_seconds", Words("Khoảng cách", "Interval"), style.SECONDS),
    )
    last = f"time() - max by (check) (secmon_check_last_run_timestamp_seconds{_AGENT})"
    checks = grid(
        asset.CHECKS,
        (*(f"max by (check) ({name}{_AGENT})" for name, _, _ in shown), last),
        (
            shared.CHECK,
            *(
                Column(f"Value #{letter}", title, look)
                for letter, (_, title, look) in zip("ABCDE", shown, strict=True)
            ),
            Column("Value #F", Words("Lần cuối cách đây", "Last run ago"), style.SECONDS),
        ),
        sort=("check", False),
    )
    durations = Query(f"max by (check) (secmon_check_duration_seconds{_AGENT})", "{{check}}")
    failures = f"sum by (check, reason) (max by (check, reason) (secmon_check_failures_total{_AGENT})) > 0"
    failed = grid(
        asset.FAILURES,
        (failures,),
        (shared.CHECK, Column("reason", Words("Lý do", "Reason"), style.REASON), shared.TIMES),
        sort=("Value", True),
        nothing=Words("không lần nào hỏng", "no run failed"),
    )
    return Section(
        Words("Các lần chạy của tác tử", "Runs of the agent"),
        (
            Place(checks, 24, 7),
            Place(lines(asset.DURATIONS, style.SECONDS, durations), 12, 9),
            Place(failed, 12, 9),
        ),
    )


def _agent_health() -> Section:
    troubles = (
        Query(f"max(secmon_state_write_errors_total{_AGENT})", "ghi hỏng / failed writes"),
        Query(f"max(secmon_series_dropped_total{_AGENT})", "chuỗi bị bỏ / series left out"),
        Query(f"sum(secmon_scrape_rejected_total{_AGENT})", "truy vấn bị từ chối / requests refused"),
    )
    loaded = (
        Query(f"min(secmon_config_last_reload_successful{_AGENT})", "cấu hình / configuration"),
        Query(f"min(secmon_rules_last_reload_successful{_AGENT})", "quy tắc / rules"),
    )
    memory = Query(f"max(secmon_process_resident_memory_bytes{_AGENT})", "RSS")
    cpu = Query(f"max(rate(secmon_process_cpu_seconds_total{_AGENT}[$__rate_interval]))", "CPU")
    small: tuple[tuple[Head, style.Look, tuple[Query, ...]], ...] = (
        (asset.RELOAD, style.WANTED, loaded),
        (asset.EXPOSED, style.UNWANTED, (Query(f"max(secmon_insecure_listen{_AGENT})"),)),
        (asset.AGE, style.SECONDS, (Query(f"time() - max(secmon_snapshot_timestamp_seconds{_AGENT})"),)),
        (asset.TROUBLES, FAULTS, troubles),
    )
    return Section(
        Words("Tình trạng của tác tử", "Health of the agent"),
        (
            *(
                Place(figures(head, look, *asked), width, 6)
                for width, (head, look, asked) in zip((6, 4, 4, 10), small, strict=True)
            ),
            Place(lines(asset.MEMORY, style.BYTES, memory), 12, 8),
            Place(lines(asset.CPU, style.SHARE, cpu), 12, 8),
        ),
    )


def _agent_packs() -> Section:
    in_force = f"group by (pack, version, sha256, signed) (secmon_pack_info{_AGENT})"
    accepted = "max by (pack, sha256) (secmon_inventory_pack_accepted)"
    packs = grid(
        asset.PACKS,
        (f"{in_force} * 0 + on (pack, sha256) group_left () ({accepted}) or {in_force} * 0",),
        (
            Column("pack", Words("Gói", "Pack")),
            Column("version", Words("Phiên bản", "Version")),
            Column("signed", Words("Có chữ ký", "Signed"), style.SIGNED),
            Column("Value", Words("Được chấp nhận", "Accepted"), style.WANTED),
            Column("sha256", Words("Mã băm", "Digest")),
        ),
        sort=("pack", False),
    )
    ends = f"max by (waiver) (secmon_waiver_expires_timestamp_seconds{_AGENT})"
    waivers = grid(
        asset.WAIVERS,
        (days(f"{ends} - time()"),),
        (
            Column("waiver", Words("Miễn trừ", "Waiver")),
            Column("Value", Words("Còn (ngày)", "Days left"), style.DAYS_LEFT),
        ),
        sort=("Value", False),
        nothing=_NONE,
    )
    return Section(
        Words("Gói quy tắc và miễn trừ của tác tử", "Packs and waivers of the agent"),
        (Place(packs, 16, 8), Place(waivers, 8, 8)),
    )
