"""Read waivers: accepted risks, each with an author, another approver, and a last day."""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass
from datetime import timedelta
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Final

from secmon.core.cursor import Cursor, read_parsed, read_text, show, start
from secmon.core.nearest import suggest
from secmon.core.nodes import plain
from secmon.core.overrides import read_match
from secmon.core.quantities import day_end, day_start, parse_day
from secmon.core.rule import Fault, Waiver
from secmon.core.typecheck import check_value

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from datetime import date

    from secmon.core.contract import KindSpec, Registry
    from secmon.core.model import Json
    from secmon.core.rule import Place, Rule

LONGEST: Final = timedelta(days=180)
"""From the day that a waiver was made to its last day."""

WAIVER_KEYS: Final = ("id", "rule", "match", "reason", "author", "approved_by", "created", "expires")
WAIVER_MATCH_KEYS: Final = ("unit", "asset", "subject")
WAIVER_ID: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}\Z")


@dataclass(frozen=True, slots=True)
class Known:
    """What waivers are checked against.

    Attributes:
        rules: every rule without a fault, by id.
        ids: every id; None where the rules that waivers are about may not be here.
        registry: the checks.
        now: Unix seconds.
        signers: file -> principals whose key signed it, where that was verified.
    """

    rules: dict[str, Rule]
    ids: frozenset[str] | None
    registry: Registry
    now: float
    signers: Mapping[str, tuple[str, ...]]


def load_waivers(
    documents: Iterable[tuple[str, Any]],
    rules: Sequence[Rule],
    ids: frozenset[str] | None,
    registry: Registry,
    now: float,
    signers: Mapping[str, tuple[str, ...]] = MappingProxyType({}),
) -> tuple[list[Waiver], list[Fault]]:
    """Read the waivers of documents; those whose last day is over are kept, for they are still told of.

    Args:
        documents: file as the person named it, and what the YAML reader gave.
        rules: every rule without a fault.
        ids: every id; None where the rules that waivers are about may not be here.
        registry: the checks.
        now: Unix seconds; a waiver cannot be made tomorrow.
        signers: file -> principals whose key signed it, where that was verified: they approve, nobody else.

    Returns:
        The waivers without a fault, in order, and every fault.
    """
    faults: list[Fault] = []
    waivers: list[Waiver] = []
    places: dict[str, Place] = {}
    known = Known({rule.id: rule for rule in rules}, ids, registry, now, signers)
    for file, document in documents:
        fields = start(document, file, faults).mapping(("waivers",), ("waivers",))
        for item in fields["waivers"].items() if "waivers" in fields else ():
            before = len(faults)
            waiver = _read_waiver(item, known)
            if waiver is not None:
                other = places.setdefault(waiver.id, waiver.place)
                if other is not waiver.place:
                    item.at("id").fault(
                        f"the id {show(waiver.id)} stands twice", f"it stands at {other} already"
                    )
            if waiver is not None and len(faults) == before:
                waivers.append(waiver)
    return waivers, faults


def _read_waiver(cursor: Cursor, known: Known) -> Waiver | None:
    fields = cursor.mapping(WAIVER_KEYS, WAIVER_KEYS)
    texts = {
        key: read_text(fields[key]) for key in ("rule", "reason", "author", "approved_by") if key in fields
    }
    waiver_id = None
    if "id" in fields:
        waiver_id = read_text(fields["id"], pattern=WAIVER_ID, wanted="an id of letters, digits and .-_")
    match = read_match(fields["match"], WAIVER_MATCH_KEYS) if "match" in fields else {}
    rule_id = texts.get("rule")
    subject: Json = {}
    if rule_id is not None:
        _check_rule(fields["rule"], known)
        subject = _read_subject(fields["match"], rule_id, known) if "match" in fields else {}
    author, approver = texts.get("author"), texts.get("approved_by")
    if author is not None and approver is not None and _fold(author) == _fold(approver):
        fields["approved_by"].fault("the approver is the author", "somebody else approves")
    if approver is not None:
        _check_approver(fields["approved_by"], known)
    days = _read_days(fields, known.now)
    if waiver_id is None or rule_id is None or days is None or author is None or approver is None:
        return None
    created, expires = days
    return Waiver(
        id=waiver_id,
        rule=rule_id,
        unit=match.get("unit", ""),
        asset=match.get("asset", ""),
        subject=subject,
        reason=texts.get("reason") or "",
        author=author,
        approved_by=approver,
        created=day_start(created),
        expires=day_end(expires),
        place=cursor.place,
    )


def _check_approver(cursor: Cursor, known: Known) -> None:
    """Refuse an approval in the name of somebody who did not sign it."""
    principals = known.signers.get(cursor.place.file)
    if principals is not None and _fold(cursor.value) not in map(_fold, principals):
        message = f"{show(cursor.value)} has not signed this"
        cursor.fault(message, f"the approver is whose key signed the pack: {' or '.join(principals)}")


def _fold(name: str) -> str:
    return " ".join(unicodedata.normalize("NFKC", name).casefold().split())


def _check_rule(cursor: Cursor, known: Known) -> None:
    if known.ids is not None and cursor.value not in known.ids:
        advice = suggest(cursor.value, known.ids) or "`secmon rules list` shows all"
        cursor.fault(f"no rule is named {show(cursor.value)}", advice)


def _read_subject(match: Cursor, rule_id: str, known: Known) -> Json:
    """Read which subjects are waived: values of key fields of the rule's kind."""
    if not isinstance(match.value, dict) or "subject" not in match.value:
        return {}
    cursor = match.at("subject")
    if not cursor.value:  # without it the waiver would be for everything
        cursor.fault("no subject is named", "give values of its key fields, or leave the key out")
        return {}
    rule = known.rules.get(rule_id)
    kind = known.registry.kind(rule.check, rule.kind) if rule is not None else None
    if kind is None:  # the rule is not here: any field could be one of its key
        return {name: plain(field.value) for name, field in cursor.entries().items()}
    return _read_key(cursor, kind)


def _read_key(cursor: Cursor, kind: KindSpec) -> Json:
    subject: Json = {}
    for name, field in cursor.mapping(kind.key).items():
        spec = kind.field(name)
        if spec is not None:
            check_value(field, spec)
            subject[name] = plain(field.value)
    return subject


def _read_days(fields: dict[str, Cursor], now: float) -> tuple[date, date] | None:
    created = read_parsed(fields["created"], parse_day) if "created" in fields else None
    expires = read_parsed(fields["expires"], parse_day) if "expires" in fields else None
    if created is not None and day_start(created) > now:
        fields["created"].fault("it is not made yet", "created is the day on which it was written")
    if created is None or expires is None:
        return None
    if expires < created:
        fields["expires"].fault("it ends before it begins")
    elif expires - created > LONGEST:
        days = (expires - created).days
        latest = created + LONGEST
        fields["expires"].fault(
            f"{days} days are too long", f"at most {LONGEST.days}: {latest} is the latest"
        )
    return created, expires
