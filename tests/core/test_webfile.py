from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from secmon.core.configuration import PathSetting
from secmon.core.plan import Listen
from secmon.core.rule import Place
from secmon.core.web import Tls, Web, digest_of
from secmon.core.webfile import check_exposure, read_web
from tests.support.rulebook import read, told

HASH = "$2y$10$X0h1gDsPszWURQaxFh.zoubFi6DXncSjhoQNJgRrnGs7EsimhC7zG"
DIGEST = digest_of(HASH.encode())
FILES = "cert_file: a.crt, key_file: a.key"


def load(text):
    file, faults = read_web(read(text), text.encode(), "/etc/secmon/web.yml")
    return file, [line.removeprefix("/etc/secmon/web.yml:") for line in told(faults)]


def right(text):
    file, faults = load(text)
    assert faults == []
    return file


def test_a_file_is_read_whole():
    file = right(
        f"""
tls_server_config:
  cert_file: pki/agent.crt
  key_file: /run/credentials/agent.key
  client_ca_file: ca.crt
  client_auth_type: RequireAndVerifyClientCert
  client_allowed_sans: [prometheus, 2001:DB8:0::7]
  min_version: TLS13
  max_version: TLS13
http_server_config: {{http2: true}}
basic_auth_users:
  prom: {HASH}
  quản-trị: '{HASH}'
"""
    )
    assert file.web == Web(
        "/etc/secmon/web.yml",
        Tls(
            "/etc/secmon/pki/agent.crt",
            "/run/credentials/agent.key",
            "/etc/secmon/ca.crt",
            "required",
            ("prometheus", "2001:db8::7"),
            "TLS13",
            "TLS13",
        ),
        {"prom": DIGEST, "quản-trị": DIGEST},
    )
    assert (file.key.path, str(file.key.place), file.key.key) == (
        "/run/credentials/agent.key",
        "/etc/secmon/web.yml:4:13",
        "tls_server_config.key_file",
    )


@pytest.mark.parametrize("text", ["", "{}", "tls_server_config:\nbasic_auth_users:\nhttp_server_config:\n"])
def test_nothing_asks_for_nothing(text):
    assert right(text).web == Web("/etc/secmon/web.yml")


@pytest.mark.parametrize(
    ("word", "asked"),
    [
        ("NoClientCert", "none"),
        ("RequestClientCert", "none"),
        ("VerifyClientCertIfGiven", "optional"),
        ("RequireAndVerifyClientCert", "required"),
    ],
)
def test_the_words_of_go_are_understood(word, asked):
    ca = ", client_ca_file: ca.crt" if asked != "none" else ""
    tls = right(f"tls_server_config: {{{FILES}, client_auth_type: {word}{ca}}}").web.tls
    assert (tls.client_auth, tls.client_ca) == (asked, "/etc/secmon/ca.crt" if ca else "")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (
            "- a\n",
            "1:1: this is no web configuration file; a mapping with tls_server_config, basic_auth_users",
        ),
        (
            "tls_server_confg: {}",
            '1:1: tls_server_confg: unknown key "tls_server_confg"; did you mean tls_server_config?',
        ),
        (
            f"tls_server_config: {{{FILES}, client_ca: ca.crt}}",
            "1:67: tls_server_config.client_ca: certificates and keys do not stand in this file; client_ca_file: PATH",
        ),
        ("tls_server_config: {cert_file: a}", "1:20: tls_server_config: the key key_file is missing"),
        (
            f"tls_server_config: {{{FILES}, key_fiel: a}}",
            '1:56: tls_server_config.key_fiel: unknown key "key_fiel"; did you mean key_file?',
        ),
        (
            f"tls_server_config: {{{FILES}, client_auth_type: RequireAnyClientCert}}",
            (
                "1:74: tls_server_config.client_auth_type: RequireAnyClientCert believes a certificate that anybody has "
                "made for himself; RequireAndVerifyClientCert, with client_ca_file"
            ),
        ),
        (
            f"tls_server_config: {{{FILES}, client_auth_type: RequireAndVerifyClientCert}}",
            (
                "1:74: tls_server_config.client_auth_type: there is nothing to verify clients' certificates with; "
                "client_ca_file: the certificate of the authority that signs Prometheus' certificate"
            ),
        ),
        (
            f"tls_server_config: {{{FILES}, client_ca_file: a}}",
            (
                "1:72: tls_server_config.client_ca_file: it is not used: client_auth_type asks for no certificate; "
                "client_auth_type: RequireAndVerifyClientCert"
            ),
        ),
        (
            f"tls_server_config: {{{FILES}, client_allowed_sans: [a]}}",
            (
                "1:77: tls_server_config.client_allowed_sans: a client without a certificate has no names to compare; "
                "client_auth_type: RequireAndVerifyClientCert"
            ),
        ),
        (
            f"tls_server_config: {{{FILES}, min_version: TLS10}}",
            "1:69: tls_server_config.min_version: TLS10 must not be used any more (RFC 8996); TLS12 or TLS13",
        ),
        (
            f"tls_server_config: {{{FILES}, min_version: TLS13, max_version: TLS12}}",
            "1:69: tls_server_config.min_version: it is above max_version",
        ),
        (
            f"tls_server_config: {{{FILES}, cipher_suites: [TLS_AES_128_GCM_SHA256]}}",
            (
                "1:71: tls_server_config.cipher_suites: secmon does not do what cipher_suites asks for; "
                "take it out, and do not count on it here"
            ),
        ),
        (
            "rate_limit: {interval: 1s, burst: 20}",
            (
                "1:13: rate_limit: secmon does not do what rate_limit asks for; "
                "take it out, and do not count on it here"
            ),
        ),
        (
            "http_server_config: {headers: {X-Frame-Options: deny}}",
            (
                "1:31: http_server_config.headers: secmon does not do what headers asks for; "
                "take it out, and do not count on it here"
            ),
        ),
        (
            "http_server_config: {http2: maybe}",
            '1:29: http_server_config.http2: true or false is wanted, not "maybe"',
        ),
        (
            f"basic_auth_users: {{a:b: {HASH}}}".replace("a:b", "'a:b'"),
            "1:20: basic_auth_users.a:b: no user can have this name; letters and digits, and no colon",
        ),
        (
            f"basic_auth_users: {{a: {HASH.replace('$10$', '$15$')}}}",
            "1:23: basic_auth_users.a: verifying a hash of cost 15 takes too long; 4 to 14; 10 is usual",
        ),
        (
            f'basic_auth_users: {{a: "\\x24{HASH[1:]}"}}',
            "1:23: basic_auth_users.a: the hash stands here in another spelling; write it in one piece, without escapes",
        ),
    ],
)
def test_a_mistake_says_where_it_is_and_what_would_be_right(text, expected):
    assert expected in load(text)[1]


SECRET = "Hunter2!hunter2"


@pytest.mark.parametrize(
    "text",
    [
        f"basic_auth_users: {{a: '{SECRET}'}}",
        f"basic_auth_users: {{a: ['{SECRET}']}}",
        f"basic_auth_users: ['{SECRET}']",
        f"basic_auth_users: '{SECRET}'",
        f"tls_server_config: {{{FILES}, key: '{SECRET}'}}",
        f"tls_server_config: {{cert_file: a, key_file: '-----BEGIN PRIVATE KEY----- {SECRET}'}}",
        f"tls_server_config: {{cert_file: a, key_file: ['{SECRET}']}}",
        f'"-----BEGIN PRIVATE KEY----- {SECRET}"',
        f"password: '{SECRET}'",
    ],
)
def test_what_may_be_a_secret_is_a_fault_that_does_not_show_it(text):
    _, faults = load(text)
    assert faults
    assert SECRET not in "".join(faults)


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.text(max_size=8),
        lambda inner: (
            st.lists(inner, max_size=3)
            | st.dictionaries(
                st.sampled_from(
                    [
                        "tls_server_config",
                        "basic_auth_users",
                        "cert_file",
                        "key_file",
                        "client_auth_type",
                        "x",
                    ]
                ),
                inner,
                max_size=4,
            )
        ),
        max_leaves=12,
    )
)
def test_any_document_gives_a_file_or_faults(document):
    file, faults = read_web(document, b"", "/w.yml")
    assert file.web.file == "/w.yml"
    assert all(fault.message for fault in faults)


SETTING = PathSetting("/w.yml", Place("secmon.yml", 2, 5), "listen.web_config")
OPEN, CLEAR = Web("/w.yml", Tls("/c", "/k")), Web("/w.yml", users={"a": DIGEST})
SHUT = Web("/w.yml", Tls("/c", "/k", "/ca", "required"))


@pytest.mark.parametrize(
    ("listen", "web", "word"),
    [
        (Listen("192.0.2.7"), OPEN, "anybody can read it"),
        (Listen("::"), CLEAR, "in the clear"),
        (Listen("192.0.2.7"), SHUT, ""),
        (Listen("127.0.0.1"), CLEAR, ""),
        (Listen("::1"), OPEN, ""),
        (Listen("192.0.2.7", insecure=True), OPEN, ""),
    ],
)
def test_a_page_that_others_reach_is_protected_or_it_is_a_fault(listen, web, word):
    faults = told(check_exposure(listen, web, SETTING))
    assert bool(faults) == bool(word)
    assert all(word in line and line.startswith("secmon.yml:2:5: listen.web_config: ") for line in faults)
