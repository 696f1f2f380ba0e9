"""A configuration child's outcome becomes a plan, or says which file to mend."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest

from secmon.agent.reload import Refused, read_plan
from secmon.core.codec import encode
from tests.support.judgements import plan

SETTINGS = ("/etc/secmon/secmon.yml", "/etc/secmon/web.yml")


def line(of):
    return json.dumps(encode(of)).encode() + b"\n"


def fault(file):
    row = {
        "file": file,
        "line": 3,
        "column": 5,
        "key": "listen.port",
        "message": "is no port",
        "advice": "1-65535",
        "warning": False,
        "settings": file in SETTINGS,
    }
    return json.dumps(row).encode() + b"\n"


def test_a_plan_comes_back_with_the_version_in_its_digest():
    assert read_plan("ok", line(plan()), "0.1.0") == replace(plan(), digest="d1 0.1.0")


@pytest.mark.parametrize(
    ("files", "config", "rules"),
    [
        (SETTINGS[:1], False, True),
        (SETTINGS[1:], False, True),
        (("/etc/secmon/rules/x.yml",), True, False),
        (("/etc/secmon/rules/x.yml", SETTINGS[0]), False, False),
    ],
)
def test_faults_name_their_place_and_are_told_apart(files, config, rules):
    with pytest.raises(Refused) as refused:
        read_plan("faults", b"".join(map(fault, files)), "0.1.0")
    assert (refused.value.config, refused.value.rules, refused.value.unread) == (config, rules, False)
    assert refused.value.faults[0] == f"{files[0]}:3:5: listen.port: is no port; 1-65535"


@pytest.mark.parametrize("status", ["timeout", "crashed", "resource_limit", "permission"])
def test_a_reading_that_did_not_end_says_nothing_about_the_files(status):
    with pytest.raises(Refused, match=status) as refused:
        read_plan(status, b"half a li", "0.1.0")
    assert refused.value.unread
    assert not refused.value.config


@pytest.mark.parametrize("status", ["ok", "faults"])
@pytest.mark.parametrize(
    "output",
    [b"", b"{}\n", b"[]\n", b"7\n", b'{"fault": 1}\n', b"[" * 100_000, b"\xff\n", b'{"checks": {"a": 1}}\n'],
)
def test_output_that_is_no_plan_leaves_the_one_before(status, output):
    with pytest.raises(Refused) as refused:
        read_plan(status, output, "0.1.0")
    assert refused.value.unread
