"""Declare the tls check: servers that speak TLS, and certificates in files."""

from __future__ import annotations

from typing import Final

from secmon.checks.tls.kinds import CERTIFICATE, ENDPOINT
from secmon.core.contract import CheckSpec, MetricSpec, ProbeSpec, SettingSpec
from secmon.core.model import Form

CHECK: Final = CheckSpec(
    name="tls",
    kinds=(ENDPOINT, CERTIFICATE),
    probes=(
        ProbeSpec(
            "endpoint", "secmon.checks.tls.probe.endpoint", (Form.ENDPOINT,), ("endpoint", "certificate")
        ),
        ProbeSpec("local", "secmon.checks.tls.probe.local", (Form.LOCAL,), ("endpoint",)),
        ProbeSpec(
            "files",
            "secmon.checks.tls.probe.files",
            (Form.FILE, Form.LOCAL),
            ("certificate",),
            acquire_with=("DAC_READ_SEARCH",),
        ),
    ),
    interval_seconds=6 * 3600,
    deadline_seconds=300,
    en="TLS servers and certificates: versions, trust, names, dates",
    vi="Máy chủ TLS và chứng thư: phiên bản, độ tin cậy, tên, thời hạn",
    settings=(
        SettingSpec(
            "trust",
            "paths",
            (),
            "folders of root certificates that are trusted beside the system's",
            "các thư mục chứng thư gốc được tin cậy ngoài kho của hệ điều hành",
        ),
        SettingSpec(
            "timeout",
            "duration",
            5,
            "how long one connection may take, from connect to the last certificate",
            "thời gian tối đa của một kết nối, từ lúc kết nối đến chứng thư cuối",
            minimum=1,
            maximum=60,
        ),
    ),
    metrics=(
        MetricSpec(
            "secmon_tls_certificate_not_after_timestamp_seconds",
            "gauge",
            ("asset", "target"),
            "Earliest end of validity of the certificates in use at a target; also of invalid ones.",
        ),
        MetricSpec(
            "secmon_tls_endpoint_reason",
            "gauge",
            ("asset", "target", "reason"),
            "Endpoints of a target by what was found: trusted, a trust reason, or why they were not seen.",
        ),
    ),
)
