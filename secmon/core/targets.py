"""Read targets as they are typed, and choose what each check looks at.

`--target`, `--root`, `--pcap` and `--interface` replace what is configured: checks that were named run with
what fits them, the others only where something fits. Assets without a target are left out then, for nothing
was asked about them.
"""

from __future__ import annotations

import ipaddress
import re
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Final

from secmon.core.checksettings import LOCAL, Hosts
from secmon.core.hosts import asset_id_of, is_address, parse_host, parse_port
from secmon.core.model import Asset, Form, Platform, Role, Target, Vantage
from secmon.core.nearest import suggest
from secmon.core.rule import Fault, Place

if TYPE_CHECKING:
    from collections.abc import Iterable

    from secmon.core.configuration import Configuration, ConfiguredTarget
    from secmon.core.contract import CheckSpec, Registry, SettingSpec
    from secmon.core.hosts import Own
    from secmon.core.model import Json
    from secmon.core.plan import Invocation

NAMED: Final = "named"
"""Option of a target that the command line gave: the gate lets it through."""
JOIN: Final = "join"
"""Option of this host's target: path of a report to join with it."""
LARGEST_NETWORK: Final = 65_536
"""Addresses of a network target."""
COMMAND_LINE: Final = "command line"

_PROTOCOL: Final = re.compile(r"[a-z][a-z0-9-]{1,15}\Z")
_FILE: Final = "file:"


@dataclass(frozen=True, slots=True)
class TypedTarget:
    """A target as somebody typed it, before it is given to checks.

    Attributes:
        form: its form.
        text: as typed.
        options: what it says.
    """

    form: Form
    text: str
    options: Json


@dataclass(frozen=True, slots=True)
class Chosen:
    """What this invocation looks at.

    Attributes:
        assets: every asset that is asked about.
        targets: every target of every check that runs.
        enabled: check -> it runs; checks that the invocation leaves out are absent.
        settings: check -> its settings with the options of the command line.
        faults: what is wrong with the command line.
    """

    assets: tuple[Asset, ...]
    targets: tuple[Target, ...]
    enabled: dict[str, bool]
    settings: dict[str, Json]
    faults: tuple[Fault, ...]


def parse_target(text: str) -> TypedTarget:
    """Read the text of `--target`.

    Args:
        text: `host`, `host:port`, `host:port,smtp`, `[v6]:port`, a bare IPv6 address, `net/prefix`,
            `file:PATH`.

    Returns:
        Its form and options.

    Raises:
        ValueError: it is none of these, with what would be right.
    """
    if text.startswith(_FILE):
        path = text.removeprefix(_FILE)
        if not path or "\0" in path:
            raise ValueError("write file: and a path")
        return TypedTarget(Form.FILE, text, {"path": path})
    if "/" in text and "://" not in text:
        return TypedTarget(Form.NETWORK, text, {"network": _parse_network(text)})
    address, comma, protocol = text.partition(",")
    host, port = _split_port(address)
    if port is None:
        if comma:
            raise ValueError("a STARTTLS protocol follows a port: host:port,smtp")
        return TypedTarget(Form.HOST, text, {"host": host})
    options: Json = {"host": host, "port": port}
    if comma:
        if not _PROTOCOL.match(protocol):
            raise ValueError("after the comma write a STARTTLS protocol such as smtp")
        options["starttls"] = protocol
    return TypedTarget(Form.ENDPOINT, text, options)


def _parse_network(text: str) -> str:
    try:
        network = ipaddress.ip_network(text)
    except ValueError:
        raise ValueError(
            "write a network such as 192.0.2.0/24, whose address has no bits beyond the prefix"
        ) from None
    if network.num_addresses > LARGEST_NETWORK:
        raise ValueError(
            f"a network of {network.num_addresses} addresses; at most {LARGEST_NETWORK} are looked at"
        )
    return str(network)


def _split_port(text: str) -> tuple[str, int | None]:
    """Return a host and a port; a text with several colons is an IPv6 address."""
    if text.startswith("["):
        address, bracket, rest = text[1:].partition("]")
        if (
            not bracket
            or not is_address(address)
            or ":" not in address
            or (rest and not rest.startswith(":"))
        ):
            raise ValueError("write [IPv6 address]:port")
        return parse_host(address), parse_port(rest[1:]) if rest else None
    if text.count(":") == 1 and "@" not in text and "://" not in text:
        host, _, port = text.partition(":")
        return parse_host(host), parse_port(port)
    return parse_host(text), None


def choose(configuration: Configuration, invocation: Invocation, registry: Registry, own: Own) -> Chosen:
    """Choose what each check looks at.

    Args:
        configuration: what is configured.
        invocation: what the command line said.
        registry: the checks.
        own: what this host is called.

    Returns:
        Assets, targets and settings of this invocation.
    """
    chooser = _Chooser(configuration, invocation, registry, own)
    given = chooser.read_given()
    names = chooser.checks_that_run(given)
    if given:
        for name in names:
            chooser.take_given(registry.checks[name], given)
        chooser.refuse_unfit(given, names)
    else:
        for name in names:
            chooser.take_configured(registry.checks[name])
    return chooser.finish(names, replaced=bool(given))


@dataclass(slots=True)
class _Chooser:
    configuration: Configuration
    invocation: Invocation
    registry: Registry
    own: Own
    assets: dict[str, Asset] = field(default_factory=dict)
    targets: list[Target] = field(default_factory=list)
    faults: list[Fault] = field(default_factory=list)

    def __post_init__(self) -> None:
        known = [self.configuration.asset, *(watch.asset for watch in self.configuration.watches)]
        self.assets = {asset.id: asset for asset in known}

    def read_given(self) -> list[TypedTarget]:
        """Return the targets of the command line."""
        given: dict[str, TypedTarget] = {}
        for text in self.invocation.targets:
            try:
                typed = parse_target(text)
            except ValueError as error:
                shown = text if "@" not in text else "a target with @"
                self._fault("--target", f"{shown} is no target", str(error))
                continue
            given[typed.text] = typed
        invocation = self.invocation
        if invocation.root:
            text = f"root:{invocation.root}"
            given[text] = TypedTarget(Form.ROOT, text, {"path": invocation.root})
        if invocation.pcap:
            text = f"pcap:{invocation.pcap.rpartition('/')[2]}"
            given[text] = TypedTarget(Form.PCAP, text, {"path": invocation.pcap})
        if invocation.interface:
            text = f"if:{invocation.interface}"
            given[text] = TypedTarget(Form.INTERFACE, text, {"name": invocation.interface})
        return list(given.values())

    def checks_that_run(self, given: Iterable[TypedTarget]) -> list[str]:
        """Return the checks that this invocation runs, in the order of the registry."""
        named = self.invocation.checks
        for name in named:
            if name not in self.registry.checks:
                self._fault(name, "there is no such check", suggest(name, self.registry.checks))
        wanted = set(named) or set(self.registry.checks)
        forms = {typed.form for typed in given}
        asked = bool(forms) or bool(self.invocation.targets)
        names = [name for name in self.registry.checks if name in wanted]
        if not asked or named:
            return names
        return [name for name in names if forms & _forms(self.registry.checks[name])]

    def take_given(self, spec: CheckSpec, given: Iterable[TypedTarget]) -> None:
        """Give a check what fits it of the command line."""
        fit = [typed for typed in given if typed.form in _forms(spec)]
        if not fit:
            forms = ", ".join(sorted(form.value for form in _forms(spec)))
            self._fault(
                spec.name, f"the check {spec.name} cannot look at what is given", f"it looks at: {forms}"
            )
        for typed in fit:
            asset = self._asset_of(typed)
            if asset is not None:
                self._add(spec, asset, typed.form, typed.text, typed.options | {NAMED: True})

    def refuse_unfit(self, given: Iterable[TypedTarget], names: list[str]) -> None:
        """Tell of targets that no check takes which runs; where none takes any, each has said so."""
        if names and not self.targets:
            return
        usable = {form for name in names for form in _forms(self.registry.checks[name])}
        for typed in given:
            if typed.form not in usable:
                checks = ", ".join(names) or "no check"
                self._fault(typed.text, f"{checks} cannot look at it", _advise(typed.form, self.registry))

    def take_configured(self, spec: CheckSpec) -> None:
        """Give a check its configured targets, `local`, and the addresses of what is watched."""
        settings = self.configuration.checks[spec.name]
        if not settings.enabled and spec.name not in self.invocation.checks:
            return
        forms = _forms(spec)
        having = {target.asset for target in settings.targets}
        own_id = self.configuration.asset.id
        if own_id not in having and Form.LOCAL in forms:
            self._add(spec, self.assets[own_id], Form.LOCAL, LOCAL, {})
        for target in settings.targets:
            self._add_configured(spec, target)
        for watch in self.configuration.watches:
            if watch.address and watch.asset.id not in having and Form.HOST in forms:
                self._add(spec, watch.asset, Form.HOST, watch.address, {"host": watch.address})

    def _add_configured(self, spec: CheckSpec, target: ConfiguredTarget) -> None:
        self._add(spec, self.assets[target.asset], target.form, target.text, target.options)

    def _add(self, spec: CheckSpec, asset: Asset, form: Form, text: str, options: Json) -> None:
        vantage = self._vantage(spec, asset, form)
        if form in {Form.HOST, Form.ENDPOINT, Form.NETWORK}:
            options = options | {"platform": asset.platform.value}
        if form is Form.LOCAL and self.invocation.join and any(kind.when == JOIN for kind in spec.kinds):
            options = options | {JOIN: self.invocation.join}
        self.targets.append(Target(asset.id, spec.name, form, text, vantage, options))
        if vantage not in asset.vantages:
            vantages = (*self.assets[asset.id].vantages, vantage)
            self.assets[asset.id] = replace(self.assets[asset.id], vantages=tuple(dict.fromkeys(vantages)))

    def _vantage(self, spec: CheckSpec, asset: Asset, form: Form) -> Vantage:
        """Return from where a target is looked at.

        This host is looked at from inside, unless a form yields facts from outside only: a connect scan of an
        own address shows what others see.
        """
        if asset.id != self.configuration.asset.id:
            return Vantage.OUTSIDE
        seen = {vantage for kind in spec.kinds for vantage in kind.sources.get(form, ())}
        return Vantage.OUTSIDE if seen == {Vantage.OUTSIDE} else Vantage.INSIDE

    def _asset_of(self, typed: TypedTarget) -> Asset | None:
        """Return the asset that has an address, else a new one that is named after the host."""
        host = typed.options.get("host") or typed.options.get("network")
        if host is None:
            return self.assets[self.configuration.asset.id]
        watches = {watch.asset.id: watch for watch in self.configuration.watches}
        owner = Hosts(self.configuration.asset.id, watches, self.own).owner(host)
        if owner is not None:
            return self.assets[owner]
        try:
            name = asset_id_of(host)
        except ValueError as error:
            self._fault("--target", f"{host} cannot name an asset", str(error))
            return None
        new = Asset(name, platform=Platform.OTHER, vantages=(Vantage.OUTSIDE,))
        return self.assets.setdefault(name, new)

    def finish(self, names: list[str], *, replaced: bool) -> Chosen:
        """Return what was chosen."""
        having = {target.asset for target in self.targets}
        assets = [asset for asset in self.assets.values() if not replaced or asset.id in having]
        explicit = set(self.invocation.checks)
        enabled = {
            name: self.configuration.checks[name].enabled or name in explicit or replaced for name in names
        }
        return Chosen(
            assets=tuple(self._as_told(asset) for asset in assets),
            targets=tuple(self.targets),
            enabled=enabled,
            settings={name: self._settings(self.registry.checks[name]) for name in names},
            faults=tuple(self.faults),
        )

    def _as_told(self, asset: Asset) -> Asset:
        """Return an asset with the level and the role of the command line."""
        if self.invocation.level:
            asset = replace(asset, level=self.invocation.level)
        if not self.invocation.role:
            return asset
        try:
            role = Role(self.invocation.role)
        except ValueError:
            advice = suggest(self.invocation.role, [role.value for role in Role])
            self._fault("--role", f"{self.invocation.role} is no role", advice)
            return asset
        return replace(asset, roles=(role,))

    def _settings(self, spec: CheckSpec) -> Json:
        """Return a check's settings under the options that it declares."""
        invocation = self.invocation
        typed = {
            "ports": invocation.ports if invocation.ports != "top" else "",
            "rate": invocation.rate,
            "duration": invocation.duration,
            "trust": list(invocation.trust),
            "interface": invocation.interface,
        }
        values = dict(self.configuration.checks[spec.name].values)
        for setting in spec.settings:
            value = typed.get(setting.name)
            if value and self._within(setting, value):
                values[setting.name] = value
        return values

    def _within(self, setting: SettingSpec, value: object) -> bool:
        if not isinstance(value, (int, float)):
            return True
        low = setting.minimum if setting.minimum is not None else value
        high = setting.maximum if setting.maximum is not None else value
        if low <= value <= high:
            return True
        self._fault(f"--{setting.name}", f"{value:g} is out of range", f"{low:g} to {high:g}")
        return False

    def _fault(self, key: str, message: str, advice: str) -> None:
        fault = Fault(Place(COMMAND_LINE, 0, 0), key, message, advice)
        if fault not in self.faults:
            self.faults.append(fault)


def _forms(spec: CheckSpec) -> frozenset[Form]:
    return frozenset(form for probe in spec.probes for form in probe.forms)


def _advise(form: Form, registry: Registry) -> str:
    checks = [name for name, spec in registry.checks.items() if form in _forms(spec)]
    return f"it is for {', '.join(checks)}" if checks else "no check looks at such a target"
