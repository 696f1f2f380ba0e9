from __future__ import annotations

import pytest

from secmon.core.hosts import Own
from secmon.core.model import Asset, Platform, Role, Vantage
from secmon.core.plan import Listen
from secmon.core.quantities import parse_instant
from secmon.core.settings import read_settings
from tests.support.rulebook import REGISTRY, read, told

OWN = Own("Web_01.example", frozenset({"127.0.0.1", "192.0.2.7"}))


def load(text):
    return read_settings(read(text), "secmon.yml", REGISTRY, OWN)


def right(text):
    configuration, faults = load(text)
    assert told(faults) == []
    return configuration


def faults_of(text):
    return [line.removeprefix("secmon.yml:") for line in told(load(text)[1])]


def test_the_file_that_protects_the_page_is_read_elsewhere():
    configuration = right("listen: {address: '::', web_config: /etc/secmon/web.yml}")
    assert configuration.web_config.path == "/etc/secmon/web.yml"
    assert str(configuration.web_config.place) == "secmon.yml:1:37"
    assert configuration.listen == Listen("::")
    assert faults_of("listen: {web_config: web.yml}") == [
        '1:22: listen.web_config: an absolute path is wanted, not "web.yml"'
    ]


@pytest.mark.parametrize(
    "text", ["", "{}", "agent:\nasset:\nwatches:\nchecks:\nrules:\nlisten:\nlang:\nknown_sources:\n"]
)
def test_nothing_means_the_defaults(text):
    configuration = right(text)
    assert configuration.agent == "Web_01.example"
    assert configuration.asset == Asset("Web_01.example")
    assert configuration.listen == Listen()
    assert (configuration.watches, configuration.rules, configuration.waivers) == ((), (), ())
    assert (configuration.state_dir, configuration.lang, configuration.allowed_signers) == ("", "", None)
    assert list(configuration.checks) == ["ports", "tls", "traffic", "patches"]


def test_a_configuration_is_read_whole():
    configuration = right(
        """
agent: {name: agent-1}
asset: {id: web-01, unit: so-khcn, platform: linux, level: 3, roles: [public-service, database]}
watches:
  - {id: sw-1, platform: network, level: 4, roles: [appliance], unit: so-khcn, address: 192.0.2.1}
  - {id: db-1}
rules: {paths: [builtin, /etc/secmon/rules], allowed_signers: /etc/secmon/signers, waivers: [/w], overrides: [/o]}
listen: {address: 192.0.2.7, port: 9000, insecure: true}
state_dir: /srv/secmon
lang: en
allowed_networks: [192.0.2.0/24, '2001:db8::/32', 198.51.100.7]
known_sources:
  - {cidr: 192.0.2.9/32, detectors: [port_scan, syn_flood], reason: our scanner, until: 2027-03-31}
"""
    )
    assert configuration.agent == "agent-1"
    assert configuration.asset == Asset(
        "web-01", "so-khcn", Platform.LINUX, 3, (Role.PUBLIC_SERVICE, Role.DATABASE), (Vantage.INSIDE,)
    )
    switch, database = configuration.watches
    assert switch.asset == Asset(
        "sw-1", "so-khcn", Platform.NETWORK, 4, (Role.APPLIANCE,), (Vantage.OUTSIDE,)
    )
    assert switch.address == "192.0.2.1"
    assert (database.asset.platform, database.address) == (Platform.OTHER, "")
    assert [(item.path, str(item.place)) for item in configuration.rules] == [
        ("builtin", "secmon.yml:7:17"),
        ("/etc/secmon/rules", "secmon.yml:7:26"),
    ]
    assert configuration.allowed_signers.path == "/etc/secmon/signers"
    assert configuration.listen == Listen("192.0.2.7", 9000, insecure=True)
    assert (configuration.state_dir, configuration.lang) == ("/srv/secmon", "en")
    assert configuration.allowed_networks == ("192.0.2.0/24", "2001:db8::/32", "198.51.100.7/32")
    assert configuration.known_sources == (
        {
            "cidr": "192.0.2.9/32",
            "detectors": ["port_scan", "syn_flood"],
            "reason": "our scanner",
            "until": parse_instant("2027-04-01"),
        },
    )


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("agnet: {name: a}", '1:1: agnet: unknown key "agnet"; did you mean agent?'),
        ("agent: {name: a b}", '1:15: agent.name: an id of letters, digits and .-_ is wanted, not "a b"'),
        (
            "agent: {name: tác-tử}",
            '1:15: agent.name: an id of letters, digits and .-_ is wanted, not "tác-tử"',
        ),
        ("agent: a", '1:8: agent: a mapping is wanted, not "a"'),
        ("asset: {level: 6}", "1:16: asset.level: 6 is out of range; 1 to 5"),
        ("asset: {level: '3'}", '1:16: asset.level: a whole number is wanted, not "3"'),
        ("asset: {roles: []}", "1:16: asset.roles: the list is empty"),
        ("asset: {roles: [sever]}", '1:17: asset.roles[0]: "sever" is not known here; did you mean server?'),
        ("asset: {platform: lynux}", '1:19: asset.platform: "lynux" is not known here; did you mean linux?'),
        ("watches: [{address: 192.0.2.1}]", "1:11: watches[0]: the key id is missing"),
        ("watches: [{id: }]", "1:16: watches[0].id: it has no value"),
        (
            "watches: [{id: Web_01.example}]",
            '1:16: watches[0].id: two assets have the id "Web_01.example"; ids are unique',
        ),
        ("watches: [{id: a}, {id: a}]", '1:25: watches[1].id: two assets have the id "a"; ids are unique'),
        (
            "watches: [{id: a, address: 192.0.2.256}]",
            "1:28: watches[0].address: it is no host; that is no IPv4 address",
        ),
        (
            "watches: [{id: a, address: 'root:secret@h'}]",
            "1:28: watches[0].address: it is no host; write a host alone: no user, no scheme, no path",
        ),
        ("watches: {id: a}", "1:10: watches: a list is wanted, not a mapping"),
        ("rules: {paths: /etc}", '1:16: rules.paths: a list is wanted, not "/etc"'),
        ("rules: {paths: [rules]}", '1:17: rules.paths[0]: an absolute path is wanted, not "rules"'),
        ("rules: {waivers: [builtin]}", '1:19: rules.waivers[0]: an absolute path is wanted, not "builtin"'),
        ("listen: {port: 0}", "1:16: listen.port: 0 is out of range; 1 to 65535"),
        (
            "listen: {address: everywhere}",
            "1:19: listen.address: \"everywhere\" cannot be read; 'everywhere' does not appear to be an IPv4 or IPv6 address",
        ),
        (
            "listen: {address: 0.0.0.0}",
            (
                "1:19: listen.address: 0.0.0.0 can be reached by others, and nothing protects the page; "
                "web_config: FILE with TLS, or listen on 127.0.0.1; insecure: true takes the risk"
            ),
        ),
        ("lang: fr", '1:7: lang: "fr" is not known here; one of en, vi'),
        (
            "allowed_networks: [10.0.0.1/8]",
            '1:20: allowed_networks[0]: "10.0.0.1/8" cannot be read; the network of that address is 10.0.0.0/8',
        ),
        (
            "known_sources: [{cidr: 10.0.0.0/8, detectors: [port_scan], reason: R}]",
            "1:17: known_sources[0]: the key until is missing",
        ),
        (
            "known_sources: [{cidr: 10.0.0.0/8, detectors: [], reason: R, until: 2027-01-01}]",
            "1:47: known_sources[0].detectors: the list is empty",
        ),
        (
            "known_sources: [{cidr: 10.0.0.0/8, detectors: [portscan], reason: R, until: 2027-01-01}]",
            '1:48: known_sources[0].detectors[0]: "portscan" is not known here; did you mean port_scan?',
        ),
        (
            "password: hunter2",
            '1:1: password: "password" looks like a secret, which never stands in this file; put it into a file of its own; secmon reads only *_file keys',
        ),
        (
            "listen: {api_key: hunter2}",
            '1:10: listen.api_key: "api_key" looks like a secret, which never stands in this file; put it into a file of its own; secmon reads only *_file keys',
        ),
        ("[]", "1:1: a mapping is wanted, not a list"),
    ],
)
def test_a_wrong_key_says_what_would_be_right(text, expected):
    faults = faults_of(text)
    assert faults == [expected]
    assert "hunter2" not in str(faults)
    assert "secret@" not in str(faults)


def test_off_loopback_needs_protection_or_a_word():
    assert right("listen: {address: '::1'}").listen.address == "::1"
    assert right("listen: {address: 127.0.0.2}").listen.address == "127.0.0.2"
    assert right("listen: {address: '::', insecure: true}").listen.insecure
    assert faults_of("listen: {address: '::', insecure: false}")


def test_every_mistake_is_told_at_once():
    text = "agnet: 1\nasset: {level: 9, rols: []}\nlisten: {port: x}\nlang: fr\nchecks: {prts: {}, tls: {interval: 2d}}\n"
    assert len(faults_of(text)) == 7


def test_faulty_keys_leave_the_defaults():
    configuration, faults = load("asset: {level: 9}\nlisten: {port: 70000}")
    assert len(faults) == 2
    assert (configuration.asset.level, configuration.listen.port) == (2, 9877)


@pytest.mark.parametrize(
    ("hostname", "name"), [("máy chủ", "m-y-ch"), ("", "localhost"), ("a" * 80, "a" * 63)]
)
def test_the_name_of_the_host_becomes_an_id(hostname, name):
    configuration, faults = read_settings(None, "", REGISTRY, Own(hostname))
    assert told(faults) == []
    assert configuration.agent == name
