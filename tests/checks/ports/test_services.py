from __future__ import annotations

import pytest

from secmon.checks.ports.services import FIELDS, SILENT, Reply, Service, conclude, decode, values
from secmon.core.fingerprint import Match

KNOWN = {
    ("http.title", "Box"): Match("Box", "Example", None, None, None, management=True),
    ("http.server", "Box/1.2"): Match("Box", "Example", "1.2", "cpe:2.3:h:example:box:1.2:*:*:*:*:*:*:*"),
    ("http.server", "nginx/1.2"): Match("nginx", "F5", "1.2"),
    ("http.body", "store"): Match("Store", None, "7", None, "store"),
}


def match(name, text):
    return KNOWN.get((name, text))


def reply(*texts, service="http", banner="shown"):
    return Reply(service, texts, banner)


def test_the_page_counts_more_than_what_serves_it():
    told = conclude(reply(("http.title", "Box"), ("http.server", "nginx/1.2")), match)
    assert told == Service("http", "Example", "Box", None, None, True, "shown")


def test_a_header_adds_the_version_of_the_same_product():
    told = conclude(reply(("http.title", "Box"), ("http.server", "Box/1.2")), match)
    assert (told.version, told.cpe, told.management) == (
        "1.2",
        "cpe:2.3:h:example:box:1.2:*:*:*:*:*:*:*",
        True,
    )


def test_a_fingerprint_may_name_the_service():
    assert conclude(reply(("http.body", "store")), match).service == "store"
    assert conclude(reply(("http.body", "store")), match, tls=True).service == "store"


def test_tls_is_part_of_the_name():
    assert conclude(reply(("http.title", "?")), match, tls=True) == Service("https", banner="shown")
    assert conclude(reply(service="smtp"), match, tls=True).service == "smtps"
    assert conclude(reply(service=None, banner=""), match, tls=True) == Service("tls")
    assert conclude(reply(service="redis"), match, tls=True).service == "redis"


def test_nothing_recognised_is_none_and_keeps_the_banner():
    assert conclude(reply(("greeting", "hm"), service=None, banner="hm"), match) == Service(banner="hm")
    assert values(SILENT) == dict.fromkeys(FIELDS)


def test_texts_are_cut():
    told = conclude(reply(banner="x" * 5000), match)
    assert len(told.banner) == 1024
    assert told.banner.endswith("…")


@pytest.mark.parametrize(
    ("data", "text"),
    [
        (b"  caf\xc3\xa9\r\n", "café"),
        (b"caf\xe9\x00!", "café!"),
        (b"\xff\xfe", "ÿþ"),
        (b"a\r\nb", "a\nb"),
    ],
)
def test_any_byte_can_be_read(data, text):
    assert decode(data) == text
