"""Read certificates from files: those that are named, and those where this host's services keep theirs."""

from __future__ import annotations

import os
import resource
from contextlib import ExitStack
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from cryptography.hazmat.primitives.serialization import Encoding

from secmon.checks.tls import certificate
from secmon.checks.tls.certificate import BadCertificateError
from secmon.checks.tls.pem import find_certificates
from secmon.checks.tls.probe.canary import make_certificate
from secmon.checks.tls.probe.endpoint import quiet
from secmon.checks.tls.probe.walk import Found, find_host_files, find_named_files
from secmon.core.contract import Emit, Task, Unavailable
from secmon.core.model import Completeness, Fact, Form, Reason
from secmon.core.texts import cut, escape
from secmon.sources.files import read_all

if TYPE_CHECKING:
    from secmon.core.model import Target

LOCAL_FOLDERS: Final = (
    "/etc/apache2",
    "/etc/dovecot",
    "/etc/haproxy",
    "/etc/httpd",
    "/etc/letsencrypt/live",
    "/etc/nginx",
    "/etc/pki/tls",
    "/etc/postfix",
    "/etc/ssl",
)
"""Where services of this host keep their certificates."""

FILE_BYTES: Final = 1024 * 1024
"""Size of a file past which it is not read."""

_DESCRIPTORS: Final = 4096


@dataclass(frozen=True, slots=True)
class Handles:
    """What `observe` works with.

    Attributes:
        task: targets and settings.
        found: what each target's files are, in the order of the targets.
        canary: a file in memory with one certificate.
        expected: that certificate, DER.
    """

    task: Task
    found: tuple[Found, ...]
    canary: int
    expected: bytes


def acquire(task: Task) -> Handles:
    """Open every file, and read none.

    Args:
        task: FILE and LOCAL targets.
    """
    _allow_descriptors()
    made, _ = make_certificate(task.now)
    fd = os.memfd_create("secmon-canary", os.MFD_CLOEXEC)
    os.write(fd, made.public_bytes(Encoding.PEM))
    os.lseek(fd, 0, os.SEEK_SET)
    found = tuple(
        find_host_files(LOCAL_FOLDERS)
        if target.form is Form.LOCAL
        else find_named_files(target.options["path"])
        for target in task.targets
    )
    return Handles(task, found, fd, made.public_bytes(Encoding.DER))


def observe(handles: Handles, emit: Emit) -> None:
    """Read and parse every file.

    Args:
        handles: from `acquire`.
        emit: where to tell.
    """
    with ExitStack() as stack:
        quiet(stack)
        _prove(handles, emit)
        for number, (target, found) in enumerate(zip(handles.task.targets, handles.found, strict=True), 1):
            emit.begin(target)
            _read_target(target, found, emit)
            emit.progress(number, len(handles.task.targets))


def _prove(handles: Handles, emit: Emit) -> None:
    """Read the canary's file in the way in which all others are read."""
    try:
        seen = find_certificates(read_all(handles.canary, FILE_BYTES)) == [handles.expected]
        certificate.load(handles.expected)
    except Unavailable as error:
        emit.canary(error.reason, f"The sensor cannot read its own certificate: {error.detail}")
    except BadCertificateError as error:
        emit.canary(Reason.BAD_DATA, f"The sensor cannot parse its own certificate: {error}")
    else:
        emit.canary(
            None if seen else Reason.BAD_DATA, "" if seen else "The sensor misread its own certificate."
        )


def _read_target(target: Target, found: Found, emit: Emit) -> None:
    failures = list(found.failures)
    told = 0
    seen: set[tuple[str, str]] = (
        set()
    )  # a certificate is told once a folder: cert.pem and fullchain.pem share it
    for path, fd in found.files:
        facts, faults = _read_file(path, fd, named=found.named)
        failures += faults
        folder = path.rpartition("/")[0]
        fresh = [fact for fact in facts if (folder, fact.values["sha256"]) not in seen]
        seen |= {(folder, fact.values["sha256"]) for fact in fresh}
        told += len(fresh)
        if fresh:
            emit.facts(target, fresh)
    reason = failures[0].reason if failures else None
    completeness = Completeness.OK if reason is None else Completeness.PARTIAL
    if reason and not told:
        completeness = Completeness.FAILED
    more = f" And {len(failures) - 1} more." if len(failures) > 1 else ""
    detail = failures[0].detail + more if failures else ""
    emit.end(target, {"certificate": reason}, completeness, reason, escape(cut(detail)))


def _read_file(path: str, fd: int, *, named: bool) -> tuple[list[Fact], list[Unavailable]]:
    """Return a file's certificates, and what is wrong with it."""
    try:
        blocks = find_certificates(read_all(fd, FILE_BYTES, path))
    except Unavailable as error:
        return [], [error]
    if not blocks and named:
        return [], [Unavailable(Reason.BAD_DATA, f"{path} holds no certificate in PEM or DER.")]
    facts: list[Fact] = []
    faults: list[Unavailable] = []
    for index, der in enumerate(blocks):
        try:
            facts.append(certificate.fact(certificate.load(der or b""), path, index, "file"))
        except BadCertificateError as error:
            detail = f"{path}: certificate {index} cannot be parsed ({error}); replace it."
            faults.append(Unavailable(Reason.BAD_DATA, detail))
    return facts, faults


def _allow_descriptors() -> None:
    """Raise the soft limit on descriptors: every file is opened before the first is read."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = _DESCRIPTORS if hard == resource.RLIM_INFINITY else min(_DESCRIPTORS, hard)
    if soft != resource.RLIM_INFINITY and soft < wanted:
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))
