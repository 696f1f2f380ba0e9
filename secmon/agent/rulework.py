"""Do in the configuration child what `secmon rules check|test|list|explain` asks for.

A pack may come from anybody: it is opened with the caller's rights, and read without any.
"""

from __future__ import annotations

import time
from dataclasses import dataclass, replace
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING, Final

from secmon.agent import config
from secmon.agent.settingsfile import find_own, read_configuration
from secmon.core.binding import bind
from secmon.core.configuration import PathSetting
from secmon.core.cursor import show
from secmon.core.explain import Places, Site, explain
from secmon.core.fingerprintfiles import is_fingerprint_file, load_fingerprints, try_examples
from secmon.core.imagined import assets_of_overrides, assets_of_profiles
from secmon.core.nearest import suggest
from secmon.core.packcontent import is_configuration, load_content, use_of
from secmon.core.rule import Fault, Place
from secmon.core.rulerows import explanation_row, outcomes_row, rule_row
from secmon.core.rules import is_profile, rule_ids
from secmon.core.targets import COMMAND_LINE, choose
from secmon.core.waivers import find_doubtful
from secmon.sources import packs, paths, yaml

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from typing import BinaryIO

    from secmon.core.configuration import Configuration
    from secmon.core.contract import Registry
    from secmon.core.hosts import Own
    from secmon.core.manifest import PackUse
    from secmon.core.model import Asset, Json
    from secmon.core.packcontent import Content, Documents
    from secmon.core.plan import Invocation

CHECK: Final = "rules check"
TEST: Final = "rules test"
LIST: Final = "rules list"
EXPLAIN: Final = "rules explain"

_SEE: Final = "`secmon rules list` shows all"
_HERE: Final = Place(COMMAND_LINE, 0, 0)
_USES: Final[dict[str, tuple[PackUse, ...]]] = {
    CHECK: ("rules", "waivers", "overrides"),
    TEST: ("rules",),
    LIST: ("rules",),
    EXPLAIN: ("rules", "overrides"),
}


@dataclass(frozen=True, slots=True)
class Handles:
    """What `acquire` found and opened.

    Attributes:
        registry: the checks.
        invocation: what the command line said.
        configuration: secmon.yml, or the built-in defaults.
        own: what this host is called.
        opened: what the command is about.
        background: the installation's own rules, where paths were typed that may hold none themselves.
        faults: what is wrong so far.
    """

    registry: Registry
    invocation: Invocation
    configuration: Configuration
    own: Own
    opened: tuple[packs.OpenPack, ...]
    background: tuple[packs.OpenPack, ...]
    faults: tuple[Fault, ...]

    @property
    def paths_typed(self) -> bool:
        """Say whether the command is about paths that were typed, whatever is configured."""
        return _paths_typed(self.invocation)


def _paths_typed(invocation: Invocation) -> bool:
    return bool(invocation.rules) and invocation.command != EXPLAIN


def acquire(registry: Registry, invocation: Invocation) -> Handles:
    """Open what the command is about: the paths that were typed, else what the configuration names.

    Args:
        registry: the checks that exist.
        invocation: what the command line fixed.

    Returns:
        What `observe` needs; mistakes are in its faults.
    """
    faults: list[Fault] = []
    own = find_own()
    typed = _paths_typed(invocation)
    path = "" if typed else paths.find_configuration(invocation.config, invocation.environment)
    configuration, _ = read_configuration(path, registry, own, faults)
    packs.allow_open_files()
    background: list[packs.OpenPack] = []
    if typed:
        settings = [PathSetting(item, _HERE, "PATH") for item in invocation.rules]
        opened = [packs.open_pack(setting, "rules", faults) for setting in settings]
        if invocation.command == CHECK:
            plain = replace(invocation, rules=())
            background = list(config.open_packs(configuration, plain, faults, _USES[TEST]))
    else:
        opened = list(config.open_packs(configuration, invocation, faults, _USES[invocation.command]))
    return Handles(registry, invocation, configuration, own, tuple(opened), tuple(background), tuple(faults))


def observe(handles: Handles, out: BinaryIO) -> int:
    """Read everything, and write the answer, or every fault.

    Args:
        handles: what `acquire` opened.
        out: takes one line where there is no fault: the answer; then one for each fault and warning.

    Returns:
        0, or 2 where there is a fault.
    """
    faults = list(handles.faults)
    read = _read(handles, faults)
    answer = _ANSWERS[handles.invocation.command](handles, read, faults)
    if not faults:
        out.write(config.json_line(answer))
    told = config.in_order([*faults, *find_doubtful(read.content.waivers, time.time())])
    out.writelines(config.json_line(config.fault_line(fault)) for fault in told)
    out.flush()
    return config.EXIT_FAULTS if faults else config.EXIT_OK


@dataclass(frozen=True, slots=True)
class _Read:
    """What was read.

    Attributes:
        files: the files that the command is about.
        documents: documents of rules, profiles and overrides, with those of the background.
        content: what all documents hold.
        fingerprints: how many there are, where the command checks them.
    """

    files: frozenset[str]
    documents: Documents
    content: Content
    fingerprints: int = 0


def _read(handles: Handles, faults: list[Fault]) -> _Read:
    """Read every file that is open, and validate what it holds."""
    by_use: dict[PackUse, Documents] = {"rules": [], "waivers": [], "overrides": []}
    files: set[str] = set()
    fingerprints: Documents = []
    for pack in packs.read_packs(handles.opened, faults):
        for document, known in _documents(pack, handles.invocation.command):
            files.add(document.file)
            faults += document.faults
            if known:
                fingerprints += [(document.file, document.value)] if document.readable else []
                continue
            if handles.paths_typed and is_configuration(document.value):
                advice = f"check it with `secmon config check -c {document.file}`"
                faults.append(Fault(Place(document.file, 1, 1), "", "a configuration holds no rules", advice))
            elif document.readable:
                # A path that was typed may hold anything; what the configuration names has its one use.
                use = use_of(document.value) if handles.paths_typed else pack.use
                by_use[use].append((document.file, document.value))
    rules = by_use["rules"]
    if handles.background and not rule_ids(rules):
        rules = rules + _background(handles, rules, faults)
    content = load_content(rules, by_use["overrides"], by_use["waivers"], handles.registry, time.time())
    faults += content.faults
    count = _check_fingerprints(fingerprints, faults)
    return _Read(frozenset(files), [*rules, *by_use["overrides"]], content, count)


def _documents(pack: packs.ReadPack, command: str) -> Iterator[tuple[yaml.Document, bool]]:
    """Yield each document of a pack, and whether it holds fingerprints; those are only read to be checked."""
    for document in pack.documents:
        yield document, is_fingerprint_file(document.value)
    for file, data in pack.fingerprints if command == CHECK else ():
        yield yaml.read(data, file), True


def _check_fingerprints(documents: Documents, faults: list[Fault]) -> int:
    """Validate fingerprints, try their examples where nothing is wrong, and return how many there are."""
    fingerprints, found = load_fingerprints(documents)
    faults += found or try_examples(fingerprints)
    return len(fingerprints)


def _background(handles: Handles, mine: Documents, faults: list[Fault]) -> Documents:
    """Return the installation's own rules, with its profiles where there are no others."""
    with_profiles = not any(is_profile(value) for _, value in mine)
    read = packs.read_packs(handles.background, faults)
    documents = [document for pack in read for document in pack.documents]
    return [
        (document.file, document.value)
        for document in documents
        if with_profiles or not is_profile(document.value)
    ]


def _check(handles: Handles, read: _Read, faults: list[Fault]) -> Json:
    """Hold profiles and overrides against each other, and count what was read."""
    content, registry = read.content, handles.registry
    if handles.paths_typed:
        changed = [
            rule
            for rule in content.rules
            if any(fnmatchcase(rule.id, override.pattern) for override in content.overrides)
        ]
        of_profiles = assets_of_profiles(content.profiles)
        of_overrides = assets_of_overrides(content.overrides, content.profiles)
        faults += bind(content.rules, content.profiles, (), of_profiles, (), registry)[1]
        faults += bind(changed, content.profiles, content.overrides, of_overrides, (), registry)[1]
    else:
        chosen = choose(handles.configuration, handles.invocation, registry, handles.own)
        faults += chosen.faults
        faults += bind(
            content.rules, content.profiles, content.overrides, chosen.assets, chosen.targets, registry
        )[1]
    places = {
        "rules": [item.place for item in content.rules],
        "profiles": [item.place for item in content.profiles],
        "overrides": [item.place for item in content.overrides],
        "waivers": [item.place for item in content.waivers],
    }
    counts = {name: sum(place.file in read.files for place in found) for name, found in places.items()}
    return {"files": len(read.files), **counts, "fingerprints": read.fingerprints}


def _test(handles: Handles, read: _Read, faults: list[Fault]) -> Json:
    """Run the tests of the rules that were picked; none where there is a fault."""
    content, pattern = read.content, handles.invocation.rule or "*"
    if pattern != "*" and not any(fnmatchcase(rule_id, pattern) for rule_id in content.ids):
        message = f"no rule is named {show(pattern)}"
        faults.append(Fault(_HERE, "--rule", message, suggest(pattern, content.ids) or _SEE))
    picked = [rule for rule in content.rules if fnmatchcase(rule.id, pattern)]
    return outcomes_row(() if faults else picked, handles.registry)


def _list(_: Handles, read: _Read, __: list[Fault]) -> Json:
    rules = sorted(read.content.rules, key=lambda rule: rule.id)
    return {
        "rules": [rule_row(rule, read.content.profiles) for rule in rules],
        "profiles": sorted(profile.name for profile in read.content.profiles),
    }


def _explain(handles: Handles, read: _Read, faults: list[Fault]) -> Json:
    """Explain the rule that was named on the asset that was named."""
    content, registry, invocation = read.content, handles.registry, handles.invocation
    chosen = choose(handles.configuration, invocation, registry, handles.own)
    faults += chosen.faults
    asset = _asset(handles, chosen.assets, faults)
    rule = next((rule for rule in content.rules if rule.id == invocation.rule), None)
    if invocation.rule not in content.ids:
        message = f"no rule is named {show(invocation.rule)}"
        faults.append(Fault(_HERE, "ID", message, suggest(invocation.rule, content.ids) or _SEE))
    kind = registry.kind(rule.check, rule.kind) if rule is not None else None
    if faults or asset is None or rule is None or kind is None:
        return {}
    site = Site(content.profiles, content.overrides, chosen.targets, registry, Places(read.documents))
    faults += bind([rule], site.profiles, site.overrides, [asset], site.targets, registry)[1]
    told = explain(rule, kind, asset, site)
    return explanation_row(rule, asset, told, enabled=chosen.enabled[rule.check])


def _asset(handles: Handles, assets: Sequence[Asset], faults: list[Fault]) -> Asset | None:
    """Return the asset that was named, this host by default, as the command line changes it."""
    wanted = handles.invocation.asset or handles.configuration.asset.id
    asset = next((item for item in assets if item.id == wanted), None)
    if asset is None:
        known = [item.id for item in assets]
        faults.append(Fault(_HERE, "--asset", f"there is no asset {show(wanted)}", suggest(wanted, known)))
        return None
    return replace(asset, unit=handles.invocation.unit or asset.unit)


_ANSWERS: Final[dict[str, Callable[[Handles, _Read, list[Fault]], Json]]] = {
    CHECK: _check,
    TEST: _test,
    LIST: _list,
    EXPLAIN: _explain,
}
