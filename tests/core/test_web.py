"""Hashes are found by their digest, and a digest is all that leaves the file."""

from __future__ import annotations

import hashlib
import json

import bcrypt
import pytest

from secmon.core.codec import decode, encode
from secmon.core.plan import Listen
from secmon.core.web import Tls, Web, cost_of, digest_of, find_hashes

HASH = b"$2y$10$X0h1gDsPszWURQaxFh.zoubFi6DXncSjhoQNJgRrnGs7EsimhC7zG"


@pytest.mark.parametrize(
    "text",
    [
        b"basic_auth_users:\n  prom: %s\n",
        b"basic_auth_users: {prom: '%s'}",
        b'"prom": "%s"',
        b"prom: %s # a comment",
        b"prom: >-\n  %s",
        "quản-trị: %s".encode(),
    ],
)
def test_a_hash_is_found_in_every_spelling_of_yaml(text):
    assert find_hashes(text % HASH) == {hashlib.sha256(HASH).hexdigest(): HASH}


def test_every_version_that_bcrypt_verifies_is_found_and_no_other():
    made = bcrypt.hashpw(b"x", bcrypt.gensalt(4))
    for version, found in ((b"2a", 1), (b"2b", 1), (b"2y", 1), (b"2x", 0), (b"1", 0), (b"2c", 0)):
        assert len(find_hashes(b"$" + version + made[3:])) == found


@pytest.mark.parametrize("data", [b"", HASH[:-1], HASH + b"A", b"x" + HASH, HASH.replace(b".zou", b".zob")])
def test_what_is_no_hash_is_not_found(data):
    assert find_hashes(data) == {}


def test_the_cost_stands_in_the_hash():
    assert cost_of(HASH) == 10


def test_a_plan_carries_no_hash_and_comes_back_whole():
    listen = Listen("192.0.2.7", 9877, web=Web("/w.yml", Tls("/c", "/k"), {"prom": digest_of(HASH)}))
    line = json.dumps(encode(listen))
    assert HASH.decode() not in line
    assert HASH.decode()[7:20] not in line
    assert decode(Listen, json.loads(line)) == listen
    assert listen.tls


@pytest.mark.parametrize(
    ("web", "protects"),
    [
        (Web("/w"), False),
        (Web("/w", users={"a": "d"}), False),
        (Web("/w", Tls("/c", "/k")), False),
        (Web("/w", Tls("/c", "/k", "/ca", "optional")), False),
        (Web("/w", Tls("/c", "/k"), {"a": "d"}), True),
        (Web("/w", Tls("/c", "/k", "/ca", "required")), True),
    ],
)
def test_a_page_is_protected_by_tls_and_a_proof_of_who_reads(web, protects):
    assert web.protects is protects
