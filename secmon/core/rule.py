"""Hold one rule as validated data; compiling it is core.evaluate's work."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Literal

from secmon.core.model import Json, Platform, Role, Severity, Vantage


@dataclass(frozen=True, slots=True)
class Place:
    """Where something stands in a file.

    Attributes:
        file: as the person named it.
        line: from 1; 0 where there are no lines, as on a command line.
        column: from 1, in characters; 0 likewise.
    """

    file: str
    line: int
    column: int

    def __str__(self) -> str:
        """Return `file:line:col`."""
        return f"{self.file}:{self.line}:{self.column}" if self.line else self.file


@dataclass(frozen=True, slots=True)
class Fault:
    """One mistake in an input file, told to the person who can mend it.

    Attributes:
        place: where.
        key: dotted path of the key, "" for the whole file.
        message: what is wrong; with the value unless it is secret.
        advice: what would be right, "" where nothing more can be said.
        warning: no mistake, and the file is used as it is; somebody should look at it all the same.
    """

    place: Place
    key: str
    message: str
    advice: str = ""
    warning: bool = False

    def __str__(self) -> str:
        """Return `file:line:col: key: message; advice`, with `warning:` after the place where it is one."""
        head = f"{self.place}: warning: " if self.warning else f"{self.place}: "
        head += f"{self.key}: " if self.key else ""
        return head + self.message + (f"; {self.advice}" if self.advice else "")


@dataclass(frozen=True, slots=True)
class Param:
    """A typed parameter of a rule.

    Attributes:
        name: as `$name` refers to it.
        type: `integer number text texts boolean predicates`.
        default: its value, None where it has none.
        levels: level -> value; a level takes the nearest at or below it, else the default.
        tighten: which way is stricter, "" where it cannot be ordered.
        local: a site fills it.
        unit: for people.
    """

    name: str
    type: Literal["integer", "number", "text", "texts", "boolean", "predicates"]
    default: Any = None
    levels: dict[int, Any] = field(default_factory=dict)
    tighten: Literal["", "up", "down"] = ""
    local: bool = False
    unit: str = ""


@dataclass(frozen=True, slots=True)
class RuleTest:
    """One case that travels with a rule.

    Attributes:
        name: one line.
        facts: the facts of the rule's kind; one mapping in the file means one fact.
        looked: None where the kind was looked at completely, else a Reason's word.
        params: values over the rule's own.
        level: of the asset.
        roles: of the asset.
        now: Unix seconds, None for the test runner's fixed instant.
        expect: outcome of the fold.
        place: where it stands.
    """

    name: str
    facts: tuple[Json, ...]
    expect: str
    place: Place
    looked: str | None = None
    params: Json = field(default_factory=dict)
    level: int = 2
    roles: tuple[str, ...] = ("server",)
    now: float | None = None


@dataclass(frozen=True, slots=True)
class Rule:
    """A judgement over facts of one kind; `where`, `require`, `count` are validated plain mappings.

    Attributes:
        id: `CHECK.NAME`, public, never renamed.
        check: name of the check.
        kind: kind of fact (`for_each`).
        severity: its own severity; points come from this one.
        title: language -> text.
        fix: language -> text.
        place: where it stands.
        where: predicate that selects subjects, None for all.
        require: predicate that each selected subject must meet, None where `never` or `count` is used.
        never: each selected subject fails.
        count: operators on the number of selected subjects per target, None where unused.
        params: its parameters.
        maps: framework -> sections, as in the file.
        tests: its cases.
    """

    id: str
    check: str
    kind: str
    severity: Severity
    title: dict[str, str]
    fix: dict[str, str]
    place: Place
    where: Json | None = None
    require: Json | None = None
    never: bool = False
    count: Json | None = None
    params: tuple[Param, ...] = ()
    maps: Json = field(default_factory=dict)
    tests: tuple[RuleTest, ...] = ()


@dataclass(frozen=True, slots=True)
class Use:
    """One line of a profile: which rules it takes and what it changes.

    Attributes:
        pattern: glob over rule ids.
        place: where it stands.
        params: values over the rule's own.
        severity: over the rule's own, None to keep it.
        enabled: False leaves the rules out.
        reason: why, compulsory where `enabled` is False.
    """

    pattern: str
    place: Place
    params: Json = field(default_factory=dict)
    severity: Severity | None = None
    enabled: bool = True
    reason: str = ""


@dataclass(frozen=True, slots=True)
class Profile:
    """Which rules bind which assets; empty tuples of platforms or roles mean any.

    Attributes:
        name: unique.
        platforms: platforms that it is for.
        roles: roles that it is for; one in common is enough.
        vantage: from where the asset is looked at.
        why: language -> one line.
        uses: in order; later ones win.
        place: where it stands.
    """

    name: str
    platforms: tuple[Platform, ...]
    roles: tuple[Role, ...]
    vantage: Vantage
    why: dict[str, str]
    uses: tuple[Use, ...]
    place: Place


@dataclass(frozen=True, slots=True)
class Override:
    """A change that a site makes for a unit or an asset; it only tightens, except `local` parameters.

    Attributes:
        unit: id of the unit, "" for any.
        asset: id of the asset, "" for any.
        pattern: glob over rule ids.
        params: values over the profile's.
        severity: over the profile's, None to keep it.
        reason: why.
        place: where it stands.
    """

    unit: str
    asset: str
    pattern: str
    params: Json
    severity: Severity | None
    reason: str
    place: Place


@dataclass(frozen=True, slots=True)
class Waiver:
    """An accepted risk: an overlay, never an outcome.

    Attributes:
        id: unique.
        rule: id of the rule.
        unit: id of the unit, "" for any.
        asset: id of the asset, "" for any.
        subject: key field -> value that the subject must have; empty for any.
        reason: why it is accepted.
        author: who wrote it.
        approved_by: who approved it, not the author.
        created: Unix seconds.
        expires: Unix seconds, the end of its last day in Asia/Ho_Chi_Minh.
        place: where it stands.
    """

    id: str
    rule: str
    unit: str
    asset: str
    subject: Json
    reason: str
    author: str
    approved_by: str
    created: float
    expires: float
    place: Place

    @property
    def broad(self) -> bool:
        """Say whether it also accepts what nobody has looked at.

        One asset is narrow, and so is one subject in one unit. A unit alone is for whatever the rule finds in
        all of it, today and tomorrow; a subject alone is for every asset that the file reaches.
        """
        return not (self.asset or (self.unit and self.subject))


@dataclass(frozen=True, slots=True)
class Binding:
    """A rule on an asset, with every effective value.

    Attributes:
        asset: id of the asset.
        rule: id of the rule.
        severity: effective severity (profile, override).
        params: parameter -> effective value.
        origin: parameter or `severity` -> `file:line:col` that set it.
        profile: name of the profile that took the rule.
    """

    asset: str
    rule: str
    severity: Severity
    params: Json
    origin: dict[str, str]
    profile: str
