"""Declare the check `patches`: pending updates, kernel, reboot and end of life of Debian and Ubuntu hosts."""

from __future__ import annotations

from typing import Final

from secmon.checks.patches.kinds import HOST, UPDATE
from secmon.core.contract import CheckSpec, MetricSpec, ProbeSpec
from secmon.core.model import Form

CHECK: Final = CheckSpec(
    name="patches",
    kinds=(HOST, UPDATE),
    probes=(
        ProbeSpec(
            name="host",
            module="secmon.checks.patches.probe.host",
            forms=(Form.LOCAL, Form.ROOT),
            kinds=("host", "update"),
            acquire_with=("DAC_READ_SEARCH",),
        ),
    ),
    interval_seconds=6 * 3600,
    deadline_seconds=60,
    en="Patch levels: pending updates, kernel, reboot, end of life",
    vi="Bản vá: bản cập nhật đang chờ, nhân, khởi động lại, hết hạn hỗ trợ",
    metrics=(
        MetricSpec(
            name="secmon_updates_pending",
            type="gauge",
            labels=("asset", "class"),
            help="Installed packages with a newer version, by class: security or other.",
        ),
        MetricSpec(
            name="secmon_reboot_required",
            type="gauge",
            labels=("asset",),
            help="Whether installed updates wait for a reboot, 1 if so.",
        ),
        MetricSpec(
            name="secmon_os_end_of_life_timestamp_seconds",
            type="gauge",
            labels=("asset",),
            help="End of free security updates for the operating system, Unix time.",
        ),
        MetricSpec(
            name="secmon_package_index_timestamp_seconds",
            type="gauge",
            labels=("asset",),
            help="Signed date of the security archive's package index, Unix time.",
        ),
    ),
)
