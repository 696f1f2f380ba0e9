"""Read the spool of a run: frames become observations, and every fact is held to its kind's schema."""

from __future__ import annotations

import ipaddress
import json
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

from secmon.core.contract import FieldType
from secmon.core.model import Completeness, Fact, Observation, Reason
from secmon.core.texts import TEXT_LIMIT, cut

if TYPE_CHECKING:
    from collections.abc import Callable

    from secmon.core.contract import CheckSpec, FieldSpec, KindSpec

LIST_LIMIT: Final = 1024
"""Items kept of a list field."""


@dataclass(frozen=True, slots=True)
class Part:
    """What one probe of a run sent.

    Attributes:
        probe: name of the probe.
        status: None where its child ended well, else why not.
        started: Unix seconds.
        finished: Unix seconds.
        canary_said: the probe spoke about its canary.
        canary: None where the canary passed, else why not.
        detail: what the canary, or the crash, said.
        hours: of the targets that it was given, "" for those of any time.
        observations: in order of their begin.
    """

    probe: str
    status: Reason | None
    started: float
    finished: float
    canary_said: bool
    canary: Reason | None
    detail: str
    observations: tuple[Observation, ...]
    hours: str = ""


@dataclass(frozen=True, slots=True)
class _End:
    """How a probe closed an observation."""

    finished: float
    looked: dict[str, Reason | None]
    completeness: Completeness
    reason: Reason | None
    detail: str


@dataclass(slots=True)
class _Open:
    """An observation that has begun."""

    asset: str
    target: str
    started: float
    facts: list[Fact] = field(default_factory=list)
    end: _End | None = None
    bad: str = ""


@dataclass(slots=True)
class _Reader:
    """The state while one part's frames are read."""

    check: CheckSpec
    open: dict[int, _Open] = field(default_factory=dict)
    canary_said: bool = False
    canary: Reason | None = None
    detail: str = ""
    broken: bool = False

    def take(self, frame: dict[str, Any]) -> None:
        """Take one frame; anything that a probe's writer does not write raises."""
        if "facts" in frame:
            self._facts(frame)
        elif "begin" in frame:
            self.open[int(frame["begin"])] = _Open(
                str(frame["asset"]), str(frame["target"]), float(frame["started"])
            )
        elif "end" in frame:
            self.open[int(frame["end"])].end = _End(
                float(frame["finished"]),
                {str(kind): _reason(word) for kind, word in frame["looked"].items()},
                Completeness(frame["completeness"]),
                _reason(frame["reason"]),
                cut(str(frame["detail"])),
            )
        elif "canary" in frame:
            self.canary_said = True
            self.canary = self.canary or _reason(frame["canary"])
            self.detail = self.detail or str(frame["detail"])
        elif "crash" in frame:
            self.detail = str(frame["crash"])
        elif "progress" not in frame:
            raise ValueError("no frame of ours")

    def _facts(self, frame: dict[str, Any]) -> None:
        observation = self.open[int(frame["of"])]
        for record in frame["facts"]:
            try:
                observation.facts.append(read_fact(self.check, record))
            except (ValueError, TypeError, KeyError) as error:
                observation.bad = observation.bad or f"a fact does not fit its schema: {error}"


def read_spool(check: CheckSpec, spool: bytes) -> tuple[Part, ...]:
    """Read everything that the probes of one run sent.

    Args:
        check: the declaration of the check that ran.
        spool: for each part a JSON header line and then `size` bytes of frames.

    Returns:
        The parts in order. A frame that cannot be read ends its part as `bad_data`; what came before stays.

    Raises:
        ValueError: a header, which is our own core's writing, cannot be read.
    """
    parts: list[Part] = []
    offset = 0
    while offset < len(spool):
        end = spool.index(b"\n", offset)
        header = json.loads(spool[offset:end])
        size = int(header["size"])
        parts.append(_read_part(check, header, spool[end + 1 : end + 1 + size]))
        offset = end + 1 + size
    return tuple(parts)


def _read_part(check: CheckSpec, header: dict[str, Any], frames: bytes) -> Part:
    status = None if header["status"] == "ok" else Reason(header["status"])
    reader = _Reader(check)
    for line in frames.splitlines():
        try:
            reader.take(json.loads(line.decode("utf-8", "surrogatepass")))
        except (ValueError, TypeError, KeyError, AttributeError, RecursionError, OverflowError):
            reader.broken = True
            break
    status = status or (Reason.BAD_DATA if reader.broken else None)
    finished = float(header["finished"])
    return Part(
        probe=str(header["probe"]),
        status=status,
        started=float(header["started"]),
        finished=finished,
        canary_said=reader.canary_said,
        canary=reader.canary if reader.canary_said else status or Reason.NO_DATA,
        detail=cut(reader.detail),
        observations=tuple(_close(check.name, item, status, finished) for item in reader.open.values()),
        hours=str(header.get("hours", "")),
    )


def _close(check: str, item: _Open, status: Reason | None, finished: float) -> Observation:
    """Close an observation: one without an end keeps its facts and takes the reason of its child."""
    end = item.end
    if end is None or item.bad:
        why = Reason.BAD_DATA if item.bad else status or Reason.CRASHED
        end = _End(
            end.finished if end else finished,
            dict.fromkeys(end.looked, why) if end else {},
            Completeness.PARTIAL if item.facts else Completeness.FAILED,
            why,
            item.bad,
        )
    return Observation(
        asset=item.asset,
        check=check,
        target=item.target,
        started=item.started,
        finished=end.finished,
        completeness=end.completeness,
        looked=end.looked,
        facts=tuple(item.facts),
        reason=end.reason,
        detail=end.detail,
    )


def _reason(word: Any) -> Reason | None:
    return None if word is None else Reason(word)


def read_fact(check: CheckSpec, record: dict[str, Any]) -> Fact:
    """Hold one fact to its kind's schema.

    Args:
        check: the declaration of the check.
        record: `{"kind", FIELD: value ..., "missing": {FIELD: REASON}}`.

    Returns:
        The fact; text cut, lists bounded.

    Raises:
        ValueError: the kind or a field is not declared, a value does not fit, or a key field is neither given
            nor missing.
    """
    kind = check.kind(str(record["kind"]))
    if kind is None:
        raise ValueError(f"{record['kind']!r} is no kind of {check.name}")
    missing = {str(name): Reason(why) for name, why in dict(record.get("missing") or {}).items()}
    values = {
        name: _value(_declared(kind, name), value)
        for name, value in record.items()
        if name not in ("kind", "missing")
    }
    for name in kind.key:
        if name not in values and name not in missing:
            raise ValueError(f"{kind.name} has no {name}")
    return Fact(kind.name, values, missing)


def _declared(kind: KindSpec, name: str) -> FieldSpec:
    spec = kind.field(name)
    if spec is None or spec.days_until or spec.days_since:
        raise ValueError(f"{name!r} is no field that a probe gives for {kind.name}")
    return spec


def _value(spec: FieldSpec, value: Any) -> Any:
    if value is None:
        return None
    if not _TYPES[spec.type](value):
        raise ValueError(f"{spec.name} is {spec.type.value}, not {cut(repr(value), 80)}")
    if isinstance(value, str):
        if spec.values and value not in spec.values:
            raise ValueError(f"{spec.name} is one of {', '.join(spec.values)}, not {cut(repr(value), 80)}")
        return cut(value)
    if isinstance(value, list):
        return [cut(item) if isinstance(item, str) else item for item in value[:LIST_LIMIT]]
    return value


def _is_number(value: Any) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool)


def _is_address(value: Any) -> bool:
    if not isinstance(value, str) or len(value) > TEXT_LIMIT:
        return False
    try:
        ipaddress.ip_address(value.partition("%")[0])
    except ValueError:
        return False
    return True


_TYPES: Final[dict[FieldType, Callable[[Any], bool]]] = {
    FieldType.TEXT: lambda value: isinstance(value, str),
    FieldType.INTEGER: lambda value: isinstance(value, int) and not isinstance(value, bool),
    FieldType.NUMBER: _is_number,
    FieldType.BOOLEAN: lambda value: isinstance(value, bool),
    FieldType.TIMESTAMP: _is_number,
    FieldType.ADDRESS: _is_address,
    FieldType.TEXTS: lambda value: isinstance(value, list) and all(isinstance(item, str) for item in value),
    FieldType.RECORDS: lambda value: (
        isinstance(value, list) and all(isinstance(item, dict) for item in value)
    ),
    FieldType.DPKG_VERSION: lambda value: isinstance(value, str),
}
