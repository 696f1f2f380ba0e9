"""Open and load the roots that chains may end in: the system's, and folders of a site's own."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

from secmon.checks.tls.facts import Trust
from secmon.checks.tls.pem import find_certificates
from secmon.checks.tls.trust import PUBLIC, build_anchors
from secmon.core.contract import Unavailable
from secmon.core.model import Reason
from secmon.sources.files import Root, open_regular, read_all

if TYPE_CHECKING:
    from collections.abc import Iterable

SYSTEM_BUNDLES: Final = (
    "/etc/ssl/certs/ca-certificates.crt",  # Debian, Ubuntu, Alpine, Arch
    "/etc/pki/ca-trust/extracted/pem/tls-ca-bundle.pem",  # Fedora, RHEL
    "/etc/pki/tls/certs/ca-bundle.crt",  # older RHEL
    "/etc/ssl/ca-bundle.pem",  # SUSE
    "/etc/ssl/cert.pem",
)

_SUFFIXES: Final = (".pem", ".crt", ".cer", ".cert")
_BUNDLE_BYTES: Final = 4 * 1024 * 1024
_FOLDER_FILES: Final = 500


@dataclass(frozen=True, slots=True)
class OpenStore:
    """One source of roots, opened and unread.

    Attributes:
        profile: name of its roots in facts.
        files: path and descriptor of each file.
        failure: why it could not be opened whole, None where it could.
    """

    profile: str
    files: tuple[tuple[str, int], ...]
    failure: Unavailable | None = None


def open_system_store() -> OpenStore:
    """Open the first system bundle that there is."""
    failure = Unavailable(
        Reason.NO_DATA, "This host has no bundle of public root certificates; install ca-certificates."
    )
    for path in SYSTEM_BUNDLES:
        try:
            return OpenStore(PUBLIC, ((path, open_regular(path)),))
        except Unavailable as error:
            if error.reason is not Reason.NO_DATA:
                failure = error
    return OpenStore(PUBLIC, (), failure)


def open_folder(path: str) -> OpenStore:
    """Open the certificate files of a folder (not of those below it).

    Args:
        path: the folder; its name names the profile.
    """
    profile = Path(path).name or path
    files: list[tuple[str, int]] = []
    failure: Unavailable | None = None
    try:
        with Root(path) as root:
            names = [name for name in root.list("") if name.endswith(_SUFFIXES)]
            for name in names[:_FOLDER_FILES]:
                try:
                    files.append((root.shown(name), root.open(name)))
                except Unavailable as error:
                    failure = failure or error
    except Unavailable as error:
        failure = error
    if not files and failure is None:
        failure = Unavailable(
            Reason.NO_DATA, f"The trust folder {path} holds no file that ends in {', '.join(_SUFFIXES)}."
        )
    return OpenStore(profile, tuple(files), failure)


@dataclass(frozen=True, slots=True)
class Store:
    """One source of roots, read.

    Attributes:
        profile: name of its roots in facts.
        certificates: DER, unparsed.
        failure: why it could not be read whole, None where it could.
    """

    profile: str
    certificates: tuple[bytes, ...]
    failure: Unavailable | None = None


def read(store: OpenStore) -> Store:
    """Read a store and close its files.

    Args:
        store: opened.
    """
    failure = store.failure
    found: list[bytes] = []
    for path, fd in store.files:
        try:
            data = read_all(fd, _BUNDLE_BYTES, path)
        except Unavailable as error:
            failure = failure or error
        else:
            found += [der for der in find_certificates(data) if der]
    return Store(store.profile, tuple(found), failure)


def combine(stores: Iterable[Store]) -> Trust:
    """Make one set of roots of some stores.

    Args:
        stores: the first that has a root names its profile.
    """
    every = list(stores)
    anchors = build_anchors((store.profile, store.certificates) for store in every)
    failure = next((store.failure for store in every if store.failure), None)
    return Trust(anchors, failure.reason, failure.detail) if failure else Trust(anchors)
