"""Open what signatures are held against, and read it later without privilege."""

from __future__ import annotations

import os
import stat
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from secmon.core.contract import Unavailable
from secmon.core.model import Reason
from secmon.core.rule import Fault, Place
from secmon.sources import serials, signers
from secmon.sources.files import open_regular, read_all
from secmon.sources.signatures import Trust, load_verifier

if TYPE_CHECKING:
    from collections.abc import Callable

    from secmon.core.sshsig import Signature


@dataclass(frozen=True, slots=True)
class OpenTrust:
    """What is open and not read yet.

    Attributes:
        proves: as Trust has it.
        file: path of the allowed-signers file.
        signers: its descriptor.
        memory: path of the file of highest serials.
        serials: its descriptor, -1 where it could not be opened.
        notes: what cannot be noticed without it.
    """

    proves: Callable[[Signature, bytes], bool]
    file: str
    signers: int
    memory: str
    serials: int
    notes: tuple[str, ...] = ()


def open_trust(file: str, state_dir: str, faults: list[Fault]) -> OpenTrust | None:
    """Open the allowed-signers file and the highest serials, and import what verifies.

    Args:
        file: path of the allowed-signers file.
        state_dir: folder of the store.
        faults: where it tells why nothing can be verified.

    Returns:
        What was opened, None after a fault: then no pack can be accepted.
    """
    try:
        proves = load_verifier()
        fd = open_regular(file)
    except Unavailable as error:
        advice = "one line for each who may sign: PRINCIPAL ssh-ed25519 KEY"
        faults.append(Fault(Place(file, 1, 1), "", error.detail, advice))
        return None
    if os.fstat(fd).st_mode & stat.S_IWOTH:
        os.close(fd)
        faults.append(Fault(Place(file, 1, 1), "", "everybody may write this file", f"chmod o-w {file}"))
        return None
    memory = str(Path(state_dir) / serials.SERIALS)
    try:
        return OpenTrust(proves, file, fd, memory, open_regular(memory))
    except Unavailable as error:
        what = (
            "no pack was accepted before"
            if error.reason is Reason.NO_DATA
            else "the highest serials are unknown"
        )
        note = f"{what} ({error.detail}), so a pack older than the last one would not be noticed"
        return OpenTrust(proves, file, fd, memory, -1, (note,))


def read_trust(opened: OpenTrust, now: float, faults: list[Fault], principal: str = "") -> Trust:
    """Read and close what open_trust opened.

    Args:
        opened: what it returned.
        now: Unix seconds.
        faults: where it tells what is wrong with the files.
        principal: who must have signed, "" for anybody in the file.

    Returns:
        Whom and what signatures are held against.
    """
    found: tuple[signers.Signer, ...] = ()
    remembered: dict[str, int] = {}
    try:
        data = read_all(opened.signers, signers.SIZE_LIMIT, opened.file)
        found = signers.read_signers(data, opened.file, faults)
    except Unavailable as error:
        faults.append(Fault(Place(opened.file, 1, 1), "", error.detail))
    if opened.serials >= 0:
        try:
            data = read_all(opened.serials, serials.SIZE_LIMIT, opened.memory)
            remembered = serials.read_serials(data, opened.memory, faults)
        except Unavailable as error:
            faults.append(Fault(Place(opened.memory, 1, 1), "", error.detail))
    return Trust(opened.proves, found, opened.file, remembered, now, principal)
