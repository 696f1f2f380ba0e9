"""Read overrides: what a site changes for a unit or an asset; core.binding holds them to tightening."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from secmon.core.cursor import Cursor, read_enum, read_text, show, start
from secmon.core.model import Severity
from secmon.core.profiles import read_params_of, read_pattern
from secmon.core.rule import Fault, Override
from secmon.core.sections import read_id

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from secmon.core.contract import Registry
    from secmon.core.model import Json
    from secmon.core.rule import Rule

OVERRIDE_KEYS: Final = ("match", "rule", "params", "severity", "reason")
OVERRIDE_REQUIRED: Final = ("match", "rule", "reason")
MATCH_KEYS: Final = ("unit", "asset")


def load_overrides(
    documents: Iterable[tuple[str, Any]],
    rules: Sequence[Rule],
    ids: frozenset[str] | None,
    registry: Registry,
) -> tuple[list[Override], list[Fault]]:
    """Read the overrides of documents.

    Args:
        documents: file as the person named it, and what the YAML reader gave.
        rules: every rule without a fault.
        ids: every id; None where the rules that overrides are about may not be here.
        registry: the checks.

    Returns:
        The overrides without a fault of their own, in order, and every fault, contradictions included.
    """
    faults: list[Fault] = []
    overrides: list[Override] = []
    for file, document in documents:
        fields = start(document, file, faults).mapping(("overrides",), ("overrides",))
        for item in fields["overrides"].items() if "overrides" in fields else ():
            before = len(faults)
            override = _read_override(item, rules, ids, registry)
            if override is not None and len(faults) == before:
                overrides.append(override)
    return overrides, [*faults, *_contradictions(overrides)]


def _contradictions(overrides: Iterable[Override]) -> Iterator[Fault]:
    """Yield a fault for each override that gives the same rules of the same assets another value."""
    said: dict[tuple[str, str, str, str], tuple[Any, Override]] = {}
    for override in overrides:
        values = {f"params.{name}": value for name, value in override.params.items()}
        if override.severity is not None:
            values["severity"] = override.severity.value
        for name, value in values.items():
            key = (override.unit, override.asset, override.pattern, name)
            earlier, first = said.setdefault(key, (value, override))
            if earlier != value:
                message = f"{show(value)} contradicts {show(earlier)}, given for the same at {first.place}"
                yield Fault(override.place, f"{override.pattern}.{name}", message, "keep one of the two")


def _read_override(
    cursor: Cursor, rules: Sequence[Rule], ids: frozenset[str] | None, registry: Registry
) -> Override | None:
    fields = cursor.mapping(OVERRIDE_KEYS, OVERRIDE_REQUIRED)
    match = read_match(fields["match"], MATCH_KEYS) if "match" in fields else {}
    pattern = read_pattern(fields["rule"], ids) if "rule" in fields else None
    reason = read_text(fields["reason"]) if "reason" in fields else None
    severity = read_enum(fields["severity"], Severity) if "severity" in fields else None
    if isinstance(cursor.value, dict) and "params" not in fields and "severity" not in fields:
        cursor.fault("it changes nothing", "give params or severity")
    params: Json = {}
    if pattern is not None and "params" in fields:
        params = read_params_of(fields["params"], pattern, {rule.id: rule for rule in rules}, registry)
    if pattern is None or reason is None:
        return None
    return Override(
        unit=match.get("unit", ""),
        asset=match.get("asset", ""),
        pattern=pattern,
        params=params,
        severity=severity,
        reason=reason,
        place=cursor.place,
    )


def read_match(cursor: Cursor, keys: tuple[str, ...]) -> dict[str, str]:
    """Read which assets something is for.

    Args:
        cursor: a mapping with at least one of the keys.
        keys: the keys that it may have; the texts among them are `unit` and `asset`.

    Returns:
        The unit and the asset, where they are given.
    """
    fields = cursor.mapping(keys)
    if isinstance(cursor.value, dict) and not cursor.value:
        cursor.fault("an empty match would be for everything", f"give {' or '.join(keys)}")
    found = {key: read_id(fields[key]) for key in ("unit", "asset") if key in fields}
    return {key: text for key, text in found.items() if text is not None}
