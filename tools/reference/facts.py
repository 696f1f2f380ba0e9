"""Describe every kind of fact, and every reason why a look may fail."""

from __future__ import annotations

from typing import TYPE_CHECKING

from secmon.core.contract import FieldType
from secmon.core.words import REASONS
from tools.reference.markdown import code, table
from tools.reference.markdown import page as markdown_page

if TYPE_CHECKING:
    from secmon.core.contract import CheckSpec, FieldSpec, KindSpec, Registry


def page(registry: Registry) -> str:
    """Return docs/reference/facts.md."""
    return markdown_page(
        "Facts",
        "What checks see and rules may name. A field is a value, null (looked, there is none) or missing "
        "(not "
        "seen, with a reason). Fields of a subject's identity are marked *key*.",
        *(block for spec in registry.checks.values() for block in _check(spec)),
        "## Reasons",
        "Why a look failed; the list is closed, so that a reason can be a metric label.",
        table(
            ("reason", "meaning", "ý nghĩa", "what to do"),
            (
                (code(reason.value), words.why.en, words.why.vi, words.repair.en)
                for reason, words in REASONS.items()
            ),
        ),
    )


def _check(spec: CheckSpec) -> list[str]:
    blocks = [f"## {spec.name}", f"{spec.en}. ({spec.vi}.)"]
    for kind in spec.kinds:
        blocks += [
            f"### {code(kind.name)}",
            f"{kind.en} ({kind.vi})",
            _sources(kind),
            _parts(kind),
            _fields(kind),
        ]
    return blocks


def _sources(kind: KindSpec) -> str:
    seen = (f"{code(form.value)} ({', '.join(vantages)})" for form, vantages in kind.sources.items())
    return f"Seen from targets: {', '.join(seen)}."


def _parts(kind: KindSpec) -> str:
    parts = ", ".join(map(code, kind.parts))
    return f"Looked at part by part, after its field {code(kind.part_field)}: {parts}." if parts else ""


def _fields(kind: KindSpec) -> str:
    return table(
        ("field", "type", "meaning", "ý nghĩa"),
        (
            (
                f"{code(field.name)}{' *key*' if field.name in kind.key else ''}",
                _type(field),
                field.en,
                field.vi,
            )
            for field in kind.fields
        ),
    )


def _type(field: FieldSpec) -> str:
    if field.values:
        return ", ".join(map(code, field.values))
    if field.type is FieldType.TIMESTAMP:
        return "timestamp, Unix seconds"
    source = field.days_until or field.days_since
    way = f", from {code(source)}" if source else ""
    return f"{field.type.value.replace('_', ' ')}{f', {field.unit}' if field.unit else ''}{way}"
