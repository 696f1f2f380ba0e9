"""Name the nouns of the system as frozen types (docs/architecture.md, "Words")."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, Final

VIETNAM_UTC_OFFSET_SECONDS: Final = 7 * 3600
"""Asia/Ho_Chi_Minh as a constant: it has had no daylight saving time since 1975."""

Json = dict[str, Any]
"""One decoded JSON object."""


class Severity(StrEnum):
    """How bad a failed rule is (CVSS v3.1 qualitative words)."""

    INFO = "info"
    LOW = "low"
    MEDIUM = "medium"
    HIGH = "high"
    CRITICAL = "critical"

    @property
    def points(self) -> int:
        """Return the points of a rule of this severity (formula secmon-score/1)."""
        return _POINTS[self]

    @property
    def rank(self) -> int:
        """Return 0 for info to 4 for critical."""
        return _RANK[self]


_POINTS: Final = {
    Severity.INFO: 0,
    Severity.LOW: 1,
    Severity.MEDIUM: 3,
    Severity.HIGH: 6,
    Severity.CRITICAL: 10,
}
_RANK: Final = {severity: rank for rank, severity in enumerate(Severity)}


class Outcome(StrEnum):
    """What judging a rule said (XCCDF 1.2 rule-result, less the values that hide evidence)."""

    PASS = "pass"  # noqa: S105  # a rule result, not a password
    FAIL = "fail"
    UNKNOWN = "unknown"
    ERROR = "error"
    NOT_APPLICABLE = "not_applicable"


WORST_FIRST: Final = (Outcome.FAIL, Outcome.ERROR, Outcome.UNKNOWN, Outcome.PASS, Outcome.NOT_APPLICABLE)
"""The order in which outcomes of one rule fold over its subjects and targets."""


class Reason(StrEnum):
    """Why a look failed; closed, so that it can be a metric label."""

    TIMEOUT = "timeout"
    REFUSED = "refused"
    UNREACHABLE = "unreachable"
    RESET = "reset"
    DNS_FAILURE = "dns_failure"
    PERMISSION = "permission"
    NOT_TLS = "not_tls"
    STARTTLS_REFUSED = "starttls_refused"
    TARPIT = "tarpit"
    UNSUPPORTED = "unsupported"
    NO_DATA = "no_data"
    STALE_DATA = "stale_data"
    BAD_DATA = "bad_data"
    RESOURCE_LIMIT = "resource_limit"
    CRASHED = "crashed"
    ONE_SIDED = "one_sided"
    PACKET_LOSS = "packet_loss"
    LEARNING = "learning"
    NOT_CONFIGURED = "not_configured"
    NOT_ALLOWED = "not_allowed"


class Platform(StrEnum):
    """What an asset runs; only linux runs an agent."""

    LINUX = "linux"
    WINDOWS = "windows"
    NETWORK = "network"
    OTHER = "other"


class Role(StrEnum):
    """What an asset is for."""

    DOCUMENT_EXCHANGE = "document-exchange"
    PUBLIC_SERVICE = "public-service"
    DIGITAL_SIGNATURE = "digital-signature"
    DATABASE = "database"
    PAYMENT = "payment"
    LEARNING = "learning"
    APPLIANCE = "appliance"
    WORKSTATION = "workstation"
    SERVER = "server"


class Vantage(StrEnum):
    """Where an asset is looked at from."""

    INSIDE = "inside"
    OUTSIDE = "outside"


class Form(StrEnum):
    """The form of a target string."""

    LOCAL = "local"  # this host
    HOST = "host"  # an address or a name
    ENDPOINT = "endpoint"  # host:port
    NETWORK = "network"  # net/prefix
    FILE = "file"  # file:PATH
    ROOT = "root"  # root:DIR
    INTERFACE = "interface"  # if:NAME
    PCAP = "pcap"  # pcap:NAME


class Completeness(StrEnum):
    """How an observation ended."""

    OK = "ok"
    PARTIAL = "partial"
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class Asset:
    """A server or device.

    Attributes:
        id: ASCII, stable for ever.
        unit: id of the unit that operates it, "" where unknown.
        platform: what it runs.
        level: 1-5, the highest level of the systems that it serves.
        roles: union of the roles of its systems.
        vantages: from where it is looked at.
    """

    id: str
    unit: str = ""
    platform: Platform = Platform.LINUX
    level: int = 2
    roles: tuple[Role, ...] = (Role.SERVER,)
    vantages: tuple[Vantage, ...] = (Vantage.INSIDE,)


@dataclass(frozen=True, slots=True)
class Target:
    """What one check looks at; it belongs to one asset.

    Attributes:
        asset: id of the asset.
        check: name of the check.
        form: form of `text`.
        text: the target as reports show it (`local`, `host:port`, `file:PATH`, `if:NAME` ...).
        vantage: from where it is looked at.
        options: what the check needs to look (address, port, sni, trust, path ...), JSON values only.
    """

    asset: str
    check: str
    form: Form
    text: str
    vantage: Vantage = Vantage.INSIDE
    options: Json = field(default_factory=dict)

    @property
    def hours(self) -> str:
        """Return when it may be looked at, such as `22:00-05:00` in Vietnam; "" for any time."""
        return str(self.options.get("hours", ""))


@dataclass(frozen=True, slots=True)
class Fact:
    """A typed record of one kind.

    Attributes:
        kind: name of the kind (`listener`, `certificate` ...).
        values: field -> value; None means looked and there is none; an absent field was not seen.
        missing: absent field -> why it was not seen.
    """

    kind: str
    values: Json
    missing: dict[str, Reason] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Observation:
    """What one run saw of one target.

    Attributes:
        asset: id of the asset.
        check: name of the check.
        target: the target's text.
        started: Unix seconds.
        finished: Unix seconds.
        completeness: ok, partial or failed.
        looked: fact kind (or `anomaly/DETECTOR`) -> None where it was looked at completely, else why not.
        facts: what was seen.
        reason: why it is partial or failed.
        detail: one sentence for a person, already cut and escaped at the probe.
    """

    asset: str
    check: str
    target: str
    started: float
    finished: float
    completeness: Completeness
    looked: dict[str, Reason | None]
    facts: tuple[Fact, ...] = ()
    reason: Reason | None = None
    detail: str = ""


@dataclass(frozen=True, slots=True)
class Run:
    """One run of a check over all targets of one asset.

    Attributes:
        asset: id of the asset.
        check: name of the check.
        started: Unix seconds.
        finished: Unix seconds.
        attempted_all: every expected target was attempted.
        canary: None where the sensor proved that it can see, else why not.
    """

    asset: str
    check: str
    started: float
    finished: float
    attempted_all: bool
    canary: Reason | None


@dataclass(frozen=True, slots=True)
class Result:
    """Rule x asset x target x subject.

    Attributes:
        asset: id of the asset.
        rule: id of the rule.
        check: name of the check.
        severity: effective severity.
        target: the target's text.
        subject: key fields of the fact that was judged; empty where a whole target was.
        outcome: what judging said.
        reason: why, where the outcome is unknown or error.
        evidence: the fields that the rule read, with their values.
        missing: the fields that the rule wanted and did not get, with the reason.
        fingerprint: identity of the finding (core.identity).
    """

    asset: str
    rule: str
    check: str
    severity: Severity
    target: str
    subject: Json
    outcome: Outcome
    reason: Reason | None
    evidence: Json
    missing: dict[str, Reason]
    fingerprint: str


@dataclass(frozen=True, slots=True)
class Verdict:
    """One rule on one asset, folded over targets and subjects: what the score is made of.

    Attributes:
        asset: id of the asset.
        rule: id of the rule.
        check: name of the check.
        severity: effective severity, for findings and exit codes.
        points: points of the rule's own severity; overrides never change them.
        critical: the rule's own severity is critical.
        outcome: the fold, worst first.
        decided: section 6 b: looked at completely everywhere and nothing unknown or erring.
        failures: fingerprints of the failing results.
        complete: the targets on which the rule's kind was looked at completely in the latest run.
    """

    asset: str
    rule: str
    check: str
    severity: Severity
    points: int
    critical: bool
    outcome: Outcome
    decided: bool
    failures: tuple[str, ...]
    complete: tuple[str, ...] = ()
