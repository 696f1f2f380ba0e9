"""The endpoint probe against real servers; `openssl s_client` and sslscan as the judges."""

from __future__ import annotations

import datetime as dt
import re
import socket
import ssl
import subprocess
import time

import pytest

from secmon.checks.tls.probe import endpoint
from secmon.core.contract import Task
from secmon.core.model import Completeness, Form, Reason, Target
from tests.checks.tls import servers
from tests.checks.tls.ca import CLIENT, DAY, RSA_2048, authority, issue
from tests.checks.tls.servers import Lab
from tests.support import Collector

REAL_NOW = dt.datetime.now(dt.UTC).replace(microsecond=0)
ROOT, ISSUING = authority(now=REAL_NOW)
STRANGER, STRANGER_ISSUING = authority(now=REAL_NOW)
HOST = "127.0.0.1"


def leaf(issuer=ISSUING, **options):
    return issue("leaf", issuer, **{"names": [HOST, "localhost"], "now": REAL_NOW, **options})


@pytest.fixture
def lab(tmp_path):
    lab = Lab(tmp_path)
    yield lab
    lab.close()


@pytest.fixture
def trust(tmp_path):
    folder = tmp_path / "national"
    folder.mkdir()
    (folder / "root.pem").write_bytes(ROOT.pem)
    return str(folder)


def target(port: int, host: str = HOST, **options) -> Target:
    return Target(
        "a", "tls", Form.ENDPOINT, f"{host}:{port}", options={"host": host, "port": port, **options}
    )


def task(targets, trust=(), timeout: float = 10) -> Task:
    settings = {"trust": trust, "timeout": timeout}
    return Task("tls", "endpoint", tuple(targets), settings, (), (), 60, time.time())


def look(*targets, **options) -> Collector:
    collector = Collector()
    endpoint.observe(endpoint.acquire(task(targets, **options)), collector)
    assert collector.canaries == [(None, "")]
    return collector


def look_at(port: int, trust: str, timeout: float = 10, **options):
    one = target(port, **options)
    seen = look(one, trust=(trust,), timeout=timeout).seen[one.text]
    assert set(seen.looked) == {"endpoint", "certificate"}
    return seen


def endpoint_of(seen) -> dict:
    return next(fact.values for fact in seen.facts if fact.kind == "endpoint")


def certificates_of(seen) -> list[dict]:
    return [fact.values for fact in seen.facts if fact.kind == "certificate"]


CHAINS = {
    None: lambda: [leaf(), ISSUING],
    "expired": lambda: [leaf(ends=-DAY), ISSUING],
    "not_yet_valid": lambda: [leaf(starts=DAY), ISSUING],
    "self_signed": lambda: [leaf(None)],
    "untrusted_root": lambda: [leaf(STRANGER_ISSUING), STRANGER_ISSUING],
    "missing_intermediate": lambda: [leaf()],
    "name_mismatch": lambda: [leaf(names=["x.example"]), ISSUING],
    "wrong_eku": lambda: [leaf(uses=[CLIENT]), ISSUING],
    "trusted_nonconforming": lambda: [leaf(authority_key=False), ISSUING],
    "extra_root": lambda: [leaf(), ISSUING, ROOT],
}
VERSIONS = {
    "both": {},
    "1.2 only": {"maximum_version": ssl.TLSVersion.TLSv1_2},
    "1.3 only": {"minimum_version": ssl.TLSVersion.TLSv1_3},
}
NAMES = {"both": ["TLS1.2", "TLS1.3"], "1.2 only": ["TLS1.2"], "1.3 only": ["TLS1.3"]}
OPENSSL_CODES = {
    None: 0,
    "expired": 10,
    "not_yet_valid": 9,
    "self_signed": 18,
    "untrusted_root": 20,
    "missing_intermediate": 20,
    "name_mismatch": 64,
    "wrong_eku": 26,
    "trusted_nonconforming": 0,
    "extra_root": 0,
}
"""X509_V_ERR_* that openssl gives first on the same chain."""


@pytest.mark.parametrize("versions", VERSIONS)
@pytest.mark.parametrize("reason", CHAINS)
def test_reasons_dates_and_versions(lab, trust, reason, versions):
    chain = CHAINS[reason]()
    seen = look_at(lab.python_tls(*chain, **VERSIONS[versions]), trust)
    fact = endpoint_of(seen)
    assert seen.completeness is Completeness.OK, seen.detail
    assert fact["versions"] == NAMES[versions]
    assert fact["trust_reason"] == reason
    assert fact["trusted"] is (reason in (None, "trusted_nonconforming", "extra_root"))
    assert fact["name_ok"] is (reason != "name_mismatch")
    assert fact["client_auth"] is False
    assert fact["not_after"] == chain[0].x509.not_valid_after_utc.timestamp()
    assert [each["sha256"] for each in certificates_of(seen)] == [each.loaded.sha256 for each in chain]


@pytest.mark.parametrize("reason", CHAINS)
def test_openssl_says_the_same(lab, trust, reason, needs):
    needs("openssl")
    port = lab.python_tls(*CHAINS[reason]())
    command = ["openssl", "s_client", "-connect", f"{HOST}:{port}", "-CAfile", f"{trust}/root.pem"]
    command += [
        "-no-CApath",
        "-no-CAstore",
        "-verify_ip",
        HOST,
        "-verify_return_error",
        "-purpose",
        "sslserver",
    ]
    answer = subprocess.run(
        command, check=False, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=60
    )
    codes = [int(code) for code in re.findall(r"verify error:num=(\d+)", answer.stderr)]
    assert (codes or [0])[0] == OPENSSL_CODES[reason], answer.stderr


def test_a_certificate_is_read_where_the_server_wants_one_of_ours(lab, trust):
    for maximum in (ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3):
        port = lab.python_tls(leaf(), ISSUING, minimum_version=maximum, maximum_version=maximum)
        assert endpoint_of(look_at(port, trust))["client_auth"] is False
    certificate, _ = lab.write(ROOT)
    for only in ("-tls1_2", "-tls1_3"):
        port = lab.openssl(leaf(), ISSUING, options=("-Verify", "1", "-CAfile", certificate, only))
        fact = endpoint_of(look_at(port, trust))
        assert (fact["client_auth"], fact["trusted"]) == (True, True)


@pytest.mark.parametrize(
    "suite", ["TLS_AES_128_GCM_SHA256", "TLS_AES_256_GCM_SHA384", "TLS_CHACHA20_POLY1305_SHA256"]
)
@pytest.mark.parametrize("group", ["X25519", "P-256", "P-384"])
def test_every_suite_and_group_of_tls13(lab, trust, needs, suite, group):
    """P-256 and P-384 make the server ask for a second hello."""
    needs("openssl")
    port = lab.openssl(leaf(), ISSUING, options=("-tls1_3", "-ciphersuites", suite, "-groups", group))
    fact = endpoint_of(look_at(port, trust))
    assert (fact["versions"], fact["trusted"]) == (["TLS1.3"], True)


@pytest.mark.parametrize("key", ["rsa", "p384", "p521", "ed25519", "ed448", "rsa-pss"])
def test_every_kind_of_key_proves_itself(lab, trust, needs, key, tmp_path):
    needs("openssl")
    algorithm = {
        "rsa": ["RSA", "-pkeyopt", "rsa_keygen_bits:2048"],
        "rsa-pss": ["RSA-PSS", "-pkeyopt", "rsa_keygen_bits:2048"],
        "p384": ["EC", "-pkeyopt", "ec_paramgen_curve:P-384"],
        "p521": ["EC", "-pkeyopt", "ec_paramgen_curve:P-521"],
    }.get(key, [key])
    private, certificate = tmp_path / "k.pem", tmp_path / "c.pem"
    make_key = ["openssl", "genpkey", "-algorithm", *algorithm, "-out", private]
    subprocess.run(make_key, check=True, capture_output=True)
    make_certificate = ["openssl", "req", "-x509", "-new", "-key", private, "-out", certificate]
    make_certificate += ["-subj", "/CN=x", "-addext", f"subjectAltName=IP:{HOST}"]
    subprocess.run(make_certificate, check=True, capture_output=True)
    port = lab.openssl_files(str(certificate), str(private), options=("-tls1_3",))
    fact = endpoint_of(look_at(port, trust))
    assert fact["trust_reason"] == "self_signed"


@pytest.mark.parametrize(
    ("server", "reason"),
    [
        (servers.silent, Reason.TIMEOUT),
        (servers.dripping, Reason.TARPIT),
        (servers.resetting, Reason.RESET),
        (servers.closing, Reason.RESET),
        (servers.speaks_http, Reason.NOT_TLS),
        (servers.speaks_ssh, Reason.NOT_TLS),
    ],
)
def test_servers_that_do_not_speak(lab, trust, server, reason):
    seen = look_at(lab.listen(server), trust, timeout=1)
    assert (seen.completeness, seen.reason, seen.facts) == (Completeness.FAILED, reason, [])
    assert set(seen.looked.values()) == {reason}
    assert HOST in seen.detail


def test_closed_port(trust):
    seen = look_at(servers.closed_port(), trust)
    assert seen.reason is Reason.REFUSED


def test_a_chain_past_the_limit_leaves_the_version(lab, trust):
    seen = look_at(lab.listen(servers.too_many_certificates), trust)
    fact = next(fact for fact in seen.facts if fact.kind == "endpoint")
    assert seen.looked == {"endpoint": None, "certificate": Reason.RESOURCE_LIMIT}
    assert fact.missing["trusted"] is Reason.RESOURCE_LIMIT
    assert seen.completeness is Completeness.PARTIAL


def test_names_that_do_not_resolve_and_addresses_that_are_not_allowed():
    unknown, foreign = target(443, "khong-co.invalid"), target(443, "198.51.100.7")
    seen = look(unknown, foreign).seen
    assert seen[unknown.text].reason is Reason.DNS_FAILURE
    assert seen[foreign.text].reason is Reason.NOT_ALLOWED
    assert "allowed_networks" in seen[foreign.text].detail


def test_starttls_is_said_to_be_unsupported(lab, trust):
    seen = look_at(lab.python_tls(leaf(), ISSUING), trust, starttls="smtp")
    assert (seen.reason, seen.facts) == (Reason.UNSUPPORTED, [])
    assert "smtp" in seen.detail


def test_server_name_decides_the_certificate(lab, trust):
    port = lab.python_tls(leaf(names=["may_chu.example.vn"]), ISSUING)
    right = endpoint_of(look_at(port, trust, sni="may_chu.example.vn"))
    assert (right["trusted"], right["sni"], right["name_ok"]) == (True, "may_chu.example.vn", True)
    wrong = endpoint_of(look_at(port, trust, sni="khac.example.vn"))
    assert (wrong["trust_reason"], wrong["name_ok"]) == ("name_mismatch", False)


def test_pins(lab, trust):
    certificate = leaf(None)
    port = lab.python_tls(certificate)
    fingerprint = certificate.loaded.sha256
    colons = ":".join(fingerprint[i : i + 2].upper() for i in range(0, 64, 2))
    assert endpoint_of(look_at(port, trust))["pinned"] is None
    assert endpoint_of(look_at(port, trust, pin_sha256=colons))["pinned"] is True
    assert endpoint_of(look_at(port, trust, pin_sha256="0" * 64))["pinned"] is False


def test_ipv6_and_localhost(lab, trust):
    try:
        socket.getaddrinfo("localhost", None, socket.AF_INET)
    except socket.gaierror:
        pytest.skip("needs a host on which localhost resolves")
    six = target(lab.python_tls(leaf(names=["::1"]), ISSUING, host="::1"), "::1")
    name = target(lab.python_tls(leaf(), ISSUING), "localhost")
    seen = look(six, name, trust=(trust,)).seen
    assert endpoint_of(seen[six.text])["trusted"]
    fact = endpoint_of(seen[name.text])
    assert (fact["trusted"], fact["host"], fact["sni"], fact["address"]) == (
        True,
        "localhost",
        "localhost",
        HOST,
    )


def test_good_servers_among_bad_ones_are_not_disturbed(lab, trust):
    good = [target(lab.python_tls(leaf(), ISSUING)) for _ in range(20)]
    bad = [
        target(lab.listen(server))
        for server in (
            servers.silent,
            servers.dripping,
            servers.resetting,
            servers.speaks_http,
        )
    ]
    seen = look(*bad, *good, trust=(trust,), timeout=5).seen
    assert all(endpoint_of(seen[each.text])["trusted"] for each in good)
    reasons = [seen[each.text].reason for each in bad]
    assert reasons == [Reason.TIMEOUT, Reason.TARPIT, Reason.RESET, Reason.NOT_TLS]


def test_a_trust_folder_that_is_not_there_makes_no_false_alarm(lab):
    seen = look_at(lab.python_tls(leaf(), ISSUING), "/nonexistent/national")
    fact = next(fact for fact in seen.facts if fact.kind == "endpoint")
    assert fact.missing["trusted"] is fact.missing["trust_reason"] is Reason.NO_DATA
    assert fact.values["name_ok"] is True
    assert "/nonexistent/national" in seen.detail


@pytest.mark.parametrize(
    "options", [("-tls1",), ("-tls1_1",), ("-tls1_2",), ("-tls1_3",), ("-no_tls1_1",), ()]
)
def test_versions_are_those_of_sslscan(lab, trust, needs, options):
    needs("openssl", "sslscan")
    old = ("-cipher", "ALL:@SECLEVEL=0") if options != ("-tls1_3",) else ()
    port = lab.openssl(leaf(key=RSA_2048), ISSUING, options=(*options, *old))
    command = ["sslscan", "--no-ciphersuites", "--no-heartbleed", "--no-renegotiation", "--no-compression"]
    command += ["--no-fallback", "--no-groups", "--no-check-certificate", "--no-colour", f"{HOST}:{port}"]
    answer = subprocess.run(command, check=False, capture_output=True, text=True, timeout=180).stdout
    wanted = [f"TLS{version}" for version in re.findall(r"TLSv(1\.\d)\s+enabled", answer)]
    assert wanted, answer
    assert endpoint_of(look_at(port, trust))["versions"] == sorted(wanted)
