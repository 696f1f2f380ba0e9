"""Read files of fingerprints: every mistake with its place, and every example tried."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, Final

from secmon.core.cursor import read_boolean, read_text, read_word, show, start
from secmon.core.fingerprint import TEXTS, Example, Fingerprint, placeholders
from secmon.core.patterns import dangers
from secmon.core.rule import Fault

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from secmon.core.cursor import Cursor

TOP_KEY: Final = "fingerprints"
PATTERN_LIMIT: Final = 300
"""Characters of a pattern."""

_REQUIRED: Final = ("text", "match", "product", "examples")
_KEYS: Final = (*_REQUIRED, "vendor", "version", "cpe", "service", "management")
_EXAMPLE_KEYS: Final = ("text", "product", "version", "cpe")
_SERVICE: Final = re.compile(r"[a-z][a-z0-9-]{0,31}\Z")
_CPE: Final = re.compile(r"cpe:2\.3:[aho]:[^:\s]+:[^:\s]+(?::[^:\s]+){0,2}\Z")


def load_fingerprints(documents: Iterable[tuple[str, Any]]) -> tuple[list[Fingerprint], list[Fault]]:
    """Read documents of fingerprints.

    Args:
        documents: file as the person named it, and what the YAML reader gave.

    Returns:
        The fingerprints that could be read, in order, and every fault; examples are not tried.
    """
    faults: list[Fault] = []
    found: list[Fingerprint] = []
    for file, value in documents:
        fields = start(value, file, faults).mapping((TOP_KEY,), (TOP_KEY,))
        for item in fields[TOP_KEY].items() if fields else ():
            fingerprint = _read(item)
            if fingerprint is not None:
                found.append(fingerprint)
    return found, faults


def is_fingerprint_file(value: Any) -> bool:
    """Return whether a document holds fingerprints, by its top key.

    Args:
        value: what the YAML reader gave.
    """
    return isinstance(value, dict) and TOP_KEY in value


def try_examples(fingerprints: Sequence[Fingerprint]) -> list[Fault]:
    """Try every example: the first fingerprint that knows it must be its own, and must say what it says.

    Args:
        fingerprints: all that are used together, in order.

    Returns:
        A fault for each example that tells something else.
    """
    by_text: dict[str, list[Fingerprint]] = {}
    for fingerprint in fingerprints:
        by_text.setdefault(fingerprint.text, []).append(fingerprint)
    return [
        fault
        for fingerprint in fingerprints
        for example in fingerprint.examples
        if (fault := _try(fingerprint, example, by_text[fingerprint.text]))
    ]


def _try(fingerprint: Fingerprint, example: Example, rivals: Sequence[Fingerprint]) -> Fault | None:
    told = fingerprint.match(example.text)
    if told is None:
        return Fault(example.place, "text", f"the pattern does not match {show(example.text)}")
    first = next(rival for rival in rivals if rival.match(example.text))
    if first is not fingerprint:
        return Fault(example.place, "text", f"{first.name} matches it before", "put the narrower one first")
    for key, wanted, got in (
        ("product", example.product, told.product),
        ("version", example.version, told.version),
        ("cpe", example.cpe or told.cpe, told.cpe),
    ):
        if wanted != got:
            return Fault(example.place, key, f"{show(wanted)} is expected, and {show(got)} is told")
    return None


def _read(cursor: Cursor) -> Fingerprint | None:
    """Read one fingerprint; None after a fault."""
    before = len(cursor.faults)
    fields = cursor.mapping(_KEYS, _REQUIRED)
    texts = {key: read_text(fields[key]) for key in ("product", "vendor", "version") if key in fields}
    text = read_word(fields["text"], TEXTS) if "text" in fields else None
    pattern = _read_pattern(fields["match"]) if "match" in fields else None
    cpe = (
        read_text(fields["cpe"], pattern=_CPE, wanted="a CPE 2.3 of 5 to 7 components")
        if "cpe" in fields
        else ""
    )
    service = (
        read_text(fields["service"], pattern=_SERVICE, wanted="the name of a service")
        if "service" in fields
        else ""
    )
    management = read_boolean(fields["management"]) if "management" in fields else False
    if len(cursor.faults) > before or pattern is None:
        return None
    version = texts.get("version") or ("{version}" if "version" in pattern.groupindex else "")
    product = texts["product"] or ""
    for key, template in (("product", product), ("version", version), ("cpe", cpe or "")):
        for name in placeholders(template):
            if name not in pattern.groupindex:
                cursor.fault(f"{key} names the group {show(name)}", "the pattern has none of that name")
    examples = tuple(_read_example(item, product) for item in fields["examples"].items())
    if not examples:
        fields["examples"].fault("the list is empty", "each fingerprint shows a text that it knows")
    if len(cursor.faults) > before:
        return None
    return Fingerprint(
        name=f"{cursor.place.file}:{cursor.place.line}",
        text=text or "",
        pattern=pattern,
        product=product,
        vendor=texts.get("vendor") or "",
        version=version,
        cpe=cpe or "",
        service=service or "",
        management=bool(management),
        examples=examples,
    )


def _read_pattern(cursor: Cursor) -> re.Pattern[str] | None:
    """Read a regular expression that is anchored and cannot take long; None after a fault."""
    source = read_text(cursor)
    if source is None:
        return None
    if len(source) > PATTERN_LIMIT:
        cursor.fault(f"the pattern has {len(source)} characters", f"at most {PATTERN_LIMIT}")
        return None
    if not source.removeprefix("(?i)").startswith("^"):
        cursor.fault(
            "the pattern is not anchored", "begin it with ^, which stands for the beginning of a line"
        )
        return None
    try:
        pattern = re.compile(source, re.MULTILINE)
    except (re.error, OverflowError) as error:
        cursor.fault(f"the pattern cannot be read: {error}")
        return None
    for danger in dangers(source):
        cursor.fault(danger, "a text that nobody vouched for must not keep it busy")
    return pattern


def _read_example(cursor: Cursor, product: str) -> Example:
    fields = cursor.mapping(_EXAMPLE_KEYS, ("text",))
    values = {key: read_text(field) for key, field in fields.items()}
    return Example(
        text=values.get("text") or "",
        product=values.get("product") or product,
        version=values.get("version"),
        cpe=values.get("cpe") or "",
        place=cursor.place,
    )
