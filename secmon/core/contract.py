"""Declare what a check is: its kinds of fact, its probes, its settings. Declarations only, no behaviour."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING, Any, Literal, Protocol

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from secmon.core.model import Completeness, Fact, Form, Json, Reason, Target, Vantage


class FieldType(StrEnum):
    """The types that a field of a fact may have."""

    TEXT = "text"
    INTEGER = "integer"
    NUMBER = "number"
    BOOLEAN = "boolean"
    TIMESTAMP = "timestamp"  # Unix seconds
    ADDRESS = "address"  # IPv4 or IPv6 text
    TEXTS = "texts"  # list of text
    RECORDS = "records"  # list of mappings; no operator applies but exists
    DPKG_VERSION = "dpkg_version"


@dataclass(frozen=True, slots=True)
class FieldSpec:
    """One field of a kind.

    Attributes:
        name: as rules spell it.
        type: its type.
        en: what it means, English.
        vi: what it means, Vietnamese.
        unit: base unit (`seconds`, `days`, `bytes`, `bits`, `ratio`), "" where none.
        values: the closed list of values where there is one.
        days_until: derived: whole days (floor) from now to the named timestamp field.
        days_since: derived: whole days (floor, never below 0) from the named timestamp field to now.
    """

    name: str
    type: FieldType
    en: str
    vi: str
    unit: str = ""
    values: tuple[str, ...] = ()
    days_until: str = ""
    days_since: str = ""


@dataclass(frozen=True, slots=True)
class KindSpec:
    """One kind of fact.

    Attributes:
        name: as rules spell it.
        key: the fields of a subject's identity, in declared order; all are in `fields`.
        fields: every field that a rule may name.
        sources: target form -> the vantages from which such a target yields this kind.
        en: what one fact is, English.
        vi: what one fact is, Vietnamese.
        parts: names that `looked` may use as `kind/PART` (detectors); empty where there is one look.
        part_field: the field whose value names the part.
        passing: a fact is of what passed by while it was looked; that there is none says nothing of tomorrow.
        shown: fields that a finding shows beside those that its rule reads.
        when: an option of a target without which the kind is not expected of it, "" for none.
    """

    name: str
    key: tuple[str, ...]
    fields: tuple[FieldSpec, ...]
    sources: Mapping[Form, tuple[Vantage, ...]]
    en: str
    vi: str
    parts: tuple[str, ...] = ()
    part_field: str = ""
    passing: bool = False
    shown: tuple[str, ...] = ()
    when: str = ""

    def comes_from(self, target: Target) -> bool:
        """Return whether looking at a target can yield this kind, wherever it is looked at from."""
        return target.form in self.sources and (not self.when or self.when in target.options)

    def is_expected_of(self, target: Target) -> bool:
        """Return whether this kind is expected of a target as it is looked at."""
        return self.comes_from(target) and target.vantage in self.sources[target.form]

    def field(self, name: str) -> FieldSpec | None:
        """Return the field of that name, None where there is none."""
        return next((spec for spec in self.fields if spec.name == name), None)


Capability = Literal["NET_RAW", "DAC_READ_SEARCH", "SYS_PTRACE", "NET_ADMIN"]


@dataclass(frozen=True, slots=True)
class ProbeSpec:
    """One probe: a module with `acquire(task)` and `observe(handles, emit)`, loaded by name in a child only.

    Attributes:
        name: unique within the check.
        module: dotted name, `secmon.checks.CHECK.probe.NAME`.
        forms: target forms that this probe serves.
        kinds: kinds that it yields; each (form, kind) belongs to one probe of the check.
        acquire_with: capabilities that `acquire` may use.
        observe_with: capabilities that `observe` keeps; only probes that read kernel data may keep any.
        processes: may start other programs.
        memory_mib: limit on the address space that it takes beyond what it starts with.
        cpu_seconds: limit on CPU; None for a capture child, which lives long.
        long_lived: one child for ever, one observation per window, kept alive by its own frames.
    """

    name: str
    module: str
    forms: tuple[Form, ...]
    kinds: tuple[str, ...]
    acquire_with: tuple[Capability, ...] = ()
    observe_with: tuple[Capability, ...] = ()
    processes: bool = False
    memory_mib: int = 512
    cpu_seconds: int | None = 60
    long_lived: bool = False


@dataclass(frozen=True, slots=True)
class SettingSpec:
    """One key of `checks.NAME` in secmon.yml beyond the common ones.

    Attributes:
        name: the key.
        type: `integer number boolean text texts duration paths`.
        default: its value where absent (durations in seconds).
        en: what it does, English.
        vi: what it does, Vietnamese.
        minimum: least value, None where there is none.
        maximum: greatest value, None where there is none.
    """

    name: str
    type: Literal["integer", "number", "boolean", "text", "texts", "duration", "paths"]
    default: Any
    en: str
    vi: str
    minimum: float | None = None
    maximum: float | None = None


@dataclass(frozen=True, slots=True)
class MetricSpec:
    """One metric family that a check derives from its facts.

    Attributes:
        name: full name, `secmon_...`; counters end in `_total`.
        type: a gauge holds the last run's value; the core adds up a counter's samples since its start.
        labels: label names in order; `asset` first where it is per asset.
        help: one English sentence.
    """

    name: str
    type: Literal["gauge", "counter"]
    labels: tuple[str, ...]
    help: str


@dataclass(frozen=True, slots=True)
class Sample:
    """One value of a check's metric, made by its pure `metrics.samples` in the judge child.

    Attributes:
        name: name of the MetricSpec.
        labels: label values in the declared order.
        value: base units.
    """

    name: str
    labels: tuple[str, ...]
    value: float


@dataclass(frozen=True, slots=True)
class CheckSpec:
    """One check; its pure module `secmon.checks.NAME.metrics` has `samples(observations, now)`.

    Attributes:
        name: as the command line spells it.
        kinds: the kinds of fact that it yields.
        probes: how it looks; first match by target form wins.
        interval_seconds: default time between runs.
        deadline_seconds: default deadline of a run.
        settings: keys of its own in secmon.yml.
        metrics: the metric families that it derives from its facts.
        en: one line, English.
        vi: one line, Vietnamese.
        long_lived_probe: name of the probe that the daemon runs as one long-lived child, "" for none.
    """

    name: str
    kinds: tuple[KindSpec, ...]
    probes: tuple[ProbeSpec, ...]
    interval_seconds: int
    deadline_seconds: int
    en: str
    vi: str
    settings: tuple[SettingSpec, ...] = ()
    metrics: tuple[MetricSpec, ...] = ()
    long_lived_probe: str = ""

    def kind(self, name: str) -> KindSpec | None:
        """Return the kind of that name, None where there is none."""
        return next((spec for spec in self.kinds if spec.name == name), None)

    def serving(self, target: Target) -> tuple[ProbeSpec, ...]:
        """Return the probes that look at a target, in declared order."""
        wanted = {kind.name for kind in self.kinds if kind.comes_from(target)}
        return tuple(
            probe
            for probe in self.probes
            if target.form in probe.forms and not wanted.isdisjoint(probe.kinds)
        )

    def probe(self, name: str) -> ProbeSpec | None:
        """Return the probe of that name, None where there is none."""
        return next((spec for spec in self.probes if spec.name == name), None)


@dataclass(frozen=True, slots=True)
class Task:
    """What a probe child is asked to do; made in the child from the configuration that it inherited.

    Attributes:
        check: name of the check.
        probe: name of the probe.
        targets: its targets, never empty.
        settings: the check's settings (every SettingSpec present) and `rate`, `ports` where they apply.
        allowed_networks: networks that the gate lets through beside this host's own addresses, as text.
        known_sources: `known_sources` of the configuration, as validated mappings.
        deadline: seconds that the run may take from now on.
        now: Unix seconds at the start.
        once: look once and end; False for a long-lived probe in the daemon, which goes on window by window.
    """

    check: str
    probe: str
    targets: tuple[Target, ...]
    settings: Json
    allowed_networks: tuple[str, ...]
    known_sources: tuple[Json, ...]
    deadline: float
    now: float
    once: bool = True


class Emit(Protocol):
    """Where a probe says what it saw; one frame a call (at most 256 KiB, split by the writer)."""

    def canary(self, failure: Reason | None, detail: str = "") -> None:
        """Say whether the sensor proved that it can see (None) or why not."""
        ...

    def begin(self, target: Target) -> None:
        """Open the observation of a target; observations of different targets may overlap."""
        ...

    def facts(self, target: Target, facts: Iterable[Fact]) -> None:
        """Add facts to an open observation."""
        ...

    def end(
        self,
        target: Target,
        looked: Mapping[str, Reason | None],
        completeness: Completeness,
        reason: Reason | None = None,
        detail: str = "",
    ) -> None:
        """Close the observation of a target."""
        ...

    def progress(self, done: int, total: int) -> None:
        """Tell a terminal how far it is; dropped in the daemon."""
        ...


@dataclass(unsafe_hash=True)  # not frozen: raising one sets its traceback
class Unavailable(Exception):  # noqa: N818  # a fact about the world, not an error of the program
    """A probe cannot look at a target at all.

    Attributes:
        reason: why.
        detail: one sentence for a person, naming the place and the repair.
    """

    reason: Reason
    detail: str = ""


@dataclass(frozen=True, slots=True)
class Registry:
    """Every check that exists, by name: an argument everywhere, so that tests bring their own.

    Attributes:
        checks: name -> declaration.
    """

    checks: Mapping[str, CheckSpec] = field(default_factory=dict)

    def kind(self, check: str, kind: str) -> KindSpec | None:
        """Return a kind of a check, None where either is unknown."""
        spec = self.checks.get(check)
        return spec.kind(kind) if spec else None
