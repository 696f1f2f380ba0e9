"""Whatever a probe child sends, intake says what it was and never raises."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from secmon.core.contract import CheckSpec, FieldSpec, FieldType, KindSpec, ProbeSpec
from secmon.core.intake import Part, read_fact, read_spool
from secmon.core.model import Completeness, Fact, Form, Reason, Vantage

KIND = KindSpec(
    "lamp",
    ("name",),
    (
        FieldSpec("name", FieldType.TEXT, "", ""),
        FieldSpec("lit", FieldType.BOOLEAN, "", ""),
        FieldSpec("watts", FieldType.INTEGER, "", ""),
        FieldSpec("colour", FieldType.TEXT, "", "", values=("red", "green")),
        FieldSpec("address", FieldType.ADDRESS, "", ""),
        FieldSpec("tags", FieldType.TEXTS, "", ""),
        FieldSpec("bought", FieldType.TIMESTAMP, "", ""),
        FieldSpec("age_days", FieldType.INTEGER, "", "", days_since="bought"),
    ),
    {Form.LOCAL: (Vantage.INSIDE,)},
    "a lamp",
    "một ngọn đèn",
)
CHECK = CheckSpec("lamps", (KIND,), (ProbeSpec("eye", "x", (Form.LOCAL,), ("lamp",)),), 60, 10, "", "")

BEGIN = {"begin": 0, "asset": "a", "target": "local", "started": 5.0}
FACTS = {"of": 0, "facts": [{"kind": "lamp", "name": "x", "lit": True, "missing": {"watts": "permission"}}]}
END = {
    "end": 0,
    "finished": 7.0,
    "looked": {"lamp": None},
    "completeness": "ok",
    "reason": None,
    "detail": "",
}


def spool(*frames: object, status: str = "ok") -> bytes:
    body = b"".join(
        frame if isinstance(frame, bytes) else json.dumps(frame).encode() + b"\n" for frame in frames
    )
    head = {"probe": "eye", "status": status, "started": 4.0, "finished": 9.0, "size": len(body)}
    return json.dumps(head).encode() + b"\n" + body


def read(*frames: object, status: str = "ok") -> Part:
    (part,) = read_spool(CHECK, spool(*frames, status=status))
    return part


def test_a_whole_observation() -> None:
    part = read({"canary": None, "detail": ""}, BEGIN, FACTS, END)
    assert (part.status, part.canary_said, part.canary) == (None, True, None)
    (seen,) = part.observations
    assert seen.completeness is Completeness.OK
    assert seen.looked == {"lamp": None}
    assert seen.facts == (Fact("lamp", {"name": "x", "lit": True}, {"watts": Reason.PERMISSION}),)
    assert (seen.started, seen.finished) == (5.0, 7.0)


def test_two_parts_stand_behind_each_other() -> None:
    parts = read_spool(
        CHECK,
        spool({"canary": None, "detail": ""}, BEGIN, END) + spool({"canary": "timeout", "detail": "blind"}),
    )
    assert [len(part.observations) for part in parts] == [1, 0]
    assert (parts[1].canary, parts[1].detail) == (Reason.TIMEOUT, "blind")


@pytest.mark.parametrize(("status", "reason"), [("timeout", Reason.TIMEOUT), ("crashed", Reason.CRASHED)])
def test_without_an_end_facts_stay_and_the_child_gives_the_reason(status, reason) -> None:
    (seen,) = read(BEGIN, FACTS, status=status).observations
    assert (seen.completeness, seen.reason, len(seen.facts)) == (Completeness.PARTIAL, reason, 1)
    assert seen.looked == {}
    (bare,) = read(BEGIN, status=status).observations
    assert bare.completeness is Completeness.FAILED


def test_a_canary_that_never_spoke_is_no_canary_that_passed() -> None:
    assert read(BEGIN, END).canary is Reason.NO_DATA
    assert read(status="timeout").canary is Reason.TIMEOUT


@pytest.mark.parametrize(
    "record",
    [
        {"kind": "lamp"},
        {"kind": "lamp", "name": 3},
        {"kind": "lamp", "name": "x", "lit": 1},
        {"kind": "lamp", "name": "x", "watts": True},
        {"kind": "lamp", "name": "x", "watts": 1.5},
        {"kind": "lamp", "name": "x", "colour": "blue"},
        {"kind": "lamp", "name": "x", "address": "1.2.3"},
        {"kind": "lamp", "name": "x", "tags": ["a", 1]},
        {"kind": "lamp", "name": "x", "unheard": 1},
        {"kind": "lamp", "name": "x", "age_days": 1},
        {"kind": "lamp", "name": "x", "missing": {"lit": "because"}},
        {"kind": "torch", "name": "x"},
    ],
)
def test_a_fact_outside_its_schema_makes_the_look_bad_data(record) -> None:
    with pytest.raises(ValueError):
        read_fact(CHECK, record)
    (seen,) = read({"canary": None, "detail": ""}, BEGIN, {"of": 0, "facts": [record]}, END).observations
    assert seen.reason is Reason.BAD_DATA
    assert seen.looked == {"lamp": Reason.BAD_DATA}
    assert "schema" in seen.detail


@pytest.mark.parametrize(
    "record",
    [
        {"kind": "lamp", "name": None, "watts": None},
        {"kind": "lamp", "name": "x", "address": "fe80::1%eth0", "tags": [], "bought": 3, "colour": "red"},
        {"kind": "lamp", "missing": {"name": "permission"}},
    ],
)
def test_null_and_missing_fit(record) -> None:
    assert read_fact(CHECK, record).kind == "lamp"


def test_text_and_lists_are_cut() -> None:
    fact = read_fact(CHECK, {"kind": "lamp", "name": "x" * 5000, "tags": ["y"] * 5000})
    assert (len(fact.values["name"]), len(fact.values["tags"])) == (1024, 1024)


def test_a_name_with_a_lone_surrogate_survives() -> None:
    frame = {"of": 0, "facts": [{"kind": "lamp", "name": "\udcff"}]}
    body = json.dumps(frame, ensure_ascii=False).encode("utf-8", "surrogatepass") + b"\n"
    (seen,) = read({"canary": None, "detail": ""}, BEGIN, body, END).observations
    assert [fact.values["name"] for fact in seen.facts] == ["\udcff"]


@pytest.mark.parametrize(
    "junk",
    [
        b"{half\n",
        b"\xff\xfe\n",
        b"[]\n",
        b'{"end":7}\n',
        b'{"of":9,"facts":[]}\n',
        b"3\n",
        b"[" * 200_000 + b"\n",
        b'{"end":Infinity}\n',
    ],
)
def test_a_broken_frame_ends_the_part_as_bad_data(junk) -> None:
    part = read({"canary": None, "detail": ""}, BEGIN, FACTS, junk, END)
    assert part.status is Reason.BAD_DATA
    (seen,) = part.observations
    assert (seen.reason, len(seen.facts)) == (Reason.BAD_DATA, 1)


@given(st.binary(max_size=400))
def test_random_bytes_never_raise(junk) -> None:
    part = read(BEGIN, junk, status="ok")
    assert len(part.observations) >= 1


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(
        ["begin", "end", "of", "facts", "canary", "crash", "looked", "kind", "name", "missing", "asset", "target",
         "started", "finished", "completeness", "reason", "detail"]) | st.text(max_size=4), inner, max_size=6),
    max_leaves=20,
)  # fmt: skip


@given(st.lists(JSON, max_size=5))
def test_random_frames_never_raise(frames) -> None:
    assert read(BEGIN, *frames, END).observations  # what began is told, however the part went on
