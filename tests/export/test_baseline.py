"""What listens now, as an allow-list that permits exactly that."""

from __future__ import annotations

import yaml

from secmon.export import baseline

LISTENER = {
    "kind": "listener",
    "proto": "tcp",
    "port": 22,
    "port_key": "22",
    "address": "0.0.0.0",
    "address_class": "wildcard",
    "scope": "exposed",
    "systemd_unit": "ssh.service",
    "user": "root",
    "process": "sshd",
    "package": "openssh-server",
}
FACTS = [
    LISTENER,
    {
        **LISTENER,
        "port": 8080,
        "port_key": "8080",
        "systemd_unit": None,
        "user": "java",
        "process": "a\nb: {#",
    },
    {**LISTENER, "port": 5432, "port_key": "5432", "address": "192.0.2.5", "address_class": "private"},
    {
        **LISTENER,
        "proto": "udp",
        "port": 40001,
        "port_key": "ephemeral chrony.service",
        "systemd_unit": "chrony.service",
    },
    {**LISTENER, "port": 6379, "port_key": "6379", "scope": "loopback"},
    {
        "kind": "published",
        "proto": "tcp",
        "port": 443,
        "to_address": "172.17.0.2",
        "to_port": 8443,
        "scope": "exposed",
    },
]


def report(facts: list[dict], reason: str | None = None) -> dict:
    seen = {"asset": "srv-01", "facts": facts, "reason": reason, "detail": "Not every table\ncould be read."}
    return {"finished": "2026-11-23T17:00:00Z", "assets": [{"id": "srv-01"}], "observations": [seen]}


def test_the_list_permits_what_is_exposed_and_nothing_else():
    listeners, published = yaml.safe_load(baseline.render(report(FACTS)))["overrides"]
    assert listeners["match"] == {"asset": "srv-01"}
    allowed = listeners["params"]["allow"]
    assert sorted(allowed, key=str) == [
        {"proto": "tcp", "port": 22, "systemd_unit": "ssh.service"},
        {"proto": "tcp", "port": 5432, "address": "192.0.2.5", "systemd_unit": "ssh.service"},
        {"proto": "tcp", "port": 8080, "user": "java"},
        {"proto": "udp", "systemd_unit": "chrony.service"},
    ]
    assert published["params"]["allow"] == [
        {"proto": "tcp", "port": 443, "to_address": "172.17.0.2", "to_port": 8443}
    ]


def test_a_host_that_lets_nothing_in_permits_nothing():
    for override in yaml.safe_load(baseline.render(report([])))["overrides"]:
        assert override["params"] == {"allow": []}


def test_what_could_not_be_seen_is_said():
    assert "# Not all could be seen: Not every table" in baseline.render(report(FACTS, "permission"))
