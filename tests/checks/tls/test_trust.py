"""One reason for each fault of a chain, and none for good ones."""

from __future__ import annotations

import ipaddress
import string

import pytest
from cryptography import x509
from cryptography.x509 import verification
from hypothesis import given
from hypothesis import strategies as st

from secmon.checks.tls import trust
from secmon.checks.tls.certificate import load
from secmon.checks.tls.diagnosis import REASONS
from secmon.checks.tls.kinds import TRUST_REASONS
from secmon.checks.tls.names import matches
from tests.checks.tls import weak
from tests.checks.tls.ca import (
    CLIENT,
    DAY,
    NOW,
    RSA_1024,
    RSA_2048,
    SERVER,
    Issued,
    authority,
    ec_key,
    ed25519,
    issue,
)

HOST = "www.example.vn"
ROOT, ISSUING = authority()
STRANGER, STRANGER_ISSUING = authority()
GOOD = issue("good", ISSUING, names=[HOST])


def anchors(*roots: Issued, profile: str = "national") -> trust.Anchors:
    return trust.build_anchors([(profile, [root.der for root in roots])])


def judge(*chain: Issued, roots=(ROOT,), host: str | None = HOST, now=NOW) -> trust.Verdict:
    return trust.judge_chain([each.loaded for each in chain], anchors(*roots), host, now)


def constrained(*, permitted=None, excluded=None) -> Issued:
    constraints = x509.NameConstraints(permitted, excluded)
    return issue("Constrained CA", ROOT, ca=True, name_constraints=constraints)


NOT_A_CA = issue("not a ca", ISSUING, names=["x.example"])
NO_SIGN = issue("no keyCertSign", ROOT, ca=True, key_cert_sign=False)
SHORT = issue("pathlen 0", ROOT, ca=True, path_length=0)
BELOW_SHORT = issue("below pathlen 0", SHORT, ca=True)
EXPIRED_CA = issue("expired ca", ROOT, ca=True, ends=-DAY)
FUTURE_CA = issue("future ca", ROOT, ca=True, starts=DAY)
CLIENT_CA = issue("client ca", ROOT, ca=True, uses=[CLIENT])
WEAK_CA = issue("weak ca", ROOT, ca=True, key=RSA_1024)
WEAK_ROOT = issue("weak root", ca=True, key=RSA_1024)
OTHER_DOMAIN = constrained(permitted=[x509.DNSName("gov.vn")])
EXCLUDED = constrained(excluded=[x509.DNSName("example.vn")])
OTHER_NETWORK = constrained(permitted=[x509.IPAddress(ipaddress.ip_network("10.0.0.0/8"))])


def leaf(issuer: Issued | None, **options) -> Issued:
    return issue("leaf", issuer, **{"names": [HOST], **options})


SELF_SIGNED = leaf(None)
FAULTS = {
    "expired": [leaf(ISSUING, ends=-DAY), ISSUING],
    "expired and self-signed": [leaf(None, ends=-DAY)],
    "expired and wrong name": [leaf(ISSUING, ends=-DAY, names=["x.example"]), ISSUING],
    "not_yet_valid": [leaf(ISSUING, starts=DAY), ISSUING],
    "not_yet_valid issuer": [leaf(FUTURE_CA), FUTURE_CA],
    "self_signed": [SELF_SIGNED],
    "self_signed with a foreign chain": [SELF_SIGNED, ISSUING],
    "untrusted_root": [leaf(STRANGER_ISSUING), STRANGER_ISSUING],
    "untrusted_root that is sent": [leaf(STRANGER_ISSUING), STRANGER_ISSUING, STRANGER],
    "untrusted_root that issued the leaf": [leaf(STRANGER), STRANGER],
    "missing_intermediate": [GOOD],
    "missing_intermediate, another one sent": [GOOD, STRANGER_ISSUING],
    "missing_intermediate, same name, other key": [GOOD, authority()[1]],
    "expired_intermediate": [leaf(EXPIRED_CA), EXPIRED_CA],
    "not_ca": [leaf(NOT_A_CA), NOT_A_CA, ISSUING],
    "not_ca for want of keyCertSign": [leaf(NO_SIGN), NO_SIGN],
    "not_ca for its path length": [leaf(BELOW_SHORT), BELOW_SHORT, SHORT],
    "name_mismatch": [leaf(ISSUING, names=["x.example"]), ISSUING],
    "name_mismatch of an address": [leaf(ISSUING, names=["192.0.2.1"]), ISSUING],
    "name_mismatch of a wildcard": [leaf(ISSUING, names=["*.www.example.vn"]), ISSUING],
    "no_san": [issue(HOST, ISSUING), ISSUING],
    "wrong_eku": [leaf(ISSUING, uses=[CLIENT]), ISSUING],
    "wrong_eku of an issuer": [leaf(CLIENT_CA), CLIENT_CA],
    "name_constraint": [leaf(OTHER_DOMAIN), OTHER_DOMAIN],
    "name_constraint that excludes": [leaf(EXCLUDED), EXCLUDED],
    "name_constraint of an address": [
        leaf(OTHER_NETWORK, names=[HOST, "192.0.2.1"]),
        OTHER_NETWORK,
    ],
    "weak_key": [leaf(WEAK_CA), WEAK_CA],
}


@pytest.mark.parametrize("name", FAULTS)
def test_each_fault_has_its_reason(name):
    verdict = judge(*FAULTS[name])
    assert (verdict.trusted, verdict.reason) == (False, name.split()[0].rstrip(","))
    assert verdict.profile is None


@pytest.mark.parametrize(
    ("root", "below"),
    [(weak.EC_ROOT, weak.EC_SHA1), (weak.RSA_ROOT, weak.RSA_SHA1), (weak.RSA_ROOT, weak.RSA_MD5)],
    ids=["ecdsa-with-sha1", "rsa-with-sha1", "rsa-with-md5"],
)
def test_a_weak_signature_is_told_from_a_missing_issuer(root, below, request):
    certificate = load(below)
    assert certificate.signature in request.node.name
    roots = trust.build_anchors([("national", [root])])
    assert trust.judge_chain([certificate], roots, HOST, NOW + 30 * DAY).reason == "weak_signature"
    strangers = trust.build_anchors([("national", [STRANGER.der])])
    assert trust.judge_chain([certificate], strangers, HOST, NOW + 30 * DAY).reason == "missing_intermediate"


def test_a_weak_root_is_a_weak_key():
    assert judge(leaf(WEAK_ROOT), roots=[WEAK_ROOT]).reason == "weak_key"


def test_an_expired_root_is_an_expired_issuer():
    root = issue("old root", ca=True, ends=-DAY)
    assert judge(leaf(root), roots=[root]).reason == "expired_intermediate"


GOOD_CHAINS = {
    "plain": (HOST, [GOOD, ISSUING]),
    "wildcard": (HOST, [leaf(ISSUING, names=["*.example.vn"]), ISSUING]),
    "address": ("192.0.2.7", [leaf(ISSUING, names=["192.0.2.7"]), ISSUING]),
    "IPv6 address": ("[2001:db8::1]", [leaf(ISSUING, names=["2001:db8::1"]), ISSUING]),
    "upper case and final dot": ("WWW.Example.VN.", [GOOD, ISSUING]),
    "underscore": ("may_chu.example.vn", [leaf(ISSUING, names=["may_chu.example.vn"]), ISSUING]),
    "underscore by wildcard": ("may_chu.example.vn", [leaf(ISSUING, names=["*.example.vn"]), ISSUING]),
    "another script": ("thànhhóa.vn", [leaf(ISSUING, names=["xn--thnhha-jta9m.vn"]), ISSUING]),
    "no name expected": (None, [leaf(ISSUING, names=["x.example"]), ISSUING]),
    "only underscores, no name expected": (None, [leaf(ISSUING, names=["a_b.example"]), ISSUING]),
    "server use": (HOST, [leaf(ISSUING, uses=[CLIENT, SERVER]), ISSUING]),
    "issued by the root": (HOST, [leaf(ROOT)]),
    "RSA": (HOST, [leaf(ISSUING, key=RSA_2048), ISSUING]),
    "Ed25519": (HOST, [leaf(ISSUING, key=ed25519.Ed25519PrivateKey.generate()), ISSUING]),
    "weak leaf, which is a rule's business": (HOST, [leaf(ISSUING, key=RSA_1024), ISSUING]),
    "permitted name": ("a.gov.vn", [leaf(OTHER_DOMAIN, names=["a.gov.vn"]), OTHER_DOMAIN]),
}


@pytest.mark.parametrize("name", GOOD_CHAINS)
def test_good_chains_have_no_reason(name):
    host, chain = GOOD_CHAINS[name]
    verdict = judge(*chain, host=host)
    assert verdict == trust.Verdict(True, None, "national", None if host is None else True)


def test_an_underscore_must_match_all_the_same():
    verdict = judge(GOOD, ISSUING, host="may_chu.example.vn")
    assert (verdict.trusted, verdict.reason, verdict.name_ok) == (False, "name_mismatch", False)


def test_without_an_expected_name_a_certificate_needs_one_still():
    assert judge(issue(HOST, ISSUING), ISSUING, host=None).reason == "no_san"


NATIONAL = issue("National Root", ca=True, key_usage=False, constraints_critical=False)
NONCONFORMING = {
    "root without keyUsage, leaf without AKI": [leaf(NATIONAL, authority_key=False)],
    "leaf without AKI": [leaf(ISSUING, authority_key=False), ISSUING],
}


@pytest.mark.parametrize("host", [HOST, None])
@pytest.mark.parametrize("name", NONCONFORMING)
def test_what_only_breaks_the_webs_conventions_is_trusted(name, host):
    verdict = judge(*NONCONFORMING[name], roots=[ROOT, NATIONAL], host=host)
    assert (verdict.trusted, verdict.reason, verdict.profile) == (True, "trusted_nonconforming", "national")


@pytest.mark.parametrize("ca", [True, False])
def test_a_device_whose_own_certificate_is_trusted(ca):
    device = issue("device", names=[HOST], ca=ca)
    assert judge(device, roots=[device]).reason == "trusted_nonconforming"
    assert judge(device, roots=[device], host="x.example").reason == "name_mismatch"
    assert judge(device, roots=[device], now=NOW + 90 * DAY).reason == "expired"


def test_permissive_does_not_forgive_the_name_or_the_date():
    chain = NONCONFORMING["leaf without AKI"]
    assert judge(*chain, host="x.example").reason == "name_mismatch"
    assert judge(*chain, now=NOW + 90 * DAY).reason == "expired"


def test_how_a_trusted_chain_is_sent():
    lower = issue("Lower CA", ISSUING, ca=True)
    below = leaf(lower)
    assert judge(below, ISSUING, lower).reason == "bad_order"
    assert judge(GOOD, STRANGER_ISSUING, ISSUING).reason == "bad_order"
    assert judge(GOOD, ISSUING, ROOT).reason == "extra_root"
    assert judge(GOOD, ISSUING, STRANGER).reason == "extra_root"
    assert judge(below, lower, ISSUING).reason is None
    assert all(judge(GOOD, *rest).trusted for rest in ([ISSUING, ROOT], [STRANGER_ISSUING, ISSUING]))


def test_the_better_of_two_ways_is_judged():
    key = ec_key()
    old = issue("Cross CA", STRANGER, ca=True, key=key)
    expired = issue("Cross CA", ROOT, ca=True, key=key, ends=-DAY)
    below = leaf(old)
    assert judge(below, old, expired).reason == "expired_intermediate"
    assert judge(below, old, expired, issue("Cross CA", ROOT, ca=True, key=key)).trusted


def test_the_first_profile_of_a_root_is_told():
    both = trust.build_anchors(
        [("public", [ROOT.der]), ("national", [ROOT.der, b"no certificate", GOOD.der])]
    )
    assert trust.judge_chain([GOOD.loaded, ISSUING.loaded], both, HOST, NOW).profile == "public"
    assert len(both.profiles) == 1


def test_without_roots_nothing_is_trusted():
    assert judge(GOOD, ISSUING, roots=[]).reason == "untrusted_root"


def test_a_chain_of_look_alikes_ends():
    """Sixteen issuers of one name and key are 16! ways; the budget of signature checks ends them."""
    key = ec_key()
    alike = [issue("Alike", issue("Alike", ca=True, key=key), ca=True, key=key) for _ in range(15)]
    assert judge(leaf(alike[0]), *alike).reason == "untrusted_root"


def test_every_reason_is_declared_and_in_the_declared_order():
    assert [reason for reason in TRUST_REASONS if reason in REASONS] == list(REASONS)
    assert set(TRUST_REASONS) - set(REASONS) == {
        trust.NONCONFORMING,
        trust.BAD_ORDER,
        trust.EXTRA_ROOT,
        trust.OTHER,
    }


LABELS = st.text(string.ascii_lowercase + string.digits + "-", min_size=1, max_size=12).filter(
    lambda label: label[0] != "-" != label[-1]
)
HOSTS = st.lists(LABELS, min_size=2, max_size=4).map(".".join).filter(lambda name: not name[-1].isdigit())


@st.composite
def hosts_and_entries(draw):
    host = draw(HOSTS)
    first, _, rest = host.partition(".")
    entry = draw(
        st.sampled_from([host, f"*.{rest}", f"*.{host}", rest, f"a.{host}", f"*{host}", f"{first}.*"]) | HOSTS
    )
    return host, entry


@given(hosts_and_entries())
def test_our_matching_is_the_verifiers(case):
    """Where the verifier can express a host, both must say the same."""
    host, entry = case
    certificate = issue("leaf", ISSUING, names=[entry])
    builder = verification.PolicyBuilder().store(verification.Store([ROOT.x509])).time(NOW)
    try:
        builder.build_server_verifier(x509.DNSName(host)).verify(certificate.x509, [ISSUING.x509])
        theirs = True
    except verification.VerificationError:
        theirs = False
    assert matches(host, (entry,), ()) == theirs


@given(st.text(max_size=40), st.text(max_size=40))
def test_matching_never_raises(host, entry):
    matches(host, (entry,), (entry,))
