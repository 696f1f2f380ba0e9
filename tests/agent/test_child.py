"""What a child takes from the plan, and says when it could not look."""

from __future__ import annotations

import json
from dataclasses import replace

from secmon.agent.channel import Request
from secmon.agent.child import _describe, make_task, unseen
from secmon.core.codec import encode
from secmon.core.contract import CheckSpec, KindSpec, ProbeSpec
from secmon.core.model import Form, Reason, Target, Vantage
from secmon.core.plan import ChildPlan

INSIDE = (Vantage.INSIDE,)
KINDS = (
    KindSpec("endpoint", (), (), {Form.LOCAL: INSIDE, Form.ENDPOINT: INSIDE}, "", ""),
    KindSpec("certificate", (), (), {Form.LOCAL: INSIDE, Form.FILE: INSIDE}, "", ""),
    KindSpec("anomaly", (), (), {Form.PCAP: INSIDE}, "", "", parts=("port_scan", "arp_spoof")),
)
ENDPOINT = ProbeSpec("endpoint", "m", (Form.LOCAL, Form.ENDPOINT), ("endpoint",))
FILES = ProbeSpec("files", "m", (Form.LOCAL, Form.FILE), ("certificate", "anomaly"))
PCAP = ProbeSpec("pcap", "m", (Form.PCAP,), ("anomaly",))
CHECK = CheckSpec("tls", KINDS, (ENDPOINT, FILES, PCAP), 60, 60, "", "")
REQUEST = Request("probe", "tls", "endpoint", 3, 42.0)


def _plan() -> bytes:
    targets = [
        Target("here", "tls", Form.LOCAL, "local"),
        Target("there", "tls", Form.ENDPOINT, "there:443", Vantage.OUTSIDE, {"port": 443}),
        Target("here", "tls", Form.FILE, "file:/etc/x"),
        Target("here", "ports", Form.LOCAL, "local"),
    ]
    settings = {"tls": {"trust": ["/etc/ssl"]}, "ports": {"rate": 1}}
    plan = ChildPlan(tuple(targets), settings, ("10.0.0.0/8",), ({"cidr": "10.0.0.1"},), (), (), ())
    return b'{"core":1}\n' + json.dumps(encode(plan)).encode() + b"\n"


def test_a_target_goes_to_every_probe_that_serves_its_form():
    for probe, wanted in ((ENDPOINT, ["local", "there:443"]), (FILES, ["local", "file:/etc/x"]), (PCAP, [])):
        task = make_task(CHECK, probe, REQUEST, _plan(), 1000.0)
        assert [target.text for target in task.targets] == wanted


def test_the_task_holds_what_the_probe_needs():
    task = make_task(CHECK, ENDPOINT, REQUEST, _plan(), 1000.0)
    assert (task.check, task.probe, task.deadline, task.now, task.once) == (
        "tls",
        "endpoint",
        42.0,
        1000.0,
        True,
    )
    assert task.settings == {"trust": ["/etc/ssl"]}
    assert task.allowed_networks == ("10.0.0.0/8",)
    assert task.known_sources == ({"cidr": "10.0.0.1"},)
    assert task.targets[1] == Target(
        "there", "tls", Form.ENDPOINT, "there:443", Vantage.OUTSIDE, {"port": 443}
    )


def test_a_capture_goes_on():
    assert not make_task(CHECK, ENDPOINT, replace(REQUEST, do="capture"), _plan(), 0.0).once


def test_unseen_names_every_kind_of_the_form():
    assert unseen(CHECK, ENDPOINT, Form.LOCAL, Reason.PERMISSION) == {"endpoint": Reason.PERMISSION}
    assert unseen(CHECK, FILES, Form.FILE, Reason.NO_DATA) == {"certificate": Reason.NO_DATA}
    assert unseen(CHECK, PCAP, Form.PCAP, Reason.NO_DATA) == {
        "anomaly/port_scan": Reason.NO_DATA,
        "anomaly/arp_spoof": Reason.NO_DATA,
    }


def test_an_error_is_described_with_its_place():
    try:
        json.loads("{")
    except ValueError as error:
        text = _describe(error)
    assert text.startswith("JSONDecodeError: Expecting property name")
    assert "(json.decoder:" in text
    assert _describe(TypeError("x" * 5000)).endswith("x")
