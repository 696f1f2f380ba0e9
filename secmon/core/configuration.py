"""Hold secmon.yml as validated data; core.settings reads it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from secmon.core.plan import Listen

if TYPE_CHECKING:
    from secmon.core.model import Asset, Form, Json
    from secmon.core.rule import Place


@dataclass(frozen=True, slots=True)
class PathSetting:
    """A path that the configuration names.

    Attributes:
        path: absolute, or `builtin` for the installation's own rules.
        place: where it stands.
        key: dotted path of its key.
    """

    path: str
    place: Place
    key: str


@dataclass(frozen=True, slots=True)
class ConfiguredTarget:
    """One entry of `checks.NAME.targets`.

    Attributes:
        asset: id of the asset that it belongs to.
        form: form of its text.
        text: as reports show it.
        options: as core.model.Target has them.
    """

    asset: str
    form: Form
    text: str
    options: Json


@dataclass(frozen=True, slots=True)
class CheckSettings:
    """One entry of `checks`.

    Attributes:
        enabled: it runs.
        interval: seconds between runs.
        deadline: seconds that a run may take.
        targets: what it looks at, empty for what it looks at by itself.
        values: its own settings, every SettingSpec present.
    """

    enabled: bool
    interval: float
    deadline: float
    targets: tuple[ConfiguredTarget, ...]
    values: Json


@dataclass(frozen=True, slots=True)
class Watch:
    """An asset that is looked at from outside.

    Attributes:
        asset: the asset.
        address: its address or name, "" where only targets name one.
    """

    asset: Asset
    address: str


@dataclass(frozen=True, slots=True)
class Configuration:
    """All of secmon.yml.

    Attributes:
        agent: name of the agent.
        asset: the host that it runs on.
        watches: assets seen from outside.
        checks: every check of the registry.
        listen: where the page is served; how it is protected stands in a file of its own.
        web_config: the web configuration file, None where there is none.
        rules: where rules are found.
        waivers: files and folders of waivers.
        overrides: files and folders of overrides.
        allowed_signers: file of the principals whose packs are accepted, None where packs need no signature.
        state_dir: folder of the store, "" for the usual place.
        lang: `vi`, `en`, or "" for the environment's.
        allowed_networks: networks that may be looked at beside this host's own addresses.
        known_sources: entries of `known_sources`.
    """

    agent: str
    asset: Asset
    watches: tuple[Watch, ...]
    checks: dict[str, CheckSettings]
    listen: Listen = field(default_factory=Listen)
    web_config: PathSetting | None = None
    rules: tuple[PathSetting, ...] = ()
    waivers: tuple[PathSetting, ...] = ()
    overrides: tuple[PathSetting, ...] = ()
    allowed_signers: PathSetting | None = None
    state_dir: str = ""
    lang: str = ""
    allowed_networks: tuple[str, ...] = ()
    known_sources: tuple[Json, ...] = ()
