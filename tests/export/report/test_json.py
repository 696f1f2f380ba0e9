from __future__ import annotations

import io
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from secmon.core.texts import escape
from secmon.export.report.json import render
from tests.export.report import samples


def rendered(report):
    out = io.StringIO()
    render(report, out)
    return out.getvalue()


@pytest.mark.parametrize(
    "sample", [samples.typical, samples.hostile, samples.many, samples.several, samples.report]
)
def test_one_document_that_reads_back_the_same(sample):
    report = sample()
    text = rendered(report)
    assert json.loads(text) == report
    assert text.endswith("}\n")
    text.encode()


def test_the_order_of_keys_does_not_show():
    report = samples.typical()
    assert rendered(dict(reversed(report.items()))) == rendered(report)


def test_vietnamese_stays_readable():
    assert "Telnet mở ra mạng" in rendered(samples.typical())


@given(st.text(st.characters(exclude_categories=[]), max_size=40))
def test_any_text_is_shown_safely_and_reads_back(text):
    shown = rendered({"text": text})
    assert all(escape(line) == line for line in shown.splitlines())
    paired = text.encode("utf-16", "surrogatepass").decode("utf-16", "surrogatepass")
    assert (
        json.loads(shown)["text"].encode("utf-16", "surrogatepass").decode("utf-16", "surrogatepass")
        == paired
    )


def test_what_is_not_json_is_refused():
    with pytest.raises(ValueError, match="JSON compliant"):
        rendered({"score": float("nan")})
