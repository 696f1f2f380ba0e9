"""A small registry with a field of every type, and rules written in YAML, for tests of the rule engine."""

from __future__ import annotations

from secmon.core.contract import CheckSpec, FieldSpec, FieldType, KindSpec, ProbeSpec, Registry, SettingSpec
from secmon.core.model import Form, Vantage
from secmon.sources import yaml


def field(name, kind, **more):
    return FieldSpec(name, kind, f"the {name}", f"{name}", **more)


BOTH = (Vantage.INSIDE, Vantage.OUTSIDE)

LISTENER = KindSpec(
    "listener",
    ("proto", "address", "port"),
    (
        field("proto", FieldType.TEXT, values=("tcp", "udp")),
        field("address", FieldType.ADDRESS),
        field("port", FieldType.INTEGER),
        field("scope", FieldType.TEXT, values=("loopback", "link", "exposed")),
        field("user", FieldType.TEXT),
        field("load", FieldType.NUMBER),
        field("wanted", FieldType.BOOLEAN),
        field("since", FieldType.TIMESTAMP),
        field("age_days", FieldType.INTEGER, unit="days", days_since="since"),
        field("names", FieldType.TEXTS),
        field("records", FieldType.RECORDS),
        field("version", FieldType.DPKG_VERSION),
    ),
    {Form.LOCAL: (Vantage.INSIDE,)},
    "a listener",
    "một cổng",
)
PORT = KindSpec(
    "port",
    ("host", "port"),
    (field("host", FieldType.TEXT), field("port", FieldType.INTEGER), field("state", FieldType.TEXT)),
    {Form.HOST: (Vantage.OUTSIDE,), Form.ENDPOINT: (Vantage.OUTSIDE,), Form.NETWORK: (Vantage.OUTSIDE,)},
    "a port",
    "một cổng",
)
ANOMALY = KindSpec(
    "anomaly",
    ("detector", "source"),
    (
        field("detector", FieldType.TEXT, values=("port_scan", "syn_flood", "arp_spoof")),
        field("source", FieldType.ADDRESS),
    ),
    {Form.LOCAL: (Vantage.INSIDE,), Form.INTERFACE: (Vantage.INSIDE,), Form.PCAP: (Vantage.INSIDE,)},
    "an anomaly",
    "một bất thường",
    parts=("port_scan", "syn_flood", "arp_spoof"),
    part_field="detector",
)
CERTIFICATE = KindSpec(
    "certificate",
    ("place",),
    (field("place", FieldType.TEXT), field("days_left", FieldType.INTEGER)),
    {Form.FILE: (Vantage.INSIDE,), Form.ENDPOINT: BOTH, Form.LOCAL: (Vantage.INSIDE,)},
    "a certificate",
    "một chứng thư",
)

REGISTRY = Registry(
    {
        "ports": CheckSpec(
            "ports",
            (LISTENER, PORT),
            (
                ProbeSpec("local", "tests.none", (Form.LOCAL,), ("listener",)),
                ProbeSpec("connect", "tests.none", (Form.HOST, Form.ENDPOINT, Form.NETWORK), ("port",)),
            ),
            900,
            300,
            "ports",
            "cổng",
            settings=(
                SettingSpec("ports", "text", "top", "ports", "cổng"),
                SettingSpec("rate", "integer", 0, "rate", "tốc độ", minimum=0, maximum=1000),
            ),
        ),
        "tls": CheckSpec(
            "tls",
            (CERTIFICATE,),
            (
                ProbeSpec("endpoint", "tests.none", (Form.ENDPOINT,), ("certificate",)),
                ProbeSpec("files", "tests.none", (Form.FILE, Form.LOCAL), ("certificate",)),
            ),
            21600,
            300,
            "tls",
            "tls",
            settings=(
                SettingSpec("trust", "paths", (), "roots", "gốc"),
                SettingSpec("timeout", "duration", 5, "time", "thời gian", minimum=1, maximum=60),
                SettingSpec("strict", "boolean", default=False, en="strict", vi="chặt"),
                SettingSpec("factor", "number", 1.5, "factor", "hệ số"),
                SettingSpec("words", "texts", (), "words", "từ"),
            ),
        ),
        "traffic": CheckSpec(
            "traffic",
            (ANOMALY,),
            (
                ProbeSpec("live", "tests.none", (Form.LOCAL, Form.INTERFACE), ("anomaly",), long_lived=True),
                ProbeSpec("file", "tests.none", (Form.PCAP,), ("anomaly",)),
            ),
            300,
            600,
            "traffic",
            "lưu lượng",
            settings=(
                SettingSpec("duration", "duration", 10, "duration", "thời gian", minimum=1, maximum=3600),
                SettingSpec("interface", "text", "", "interface", "giao diện"),
            ),
            long_lived_probe="live",
        ),
        "patches": CheckSpec(
            "patches",
            (
                KindSpec(
                    "host",
                    (),
                    (field("pending", FieldType.INTEGER),),
                    {Form.LOCAL: (Vantage.INSIDE,), Form.ROOT: (Vantage.INSIDE,)},
                    "a host",
                    "máy",
                ),
            ),
            (ProbeSpec("host", "tests.none", (Form.LOCAL, Form.ROOT), ("host",)),),
            21600,
            60,
            "patches",
            "bản vá",
        ),
    }
)

TEXTS = "title: {vi: Tên, en: Title}\n    fix: {vi: Sửa, en: Mend}"


def read(text, file="f.yml"):
    """Return a document's value; YAML faults are the test's own mistake."""
    document = yaml.read(text.encode(), file)
    assert not document.faults, [str(fault) for fault in document.faults]
    return document.value


def rule(body, name="ports.a", kind="listener", severity="high", file="f.yml"):
    """Return a document with one rule whose further keys are `body`, indented by four blanks."""
    lines = "".join(f"    {line}\n" for line in body.strip("\n").splitlines())
    check = name.partition(".")[0]
    return read(
        f"rules:\n  - id: {name}\n    check: {check}\n    severity: {severity}\n    for_each: {kind}\n"
        f"    {TEXTS}\n{lines}",
        file,
    )


def told(faults):
    """Return faults as text."""
    return [str(fault) for fault in faults]
