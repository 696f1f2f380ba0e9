"""Declare the traffic check: signs of attack in packets, captured live or read from a file."""

from __future__ import annotations

from typing import Final

from secmon.checks.traffic.kinds import ANOMALY, INTERFACE
from secmon.core.contract import CheckSpec, MetricSpec, ProbeSpec, SettingSpec
from secmon.core.model import Form

CHECK: Final = CheckSpec(
    name="traffic",
    kinds=(INTERFACE, ANOMALY),
    probes=(
        ProbeSpec(
            name="live",
            module="secmon.checks.traffic.probe.live",
            forms=(Form.LOCAL, Form.INTERFACE),
            kinds=("interface", "anomaly"),
            acquire_with=("NET_RAW",),
            cpu_seconds=None,
            long_lived=True,
        ),
        ProbeSpec(
            name="capture_file",
            module="secmon.checks.traffic.probe.capture_file",
            forms=(Form.PCAP,),
            kinds=("interface", "anomaly"),
            cpu_seconds=600,
        ),
    ),
    interval_seconds=60,
    deadline_seconds=600,
    settings=(
        SettingSpec(
            "duration",
            "duration",
            10,
            "how long one look at an interface takes",
            "thời gian của một lần quan sát giao diện mạng",
            minimum=1,
            maximum=3600,
        ),
        SettingSpec(
            "interface",
            "text",
            "",
            "interface of the target `local`; empty for that of the default route",
            "giao diện mạng của mục tiêu `local`; để trống thì dùng giao diện của tuyến mặc định",
        ),
        SettingSpec(
            "window",
            "duration",
            60,
            "how often the running agent reports what it captures",
            "chu kỳ báo cáo của tác tử khi bắt gói liên tục",
            minimum=5,
            maximum=150,
        ),
    ),
    metrics=(
        MetricSpec("secmon_capture_packets_total", "counter", ("interface",), "Frames captured."),
        MetricSpec(
            "secmon_capture_dropped_total", "counter", ("interface",), "Frames lost before they were read."
        ),
        MetricSpec("secmon_capture_bytes_total", "counter", ("interface",), "Bytes of the captured frames."),
        MetricSpec(
            "secmon_anomaly_active",
            "gauge",
            ("asset", "detector"),
            "Anomalies in the last look, by detector.",
        ),
        MetricSpec(
            "secmon_anomalies_total",
            "counter",
            ("detector",),
            "Anomalies by detector; one that goes on counts once in each window.",
        ),
    ),
    en="Signs of attack in network traffic",
    vi="Dấu hiệu tấn công trong lưu lượng mạng",
    long_lived_probe="live",
)
