from __future__ import annotations

import pytest

from secmon.core.hosts import Own
from secmon.core.model import Form
from secmon.core.settings import read_settings
from tests.support.rulebook import REGISTRY, read, told

OWN = Own("own", frozenset({"192.0.2.7"}))
WATCHES = "watches: [{id: sw-1, address: 192.0.2.1}, {id: db-1}]\n"
PIN = "ab" * 32


def load(text):
    return read_settings(read(WATCHES + text), "f", REGISTRY, OWN)


def check(name, text):
    configuration, faults = load(f"checks:\n  {name}: {text}")
    assert told(faults) == []
    return configuration.checks[name]


def faults_of(name, text):
    prefix = "f:3:"
    faults = told(load(f"checks:\n  {name}: {text}")[1])
    assert all(line.startswith(prefix) for line in faults)
    return [line.removeprefix(prefix).partition(": ")[2] for line in faults]


def test_defaults_come_from_the_check():
    settings = check("tls", "{}")
    assert (settings.enabled, settings.interval, settings.deadline, settings.targets) == (
        True,
        21600,
        300,
        (),
    )
    assert settings.values == {"trust": [], "timeout": 5, "strict": False, "factor": 1.5, "words": []}


def test_settings_of_every_type():
    settings = check(
        "tls",
        "{enabled: false, interval: 30m, deadline: 90s, trust: [/roots], timeout: 1m, strict: true, factor: 2, words: [a]}",
    )
    assert (settings.enabled, settings.interval, settings.deadline) == (False, 1800, 90)
    assert settings.values == {
        "trust": ["/roots"],
        "timeout": 60,
        "strict": True,
        "factor": 2,
        "words": ["a"],
    }
    assert check("ports", "{ports: all, rate: 500}").values == {"ports": "all", "rate": 500}
    assert check("traffic", "{interface: ''}").values["interface"] == ""


@pytest.mark.parametrize(
    ("name", "text", "expected"),
    [
        ("tls", "{interval: 12h, deadline: 1s}", []),
        ("tls", "{interval: 13h}", ['checks.tls.interval: "13h" is out of range; at least 10s, at most 12h']),
        ("tls", "{interval: 9s}", ['checks.tls.interval: "9s" is out of range; at least 10s, at most 12h']),
        (
            "tls",
            "{interval: 30}",
            ["checks.tls.interval: a duration is wanted, not 30; a whole number and a unit: 30s, 5m, 1h, 1d"],
        ),
        (
            "tls",
            "{interval: 1x}",
            [
                'checks.tls.interval: "1x" cannot be read; a duration is a whole number and a unit: 30s, 5m, 1h, 1d'
            ],
        ),
        ("tls", "{deadline: 0s}", ['checks.tls.deadline: "0s" is out of range; at least 1s, at most 12h']),
        ("tls", "{timeout: 2m}", ['checks.tls.timeout: "2m" is out of range; at least 1s, at most 1m']),
        ("tls", "{strict: yes}", ['checks.tls.strict: true or false is wanted, not "yes"']),
        ("tls", "{trust: [roots]}", ['checks.tls.trust[0]: an absolute path is wanted, not "roots"']),
        ("tls", "{trst: [/a]}", ['checks.tls.trst: unknown key "trst"; did you mean trust?']),
        ("ports", "{rate: 1001}", ["checks.ports.rate: 1001 is out of range; 0 to 1000"]),
        ("ports", "{enabled: no}", ['checks.ports.enabled: true or false is wanted, not "no"']),
        ("ports", "5", ["checks.ports: a mapping is wanted, not 5"]),
    ],
)
def test_wrong_settings(name, text, expected):
    assert faults_of(name, text) == expected


def test_an_unknown_check():
    assert told(load("checks: {prots: {}}")[1]) == [
        'f:2:10: checks.prots: unknown key "prots"; did you mean ports?'
    ]


@pytest.mark.parametrize(
    ("name", "entry", "expected"),
    [
        (
            "tls",
            "{asset: sw-1, port: 443}",
            ("sw-1", Form.ENDPOINT, "192.0.2.1:443", {"host": "192.0.2.1", "port": 443}),
        ),
        (
            "tls",
            f"{{address: 192.0.2.1, port: 25, starttls: smtp, sni: mail.vn, trust: [/r], pin_sha256: {PIN}}}",
            (
                "sw-1",
                Form.ENDPOINT,
                "192.0.2.1:25,smtp",
                {
                    "host": "192.0.2.1",
                    "port": 25,
                    "sni": "mail.vn",
                    "starttls": "smtp",
                    "trust": ["/r"],
                    "pin_sha256": PIN,
                },
            ),
        ),
        (
            "tls",
            "{asset: db-1, address: db.vn, port: 5432}",
            ("db-1", Form.ENDPOINT, "db.vn:5432", {"host": "db.vn", "port": 5432}),
        ),
        (
            "tls",
            "{address: '::1', port: 443}",
            ("own", Form.ENDPOINT, "[::1]:443", {"host": "::1", "port": 443}),
        ),
        (
            "tls",
            "{address: 192.0.2.7, port: 443}",
            ("own", Form.ENDPOINT, "192.0.2.7:443", {"host": "192.0.2.7", "port": 443}),
        ),
        ("tls", "{path: /etc/ssl}", ("own", Form.FILE, "file:/etc/ssl", {"path": "/etc/ssl"})),
        ("tls", "{address: local}", ("own", Form.LOCAL, "local", {})),
        ("ports", "{asset: sw-1}", ("sw-1", Form.HOST, "192.0.2.1", {"host": "192.0.2.1"})),
        (
            "ports",
            "{asset: sw-1, address: 192.0.2.0/28}",
            ("sw-1", Form.NETWORK, "192.0.2.0/28", {"network": "192.0.2.0/28"}),
        ),
        ("traffic", "{interface: eth0}", ("own", Form.INTERFACE, "if:eth0", {"name": "eth0"})),
        ("patches", "{path: /mnt}", ("own", Form.ROOT, "root:/mnt", {"path": "/mnt"})),
    ],
)
def test_targets(name, entry, expected):
    (target,) = check(name, f"{{targets: [{entry}]}}").targets
    assert (target.asset, target.form, target.text, target.options) == expected


@pytest.mark.parametrize(
    ("name", "entry", "expected"),
    [
        (
            "tls",
            "{address: 203.0.113.1, port: 443}",
            "checks.tls.targets[0]: no asset has that address; say which with asset: ID, one of watches",
        ),
        (
            "ports",
            "{address: 192.0.2.0/24}",
            "checks.ports.targets[0]: no asset has that address; say which with asset: ID, one of watches",
        ),
        (
            "tls",
            "{asset: sw-2, address: h, port: 443}",
            'checks.tls.targets[0].asset: there is no asset "sw-2"; assets are own, db-1, sw-1',
        ),
        (
            "tls",
            "{asset: sw-1}",
            'checks.tls.targets[0]: the check tls cannot look at "192.0.2.1"; it looks at: endpoint, file, local',
        ),
        (
            "tls",
            "{asset: db-1, port: 443}",
            "checks.tls.targets[0]: a target has one place; give one of address, path, interface",
        ),
        (
            "tls",
            "{address: localhost, path: /a}",
            "checks.tls.targets[0]: a target has one place; give one of address, path, interface",
        ),
        (
            "tls",
            "{asset: sw-1, path: /a}",
            'checks.tls.targets[0]: "file:/a" is a part of this host; leave asset out, or write own',
        ),
        (
            "tls",
            "{address: localhost, port: 70000}",
            "checks.tls.targets[0].port: 70000 is out of range; 1 to 65535",
        ),
        (
            "tls",
            "{address: localhost, port: 25, starttls: SMTP}",
            'checks.tls.targets[0].starttls: the name of a protocol is wanted, not "SMTP"',
        ),
        (
            "tls",
            "{address: localhost, port: 25, pin_sha256: abc}",
            'checks.tls.targets[0].pin_sha256: a SHA-256 fingerprint of 64 hexadecimal digits is wanted, not "abc"',
        ),
        (
            "tls",
            "{adress: localhost, port: 25}",
            'checks.tls.targets[0].adress: unknown key "adress"; did you mean address?',
        ),
        (
            "ports",
            "{address: 192.0.2.1/24}",
            'checks.ports.targets[0].address: "192.0.2.1/24" cannot be read; the network of that address is 192.0.2.0/24',
        ),
        ("tls", "localhost:443", 'checks.tls.targets[0]: a mapping is wanted, not "localhost:443"'),
        (
            "traffic",
            "{interface: 'a/b'}",
            'checks.traffic.targets[0].interface: the name of an interface is wanted, not "a/b"',
        ),
    ],
)
def test_wrong_targets(name, entry, expected):
    assert faults_of(name, f"{{targets: [{entry}]}}") == [expected]


def test_a_target_stands_once():
    entry = "{address: localhost, port: 443}"
    assert faults_of("tls", f"{{targets: [{entry}, {entry}]}}") == [
        'checks.tls.targets[1]: the target "localhost:443" stands twice'
    ]
