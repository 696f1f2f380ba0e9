"""Verify packs in the configuration child: what `secmon rules verify` asks for.

A pack may come from anybody: it is opened with the caller's rights, and read without any.
"""

from __future__ import annotations

import os
import time
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from secmon.agent import config
from secmon.core.configuration import PathSetting
from secmon.core.manifest import digest_text
from secmon.core.rule import Fault, Place
from secmon.core.targets import COMMAND_LINE
from secmon.sources import packs, paths
from secmon.sources.signatures import check_pack
from secmon.sources.trust import OpenTrust, open_trust, read_trust

if TYPE_CHECKING:
    from typing import BinaryIO

    from secmon.core.contract import Registry
    from secmon.core.model import Json
    from secmon.core.plan import Invocation
    from secmon.sources.signatures import Content, Signed, Trust


@dataclass(frozen=True, slots=True)
class Handles:
    """What `acquire` opened.

    Attributes:
        opened: the packs, in the order in which they were typed.
        trust: what signatures are held against, None after a fault.
        principal: who must have signed, "" for anybody who may.
        faults: what is wrong so far.
    """

    opened: tuple[packs.OpenPack, ...]
    trust: OpenTrust | None
    principal: str
    faults: tuple[Fault, ...]


def acquire(_registry: Registry, invocation: Invocation) -> Handles:
    """Open packs and allowed signers.

    Args:
        invocation: its `rules` are the packs.

    Returns:
        What `observe` needs; mistakes are in its faults.
    """
    faults: list[Fault] = []
    packs.allow_open_files()
    here = Place(COMMAND_LINE, 0, 0)
    settings = [PathSetting(path, here, "PATH") for path in invocation.rules]
    opened = tuple(packs.open_pack(setting, "rules", faults) for setting in settings)
    state_dir = paths.state_folder("", invocation.environment, root=os.geteuid() == 0)
    trust = open_trust(invocation.allowed_signers, state_dir, faults)
    return Handles(opened, trust, invocation.principal, tuple(faults))


def observe(handles: Handles, out: BinaryIO) -> int:
    """Verify the packs, and write one line about all of them, or every fault of what cannot be read.

    Args:
        handles: what `acquire` opened.
        out: takes the lines.

    Returns:
        0, also where a pack is refused; 2 where there is a fault.
    """
    faults = list(handles.faults)
    rows: list[Json] = []
    if handles.trust is not None:
        trust = read_trust(handles.trust, time.time(), faults, handles.principal)
        budget = packs.TOTAL_LIMIT
        for opened in handles.opened:
            contents = packs.read_contents(opened, budget, faults)
            budget -= sum(len(data) for _, data in contents)
            rows.append(_row(opened, replace(packs.describe(opened, contents), use=None), trust))
    if faults:
        out.writelines(config.json_line(config.fault_line(fault)) for fault in config.in_order(faults))
    else:
        notes = handles.trust.notes if handles.trust is not None else ()
        out.write(config.json_line({"packs": rows, "notes": notes}))
    out.flush()
    return config.EXIT_FAULTS if faults else config.EXIT_OK


def _row(opened: packs.OpenPack, content: Content, trust: Trust) -> Json:
    found: list[Fault] = []
    signed = check_pack(content, trust, found)
    return {
        "path": opened.setting.path,
        "sha256": packs.digest(digest_text(content.digests)),
        "faults": [config.fault_line(fault) for fault in found],
        "signed": None if signed is None else _signed(signed),
    }


def _signed(signed: Signed) -> Json:
    manifest = signed.manifest
    return {
        "name": manifest.name,
        "kind": manifest.kind,
        "serial": manifest.serial,
        "created": str(manifest.created),
        "expires": str(manifest.expires),
        "files": len(manifest.files),
        "principals": list(signed.principals),
    }
