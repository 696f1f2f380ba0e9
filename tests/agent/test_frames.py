"""What a probe says becomes lines of JSON that are never too long."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from secmon.agent.frames import FRAME_LIMIT, FrameWriter
from secmon.core.intake import read_spool
from secmon.core.model import Completeness, Fact, Form, Reason, Target
from tests.support.processes import make_registry

HERE = Target("here", "test", Form.LOCAL, "local")
THERE = Target("there", "test", Form.LOCAL, "local")


class Recorder:
    """Takes lines, and tells the time."""

    def __init__(self) -> None:
        self.lines: list[bytes] = []
        self.now = 1000.0
        self.frames = FrameWriter(self.lines.append, lambda: self.now)

    @property
    def said(self) -> list[dict]:
        return [json.loads(line) for line in self.lines]


@pytest.fixture
def recorder() -> Recorder:
    return Recorder()


def test_one_observation(recorder: Recorder):
    recorder.frames.canary(None)
    recorder.frames.begin(HERE)
    recorder.frames.facts(HERE, [Fact("thing", {"name": "a", "other": None}, {"size": Reason.PERMISSION})])
    recorder.now = 1001.0
    recorder.frames.end(HERE, {"thing": Reason.PERMISSION}, Completeness.PARTIAL, Reason.PERMISSION, "why")
    assert recorder.said == [
        {"canary": None, "detail": ""},
        {"begin": 0, "asset": "here", "target": "local", "started": 1000.0},
        {
            "of": 0,
            "facts": [{"kind": "thing", "name": "a", "other": None, "missing": {"size": "permission"}}],
        },
        {
            "end": 0,
            "finished": 1001.0,
            "looked": {"thing": "permission"},
            "completeness": "partial",
            "reason": "permission",
            "detail": "why",
        },
    ]
    assert all(line.endswith(b"\n") and line.count(b"\n") == 1 for line in recorder.lines)


def test_observations_overlap_and_are_told_apart_by_asset(recorder: Recorder):
    recorder.frames.begin(HERE)
    recorder.frames.begin(THERE)
    recorder.frames.facts(HERE, [Fact("thing", {"name": "a"})])
    recorder.frames.end(THERE, {}, Completeness.OK)
    recorder.frames.end(HERE, {}, Completeness.OK)
    assert [(frame.get("begin"), frame.get("of"), frame.get("end")) for frame in recorder.said] == [
        (0, None, None),
        (1, None, None),
        (None, 0, None),
        (None, None, 1),
        (None, None, 0),
    ]


def test_a_target_begins_again_after_its_end(recorder: Recorder):
    for _ in range(2):
        recorder.frames.begin(HERE)
        recorder.frames.end(HERE, {}, Completeness.OK)
    assert [frame["begin"] for frame in recorder.said if "begin" in frame] == [0, 1]


def test_misuse_is_an_error(recorder: Recorder):
    with pytest.raises(ValueError, match="not open"):
        recorder.frames.facts(HERE, [])
    with pytest.raises(ValueError, match="not open"):
        recorder.frames.end(HERE, {}, Completeness.OK)
    recorder.frames.begin(HERE)
    with pytest.raises(ValueError, match="open already"):
        recorder.frames.begin(HERE)
    with pytest.raises(ValueError, match="not JSON compliant"):
        recorder.frames.facts(HERE, [Fact("thing", {"name": float("inf")})])
    with pytest.raises(TypeError):
        recorder.frames.facts(HERE, [Fact("thing", {"name": b"bytes"})])


def test_many_facts_are_split(recorder: Recorder):
    recorder.frames.begin(HERE)
    recorder.frames.facts(HERE, (Fact("thing", {"name": f"{n}" + "x" * 1000}) for n in range(2000)))
    batches = [frame["facts"] for frame in recorder.said[1:]]
    assert len(batches) > 1
    assert [fact["name"].rstrip("x") for batch in batches for fact in batch] == [str(n) for n in range(2000)]
    assert max(map(len, recorder.lines)) <= FRAME_LIMIT


def test_text_is_cut(recorder: Recorder):
    recorder.frames.canary(Reason.NO_DATA, "x" * 5000)
    recorder.frames.begin(HERE)
    values = {"name": "y" * 5000, "names": ["z" * 5000], "records": [{"deep": ["w" * 5000]}]}
    recorder.frames.facts(HERE, [Fact("thing", values)])
    recorder.frames.end(HERE, {}, Completeness.FAILED, Reason.NO_DATA, "v" * 5000)
    recorder.frames.crash("u" * 5000)
    assert all(len(line) < 4000 for line in recorder.lines)


def test_a_field_that_fits_no_frame_is_missing(recorder: Recorder):
    recorder.frames.begin(HERE)
    recorder.frames.facts(HERE, [Fact("thing", {"name": "a", "names": ["x" * 1000] * 1000})])
    assert recorder.said[1]["facts"] == [
        {"kind": "thing", "name": "a", "missing": {"names": "resource_limit"}}
    ]


def test_lone_surrogates_survive(recorder: Recorder):
    recorder.frames.begin(HERE)
    recorder.frames.facts(HERE, [Fact("thing", {"name": "caf\udce9"})])
    assert recorder.said[1]["facts"][0]["name"] == "caf\udce9"


def test_progress_is_told_ten_times_a_second_and_at_the_end(recorder: Recorder):
    for done in range(1001):
        recorder.now += 0.001
        recorder.frames.progress(done, 1000)
    told = [frame["progress"] for frame in recorder.said]
    assert 9 <= len(told) <= 12
    assert told[0] == [0, 1000]
    assert told[-1] == [1000, 1000]


def test_giving_up_closes_what_is_open_and_opens_what_was_not(recorder: Recorder):
    ended, told, begun, untouched = (Target("here", "test", Form.LOCAL, text) for text in "abcd")
    for target in (ended, told, begun):
        recorder.frames.begin(target)
    recorder.frames.facts(told, [Fact("thing", {"name": "a"})])
    recorder.frames.end(ended, {}, Completeness.OK)
    del recorder.lines[:]
    for target in (ended, told, begun, untouched):
        recorder.frames.give_up(target, {"thing": Reason.NO_DATA}, Reason.NO_DATA, "why")
    assert [frame.get("completeness", "begin") for frame in recorder.said] == [
        "partial",
        "failed",
        "begin",
        "failed",
    ]


@given(
    st.lists(
        st.tuples(st.sampled_from("abc"), st.lists(st.text(max_size=30), max_size=5)),
        max_size=8,
        unique_by=lambda item: item[0],
    )
)
def test_the_judge_reads_back_what_was_said(spoken: list[tuple[str, list[str]]]):
    recorder = Recorder()
    recorder.frames.canary(None)
    for text, names in spoken:
        target = Target("here", "test", Form.LOCAL, text)
        recorder.frames.begin(target)
        recorder.frames.facts(target, [Fact("thing", {"name": name}) for name in names])
        recorder.frames.end(target, {"thing": None}, Completeness.OK)
    frames = b"".join(recorder.lines)
    header = {"probe": "probe", "status": "ok", "started": 1.0, "finished": 2.0, "size": len(frames)}
    (part,) = read_spool(make_registry(["test"]).checks["test"], json.dumps(header).encode() + b"\n" + frames)
    assert part.status is None
    assert [
        (item.target, [fact.values["name"] for fact in item.facts]) for item in part.observations
    ] == spoken
