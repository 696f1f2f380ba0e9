"""Look at which ports this host hands on to containers, guests and other hosts, by destination NAT."""

from __future__ import annotations

import errno
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from secmon.checks.ports.forwards import facts_of
from secmon.core.model import Completeness, Reason
from secmon.sources import nat, netlink

if TYPE_CHECKING:
    from collections.abc import Iterable

    from secmon.core.contract import Emit, Task
    from secmon.core.model import Fact

_KIND: Final = "published"
_FORWARDING: Final = {4: "/proc/sys/net/ipv4/ip_forward", 6: "/proc/sys/net/ipv6/conf/all/forwarding"}
_NO_TABLES: Final = frozenset(
    {errno.EPROTONOSUPPORT, errno.EOPNOTSUPP, errno.EINVAL, errno.ENOENT, errno.EAFNOSUPPORT}
)
"""What a kernel without nf_tables answers."""


@dataclass(frozen=True, slots=True)
class Handles:
    """What `observe` reads.

    Attributes:
        task: what was asked for.
        question: to the kernel, asked while this process had the right to; an errno where that failed.
    """

    task: Task
    question: nat.Question | int


def acquire(task: Task) -> Handles:
    """Ask the kernel for its rules, and read nothing."""
    try:
        return Handles(task, nat.ask())
    except OSError as error:
        return Handles(task, error.errno or 0)


def observe(handles: Handles, emit: Emit) -> None:
    """Read the answer, and tell."""
    forwarding = {family: _reads_one(path) for family, path in _FORWARDING.items()}
    emit.canary(
        None if forwarding[4] is not None else Reason.NO_DATA, "" if forwarding[4] is not None else _UNREAD
    )
    families = {family for family, on in forwarding.items() if on}
    facts, reason, detail = _look(handles.question, families)
    completeness = Completeness.PARTIAL if facts else Completeness.FAILED
    for target in handles.task.targets:
        emit.begin(target)
        emit.facts(target, facts)
        emit.end(target, {_KIND: reason}, completeness if reason else Completeness.OK, reason, detail)


_UNREAD: Final = "Whether this host forwards could not be read; mount /proc."


def _look(question: nat.Question | int, families: set[int]) -> tuple[list[Fact], Reason | None, str]:
    """Return what is handed on, and why that may not be all."""
    if not families:  # no rule hands anything on where nothing is forwarded
        return [], None, ""
    rules: Iterable[nat.Forward] = ()
    complete, code = True, question if isinstance(question, int) else 0
    try:
        if isinstance(question, nat.Question):
            rules, complete = nat.answer(question)
    except netlink.NetlinkError as error:
        code = error.code
    if code in (errno.EPERM, errno.EACCES):
        return (
            [],
            Reason.PERMISSION,
            (
                "This host forwards, and its NAT rules can be read with CAP_NET_ADMIN only: run as root, "
                "or see deploy/systemd."
            ),
        )
    if code and code not in _NO_TABLES:
        return (
            [],
            Reason.UNSUPPORTED,
            f"The kernel does not tell its NAT rules ({errno.errorcode.get(code, code)}).",
        )
    facts = facts_of(
        ((rule.proto, rule.address, rule.port, rule.to_address, rule.to_port) for rule in rules), families
    )
    if nat.has_legacy():
        return (
            facts,
            Reason.UNSUPPORTED,
            (
                "This host has NAT rules of the old ip_tables module, which cannot be read; move to "
                "iptables-nft."
            ),
        )
    return facts, None if complete else Reason.BAD_DATA, "" if complete else "The rules changed; look again."


def _reads_one(path: str) -> bool | None:
    """Tell whether a switch of the kernel is on; None where there is none."""
    try:
        with open(path, "rb") as file:  # noqa: PTH123  # proc
            return file.read(8).strip() != b"0"
    except OSError:
        return None
