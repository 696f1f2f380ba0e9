"""Declare the facts of the traffic check."""

from __future__ import annotations

from typing import Final

from secmon.checks.traffic.detectors import DETECTORS
from secmon.core.contract import FieldSpec, FieldType, KindSpec
from secmon.core.model import Form, Vantage

_SOURCES: Final = {
    Form.LOCAL: (Vantage.INSIDE,),
    Form.INTERFACE: (Vantage.INSIDE,),
    Form.PCAP: (Vantage.INSIDE,),
}

INTERFACE: Final = KindSpec(
    name="interface",
    key=("name",),
    fields=(
        FieldSpec(
            "name",
            FieldType.TEXT,
            "name of the interface or capture file",
            "tên giao diện mạng hoặc tệp bắt gói",
        ),
        FieldSpec("packets", FieldType.INTEGER, "frames that were seen", "số khung đã thấy"),
        FieldSpec(
            "bytes",
            FieldType.INTEGER,
            "bytes of these frames on the wire",
            "số byte của các khung trên đường truyền",
            "bytes",
        ),
        FieldSpec(
            "dropped",
            FieldType.INTEGER,
            "frames that were lost before they were read; null where a capture file does not say",
            "số khung bị mất trước khi đọc; null nếu tệp bắt gói không ghi lại",
        ),
        FieldSpec(
            "loss_ratio",
            FieldType.NUMBER,
            "lost frames divided by all frames; null where a capture file does not say",
            "tỷ lệ khung bị mất trên tổng số khung; null nếu tệp bắt gói không ghi lại",
            "ratio",
        ),
        FieldSpec(
            "one_sided",
            FieldType.BOOLEAN,
            "most TCP conversations were seen in one direction only; null where none was seen",
            "phần lớn phiên TCP chỉ thấy được một chiều; null nếu không thấy phiên nào",
        ),
        FieldSpec(
            "duration_seconds",
            FieldType.NUMBER,
            "time from start to end of the look",
            "khoảng thời gian quan sát",
            "seconds",
        ),
    ),
    sources=_SOURCES,
    en="A network interface or capture file, and how well it was seen",
    vi="Một giao diện mạng hoặc tệp bắt gói, và mức độ quan sát được",
    passing=True,
)

ANOMALY: Final = KindSpec(
    name="anomaly",
    key=("detector", "source", "destination"),
    fields=(
        FieldSpec(
            "detector",
            FieldType.TEXT,
            "what recognised it",
            "bộ phát hiện đã nhận ra",
            values=tuple(DETECTORS),
        ),
        FieldSpec(
            "source",
            FieldType.ADDRESS,
            "address that caused it; null where no single one did or it is not known",
            "địa chỉ gây ra; null nếu không phải một địa chỉ duy nhất hoặc không xác định được",
        ),
        FieldSpec("destination", FieldType.ADDRESS, "address that it was aimed at", "địa chỉ bị nhắm tới"),
        FieldSpec(
            "port",
            FieldType.INTEGER,
            "port that it was aimed at; null where there were several or none",
            "cổng bị nhắm tới; null nếu có nhiều cổng hoặc không có cổng",
        ),
        FieldSpec(
            "score",
            FieldType.NUMBER,
            "strength as a multiple of the detector's own threshold, at least 1",
            "độ mạnh tính theo bội số ngưỡng của bộ phát hiện, nhỏ nhất là 1",
        ),
        FieldSpec("first_seen", FieldType.TIMESTAMP, "when it began", "thời điểm bắt đầu", "seconds"),
        FieldSpec(
            "last_seen", FieldType.TIMESTAMP, "when it was last seen", "thời điểm thấy lần cuối", "seconds"
        ),
        FieldSpec(
            "count",
            FieldType.INTEGER,
            "port_scan: ports; syn_flood: connections begun in vain; arp_spoof: contradicting claims",
            "port_scan: số cổng; syn_flood: số kết nối mở dở; arp_spoof: số thông báo mâu thuẫn",
        ),
        FieldSpec(
            "evidence",
            FieldType.TEXT,
            "what was seen, without payload",
            "bằng chứng, không chứa nội dung gói tin",
        ),
        FieldSpec(
            "counter_evidence", FieldType.TEXT, "what speaks against it", "điều nói ngược lại nhận định"
        ),
    ),
    sources=_SOURCES,
    en="Traffic that looks like an attack",
    vi="Lưu lượng có dấu hiệu tấn công",
    parts=tuple(DETECTORS),
    part_field="detector",
    passing=True,
)
