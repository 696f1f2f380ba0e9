"""Read configuration, rules, profiles, overrides and waivers in a child, and write the plan or every fault.

`acquire` opens every file and reads none but secmon.yml: that one names the paths to open, so it has to be
parsed before privileges are gone. It is the administrator's own file, refused where others may write it, and
read with the same limits as any other. `observe` reads all the rest without privilege.
"""

from __future__ import annotations

import encodings.idna  # noqa: F401  # str.encode("idna") would import it after the privilege drop
import json
import os
import time
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Final

from secmon import __version__
from secmon.agent.namedfiles import check_named_files
from secmon.agent.settingsfile import DEFAULTS, find_own, read_configuration
from secmon.agent.webfiles import OpenWeb, check_web, open_web, protected
from secmon.core.assemble import Parts, assemble
from secmon.core.binding import bind
from secmon.core.codec import encode
from secmon.core.configuration import Configuration, PathSetting
from secmon.core.expected import expected_by_agent
from secmon.core.manifest import MANIFEST
from secmon.core.overrides import load_overrides
from secmon.core.plan import Pack
from secmon.core.profiles import load_profiles
from secmon.core.rule import Fault, Place
from secmon.core.rules import load_rules, rule_ids
from secmon.core.ruletests import run_tests
from secmon.core.sections import BUILTIN
from secmon.core.targets import COMMAND_LINE, choose
from secmon.core.waiverfiles import load_waivers
from secmon.sources import packs, paths
from secmon.sources.serials import key_of
from secmon.sources.trust import OpenTrust, open_trust, read_trust

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Sequence
    from typing import BinaryIO

    from secmon.core.contract import Registry
    from secmon.core.hosts import Own
    from secmon.core.manifest import PackUse
    from secmon.core.plan import Invocation
    from secmon.core.rule import Override, Profile, Rule, Waiver
    from secmon.core.targets import Chosen

EXIT_OK: Final = 0
EXIT_FAULTS: Final = 2
FAULT_LIMIT: Final = 5000
"""Faults that are told; a file of another kind can hold a mistake in every word."""

_SERVING: Final = ("run", "config check")  # commands for which it matters how the page is served


@dataclass(frozen=True, slots=True)
class Handles:
    """What `acquire` found and opened.

    Attributes:
        registry: the checks.
        invocation: what the command line said.
        configuration: secmon.yml, or the built-in defaults.
        own: what this host is called.
        opened: packs whose files are open.
        faults: what is wrong so far.
        sha256: of secmon.yml, "" where there is none.
        state_dir: folder of the store.
        trust: what signatures are held against, None where none are asked for.
        web: what protects the metrics page, None where nothing does or nothing is served.
        settings: names under which faults of the agent's own settings, and not of packs, are told.
    """

    registry: Registry
    invocation: Invocation
    configuration: Configuration
    own: Own
    opened: tuple[packs.OpenPack, ...]
    faults: tuple[Fault, ...]
    sha256: str
    state_dir: str
    trust: OpenTrust | None
    web: OpenWeb | None
    settings: frozenset[str]


@dataclass(frozen=True, slots=True)
class _Content:
    """What the files of packs held, as validated data."""

    rules: Sequence[Rule]
    profiles: Sequence[Profile]
    overrides: Sequence[Override]
    waivers: Sequence[Waiver]


def acquire(registry: Registry, invocation: Invocation) -> Handles:
    """Find and read secmon.yml, and open everything that it and the command line name.

    Args:
        registry: the checks that exist.
        invocation: what the command line fixed.

    Returns:
        What `observe` needs; mistakes are in its faults.
    """
    faults: list[Fault] = []
    own = find_own()
    path = paths.find_configuration(invocation.config, invocation.environment)
    configuration, sha256 = read_configuration(path, registry, own, faults)
    packs.allow_open_files()
    opened = tuple(open_packs(configuration, invocation, faults))
    faults += check_named_files(invocation)
    state_dir = paths.state_folder(configuration.state_dir, invocation.environment, root=os.geteuid() == 0)
    signers = configuration.allowed_signers
    trust = open_trust(signers.path, state_dir, faults) if signers is not None else None
    web, web_config = None, configuration.web_config
    if invocation.command in _SERVING:
        web = open_web(configuration, invocation.environment, faults)
        configuration = replace(configuration, listen=protected(configuration.listen, web))
    return Handles(
        registry=registry,
        invocation=invocation,
        configuration=configuration,
        own=own,
        opened=opened,
        faults=tuple(faults),
        sha256=sha256,
        state_dir=state_dir,
        trust=trust,
        web=web,
        settings=frozenset({path or DEFAULTS, web_config.path if web_config is not None else ""}),
    )


def open_packs(
    configuration: Configuration,
    invocation: Invocation,
    faults: list[Fault],
    uses: Collection[PackUse] = ("rules", "waivers", "overrides"),
) -> Iterable[packs.OpenPack]:
    """Open every pack that the command line or the configuration names.

    Args:
        configuration: names packs.
        invocation: its `rules` and `waivers` replace those of the configuration.
        faults: where it tells what cannot be opened.
        uses: what is wanted of them.

    Yields:
        Rules first, then waivers, then overrides.
    """
    here = Place(COMMAND_LINE, 0, 0)
    rules = tuple(PathSetting(path, here, "--rules") for path in invocation.rules)
    rules = rules or configuration.rules or (PathSetting(BUILTIN, here, "rules.paths"),)
    waivers = tuple(PathSetting(path, here, "--waivers") for path in invocation.waivers)
    for setting in rules if "rules" in uses else ():
        builtin = paths.builtin_rules() if setting.path == BUILTIN else ""
        yield packs.open_pack(setting, "rules", faults, builtin=builtin)
    for setting in (waivers or configuration.waivers) if "waivers" in uses else ():
        yield packs.open_pack(setting, "waivers", faults)
    for setting in configuration.overrides if "overrides" in uses else ():
        yield packs.open_pack(setting, "overrides", faults)


def observe(handles: Handles, out: BinaryIO) -> int:
    """Read and validate everything, and write the plan, or every fault.

    Args:
        handles: what `acquire` opened.
        out: takes one line for the core and one for children, or one line for each fault.

    Returns:
        0, or 2 where there is a fault.
    """
    told = check_web(handles.web, time.time())
    faults = [*handles.faults, *(fault for fault in told if not fault.warning)]
    warnings = tuple(fault for fault in told if fault.warning)
    read, serials = _read_packs(handles, faults)
    chosen = choose(handles.configuration, handles.invocation, handles.registry, handles.own)
    faults += chosen.faults
    refused = [] if handles.invocation.allow_unsigned else [fault for pack in read for fault in pack.refused]
    parts = None
    if refused:  # what they hold was not read, so nothing can be said about the rest either
        faults += refused
    else:
        faults += [fault for pack in read for document in pack.documents for fault in document.faults]
        content = _load(handles, read, faults)
        parts = _bind(handles, chosen, content, read, faults)
        parts = replace(parts, serials=serials, notes=_notes(handles, read), warnings=warnings)
    if faults or parts is None:
        lines: Iterable[Any] = (
            {**fault_line(fault), "settings": fault.place.file in handles.settings}
            for fault in in_order(faults)
        )
    else:
        lines = (encode(half) for half in assemble(parts, handles.registry))
    out.writelines(json_line(line) for line in lines)
    out.flush()
    return EXIT_FAULTS if faults else EXIT_OK


def _read_packs(handles: Handles, faults: list[Fault]) -> tuple[list[packs.ReadPack], dict[str, int]]:
    """Return what packs hold, and the highest serial of each signed one that was ever accepted."""
    damaged: list[Fault] = []
    trust = read_trust(handles.trust, time.time(), damaged) if handles.trust is not None else None
    if damaged:  # nobody could be believed, and no pack is accepted; that is not the packs' fault
        faults += damaged
        trust = None
    allow = handles.invocation.allow_unsigned
    read = packs.read_packs(handles.opened, faults, trust, allow_unsigned=allow)
    serials = dict(trust.serials) if trust is not None else {}
    seen: dict[str, packs.OpenPack] = {}
    for opened, pack in zip(handles.opened, read, strict=True):
        if pack.signed is None:
            continue
        key = key_of(pack.use, pack.name)
        other = seen.setdefault(key, opened)
        if other is not opened:
            place = Place(f"{opened.setting.path}/{MANIFEST}", 2, 7)
            faults.append(
                Fault(place, "name", f"two packs are named {pack.name}", f"one is {other.setting.path}")
            )
        serials[key] = pack.signed.manifest.serial
    return read, serials


def _notes(handles: Handles, read: Sequence[packs.ReadPack]) -> tuple[str, ...]:
    """Return what a person should know although the packs are used."""
    notes = [f"used without a valid signature: {fault}" for pack in read for fault in pack.refused]
    if handles.trust is not None and any(pack.signed for pack in read):
        notes += handles.trust.notes
    return tuple(notes)


def json_line(value: Any) -> bytes:
    """Return a JSON value as one line of what a child writes."""
    # Paths that are no UTF-8 come as lone surrogates, which cannot be written as they are.
    return json.dumps(value, separators=(",", ":")).encode() + b"\n"


def _load(handles: Handles, read: Sequence[packs.ReadPack], faults: list[Fault]) -> _Content:
    """Return what all files hold."""
    registry, now = handles.registry, time.time()
    documents = _documents(read, "rules")
    rules, found = load_rules(documents, registry)
    faults += found
    ids = rule_ids(documents)
    profiles, found = load_profiles(documents, rules, ids, registry)
    faults += found
    # `--rules` may leave out the rules that the site's own files are about.
    known = None if handles.invocation.rules else ids
    overrides, found = load_overrides(_documents(read, "overrides"), rules, known, registry)
    faults += found
    waivers, found = load_waivers(_documents(read, "waivers"), rules, known, registry, now, _signers(read))
    faults += found
    return _Content(rules, profiles, overrides, waivers)


def _signers(read: Sequence[packs.ReadPack]) -> dict[str, tuple[str, ...]]:
    """Return who signed each file, of packs whose signature was verified."""
    signed = ((pack.signed, pack.documents) for pack in read if pack.signed is not None)
    return {document.file: signature.principals for signature, files in signed for document in files}


def _documents(read: Sequence[packs.ReadPack], use: PackUse) -> list[tuple[str, Any]]:
    documents = [document for pack in read if pack.use == use for document in pack.documents]
    return [(document.file, document.value) for document in documents if document.readable]


def _bind(
    handles: Handles, chosen: Chosen, content: _Content, read: Sequence[packs.ReadPack], faults: list[Fault]
) -> Parts:
    """Return the parts of the plan; the rules' own tests are run where nothing else is wrong."""
    registry = handles.registry
    rules = [rule for rule in content.rules if rule.check in chosen.enabled]
    bindings, found = bind(
        rules, content.profiles, content.overrides, chosen.assets, chosen.targets, registry
    )
    faults += found
    if not faults:
        faults += _failing_tests(content.rules, registry)
    listed = tuple(
        Pack(pack.name, _version(pack), pack.sha256, signed=pack.signed is not None) for pack in read
    )
    lines = [f"{pack.sha256}  {pack.name}" for pack in listed]
    return Parts(
        configuration=handles.configuration,
        chosen=chosen,
        rules=rules,
        bindings=bindings,
        waivers=content.waivers,
        packs=listed,
        digest=packs.digest_lines([*lines, f"{handles.sha256}  secmon.yml"]),
        state_dir=handles.state_dir,
        lang=_language(handles),
        resident=handles.invocation.command == "run",
        expected=expected_by_agent(chosen.assets, content, registry),
    )


def _version(pack: packs.ReadPack) -> str:
    if pack.own:
        return __version__
    return str(pack.signed.manifest.serial) if pack.signed is not None else ""


def _failing_tests(rules: Sequence[Rule], registry: Registry) -> Iterable[Fault]:
    for rule in rules:
        kind = registry.kind(rule.check, rule.kind)
        for failure in run_tests(rule, kind) if kind is not None else ():
            message = (
                f'the test "{failure.test.name}" expects {failure.test.expect} and got {failure.got.value}'
            )
            yield Fault(failure.test.place, rule.id, message)


def _language(handles: Handles) -> str:
    chosen = handles.invocation.lang or handles.configuration.lang
    if chosen:
        return chosen
    environment = handles.invocation.environment
    locale = environment.get("LC_ALL") or environment.get("LC_MESSAGES") or environment.get("LANG") or ""
    return "en" if locale.startswith("en") else "vi"


def in_order(faults: Iterable[Fault]) -> list[Fault]:
    """Return faults by file, line and column, each once; of a flood the first, and how many more."""
    ordered = sorted(
        dict.fromkeys(faults), key=lambda fault: (fault.place.file, fault.place.line, fault.place.column)
    )
    if len(ordered) <= FAULT_LIMIT:
        return ordered
    message = f"{len(ordered) - FAULT_LIMIT} more faults are not shown"
    return [*ordered[:FAULT_LIMIT], Fault(Place(COMMAND_LINE, 0, 0), "", message, "mend the ones above")]


def fault_line(fault: Fault) -> dict[str, Any]:
    """Return a fault as a child writes it; agent.audit.read_faults reads it."""
    return {
        "file": fault.place.file,
        "line": fault.place.line,
        "column": fault.place.column,
        "key": fault.key,
        "message": fault.message,
        "advice": fault.advice,
        "warning": fault.warning,
    }
