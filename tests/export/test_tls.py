"""What the configuration child calls fit to be served is what OpenSSL loads, and nothing else."""

from __future__ import annotations

import ssl

import pytest
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa

from secmon.core.web import Tls, Web, digest_of
from secmon.export.guard import ListenError, load_guard
from secmon.export.tls import make_context
from secmon.sources.keypair import check_key, check_server
from tests.sources.test_keypair import SHA1
from tests.support.pki import NOW, make

CA = make("ca")
GOOD = make("agent", issuer=CA, sans=("agent",))
SMALL = make("small", issuer=CA, sans=("a",), key=rsa.generate_private_key(65537, 1024))
HASH = b"$2y$04$" + b"." * 53


def files(folder, crt, key):
    (folder / "a.crt").write_bytes(crt)
    (folder / "a.key").write_bytes(key)
    return Tls(str(folder / "a.crt"), str(folder / "a.key"))


@pytest.mark.parametrize(
    ("crt", "key"),
    [
        (GOOD.crt, GOOD.pem),
        (GOOD.crt + CA.crt, GOOD.pem),
        (CA.crt, CA.pem),
        *(
            (pair.crt, pair.pem)
            for pair in (
                make("rsa", issuer=CA, key=rsa.generate_private_key(65537, 2048)),
                make("p384", issuer=CA, key=ec.generate_private_key(ec.SECP384R1())),
                make("ed25519", issuer=CA, key=ed25519.Ed25519PrivateKey.generate()),
                make("old", issuer=CA, until=NOW - 1),
                SMALL,
            )
        ),
        (GOOD.crt + SMALL.crt, GOOD.pem),
        (GOOD.crt + SHA1, GOOD.pem),
        (SHA1, GOOD.pem),
        (GOOD.crt, CA.pem),
        (GOOD.crt, GOOD.encrypted(b"pw")),
        (GOOD.crt, GOOD.crt),
        (GOOD.pem, GOOD.pem),
        (b"", b""),
        (GOOD.pem + GOOD.crt, GOOD.crt + GOOD.pem),
    ],
)
def test_the_child_and_openssl_agree(tmp_path, crt, key):
    problems = [*check_server(crt, NOW), *check_key(key, crt)]
    fit = all(problem.warning for problem in problems)
    try:
        make_context(files(tmp_path, crt, key))
        loads = True
    except OSError:
        loads = False
    assert loads is fit, problems


def test_a_context_asks_for_what_it_should(tmp_path):
    tls = files(tmp_path, GOOD.crt, GOOD.pem)
    context = make_context(tls)
    assert context.verify_mode is ssl.CERT_NONE
    assert context.minimum_version is ssl.TLSVersion.TLSv1_2
    assert context.options & ssl.OP_NO_RENEGOTIATION
    (tmp_path / "ca.crt").write_bytes(CA.crt)
    for asked, mode in (("optional", ssl.CERT_OPTIONAL), ("required", ssl.CERT_REQUIRED)):
        tls = Tls(tls.certificate, tls.key, str(tmp_path / "ca.crt"), asked, minimum="TLS13")
        context = make_context(tls)
        assert context.verify_mode is mode
        assert context.minimum_version is ssl.TLSVersion.TLSv1_3
        assert len(context.get_ca_certs()) == 1


def test_an_encrypted_key_is_not_asked_for_at_the_terminal(tmp_path):
    with pytest.raises(ListenError, match=r"a\.key") as refused:
        load_guard(Web("/w", files(tmp_path, GOOD.crt, GOOD.encrypted(b"pw"))))
    assert "the page cannot be protected" in str(refused.value)


@pytest.mark.parametrize("name", ["a.crt", "a.key", "ca.crt", "web.yml"])
def test_a_file_that_is_gone_is_named(tmp_path, name):
    (tmp_path / "ca.crt").write_bytes(CA.crt)
    (tmp_path / "web.yml").write_bytes(b"basic_auth_users: {a: %s}" % HASH)
    tls = files(tmp_path, GOOD.crt, GOOD.pem)
    tls = Tls(tls.certificate, tls.key, str(tmp_path / "ca.crt"), "required")
    web = Web(str(tmp_path / "web.yml"), tls, {"a": digest_of(HASH)})
    assert load_guard(web).hashes == {"a": HASH}
    assert HASH.decode() not in repr(load_guard(web))
    (tmp_path / name).unlink()
    with pytest.raises(ListenError, match=f"{name}: No such file or directory; the agent's own user"):
        load_guard(web)


def test_a_hash_that_has_changed_since_is_not_used(tmp_path):
    (tmp_path / "web.yml").write_bytes(b"basic_auth_users: {a: %s}" % HASH.replace(b"04", b"05"))
    with pytest.raises(ListenError, match=r"web\.yml changed while it was read"):
        load_guard(Web(str(tmp_path / "web.yml"), None, {"a": digest_of(HASH)}))


def test_authorities_that_are_none_are_refused(tmp_path):
    tls = files(tmp_path, GOOD.crt, GOOD.pem)
    with pytest.raises(ListenError, match=r"a\.key"):
        load_guard(Web("/w", Tls(tls.certificate, tls.key, tls.key, "required")))


def test_nothing_is_loaded_where_nothing_is_asked_for():
    guard = load_guard(None)
    assert (guard.context, guard.hashes, guard.allowed_sans) == (None, {}, ())
