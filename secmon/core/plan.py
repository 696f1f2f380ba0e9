"""Hold what the configuration child made of every input file: the plan that all processes work from.

On the wire a plan is two lines of JSON: `CorePlan`, which the core keeps, and `ChildPlan`, which only
children parse. The spawner never parses either.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TypeAlias

from secmon.core.model import Asset, Json, Severity, Target
from secmon.core.quantities import is_within
from secmon.core.rule import Binding, Fault, Rule, Waiver
from secmon.core.web import Web

Turn: TypeAlias = tuple[str, str]
"""A probe, and the hours of the targets that it looks at in one go; "" for those of any time."""


@dataclass(frozen=True, slots=True)
class CheckPlan:
    """One check as configured.

    Attributes:
        enabled: it runs.
        interval: seconds between runs.
        deadline: seconds that a run may take.
        probes: names of the probes that have targets, in declared order.
        assets: ids of the assets that have a target of it.
        long_lived: name of the probe that runs as one long-lived child in the daemon, "" for none.
        hours: probe -> the hours of its targets, "" among them where some are looked at at any time; a probe
            none of whose targets has hours is absent.
    """

    enabled: bool
    interval: float
    deadline: float
    probes: tuple[str, ...]
    assets: tuple[str, ...]
    long_lived: str = ""
    hours: dict[str, tuple[str, ...]] = field(default_factory=dict)

    @property
    def at_work(self) -> tuple[str, ...]:
        """Return the probes that look, in declared order; none where the check is off."""
        return self.probes if self.enabled else ()

    @property
    def turns(self) -> tuple[Turn, ...]:
        """Return everything that is looked at in one go."""
        return tuple((probe, hours) for probe in self.at_work for hours in self.hours.get(probe, ("",)))

    @property
    def in_runs(self) -> tuple[Turn, ...]:
        """Return what is looked at run by run: all but the long-lived probe's."""
        return tuple(turn for turn in self.turns if turn[0] != self.long_lived)

    def due(self, now: float) -> tuple[Turn, ...]:
        """Return what a run looks at that begins now, in Unix seconds."""
        return tuple(turn for turn in self.in_runs if is_within(turn[1], now))

    @property
    def watching(self) -> str:
        """Return the long-lived probe, "" where there is none or the check is off."""
        return self.long_lived if self.enabled else ""


@dataclass(frozen=True, slots=True)
class Listen:
    """Where the metrics page is served.

    Attributes:
        address: an address of this host.
        port: TCP port.
        insecure: served off loopback without protection, on purpose.
        web: how it is protected, None where it is not.
    """

    address: str = "127.0.0.1"
    port: int = 9877
    insecure: bool = False
    web: Web | None = None

    @property
    def tls(self) -> bool:
        """Say whether it is served under TLS."""
        return self.web is not None and self.web.tls is not None


@dataclass(frozen=True, slots=True)
class Pack:
    """One pack of rules, waivers or overrides that was read.

    Attributes:
        name: its name; `builtin` for the installation's own.
        version: serial, or secmon's version for the installation's own.
        sha256: digest (docs/architecture.md, "Signing").
        signed: its signature was verified.
    """

    name: str
    version: str
    sha256: str
    signed: bool


@dataclass(frozen=True, slots=True)
class CorePlan:
    """What the core needs: no predicate, no text but that of waivers, no target's details.

    Attributes:
        agent: name of this agent.
        lang: `vi` or `en`.
        state_dir: folder of the store.
        listen: where the page is served.
        assets: every asset.
        checks: check -> how it is scheduled.
        possible: asset -> check -> points that its bound rules are worth.
        expected: likewise, of the rules that bind whatever targets are named; `possible` where absent.
        critical: asset -> ids of its bound rules whose own severity is critical.
        rules: rule id -> its own severity.
        waivers: every waiver, also expired ones.
        packs: what was read.
        digest: sha256 over everything that was read.
        serials: `kind/name` -> highest serial of a signed pack that was ever accepted, this plan included;
            the core remembers them, so that an older pack cannot come back.
        notes: what a person should know although the plan is used.
        warnings: likewise, of what the configuration names, with its place.
    """

    agent: str
    lang: str
    state_dir: str
    listen: Listen
    assets: tuple[Asset, ...]
    checks: dict[str, CheckPlan]
    possible: dict[str, dict[str, int]]
    critical: dict[str, tuple[str, ...]]
    rules: dict[str, Severity]
    waivers: tuple[Waiver, ...]
    packs: tuple[Pack, ...]
    digest: str
    serials: dict[str, int] = field(default_factory=dict)
    notes: tuple[str, ...] = ()
    warnings: tuple[Fault, ...] = ()
    expected: dict[str, dict[str, int]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class ChildPlan:
    """What probe and judge children need.

    Attributes:
        targets: every target of every enabled check.
        settings: check -> its settings, every SettingSpec present.
        allowed_networks: networks that the gate lets through beside this host's own addresses.
        known_sources: validated entries of `known_sources`.
        assets: every asset.
        rules: every rule that is bound somewhere.
        bindings: every rule on every asset.
        waivers: every waiver, also expired ones.
    """

    targets: tuple[Target, ...]
    settings: dict[str, Json]
    allowed_networks: tuple[str, ...]
    known_sources: tuple[Json, ...]
    assets: tuple[Asset, ...]
    rules: tuple[Rule, ...]
    bindings: tuple[Binding, ...]
    waivers: tuple[Waiver, ...] = ()


@dataclass(frozen=True, slots=True)
class Invocation:
    """What the command line fixed at start: the only paths and targets that a reload reads again.

    Attributes:
        command: `scan`, `run`, or what is asked: `rules check`, `inventory targets` ...
        config: path of secmon.yml, "" to look in the usual places and then use the built-in defaults.
        rules: `--rules`, or the paths that a command about rules was given; they replace `rules.paths`.
        checks: checks named on the command line, empty for those that fit.
        targets: `--target` as typed.
        role: `--role`, "" where absent.
        level: `--level`, 0 where absent.
        rate: `--rate` packets per second and host, 0 where absent.
        ports: `--ports`.
        root: `--root`, "" where absent.
        pcap: `--pcap`, "" where absent.
        interface: `--interface`, "" where absent.
        join: `--join`, "" where absent.
        duration: `--duration` seconds, 0 where absent.
        trust: `--trust` folders.
        waivers: `--waivers` folders.
        lang: `--lang`, "" where absent.
        allow_unsigned: `--allow-unsigned`.
        allowed_signers: `--allowed-signers` of `rules verify`.
        principal: `--principal` of `rules verify`, "" for anybody who may sign.
        rule: an id, or a glob over ids, that `rules explain` and `rules test` are about; "" for all.
        unit: `--unit` of `rules explain`, "" where absent.
        asset: `--asset` of `rules explain`, "" for this host.
        inventory: path that `inventory check|targets|metrics` are about.
        environment: the few variables that decide paths (SECMON_CONFIG, STATE_DIRECTORY ...).
    """

    command: str
    config: str = ""
    rules: tuple[str, ...] = ()
    checks: tuple[str, ...] = ()
    targets: tuple[str, ...] = ()
    role: str = ""
    level: int = 0
    rate: int = 0
    ports: str = "top"
    root: str = ""
    pcap: str = ""
    interface: str = ""
    join: str = ""
    duration: float = 0.0
    trust: tuple[str, ...] = ()
    waivers: tuple[str, ...] = ()
    lang: str = ""
    allow_unsigned: bool = False
    allowed_signers: str = ""
    principal: str = ""
    rule: str = ""
    unit: str = ""
    asset: str = ""
    inventory: str = ""
    environment: dict[str, str] = field(default_factory=dict)
