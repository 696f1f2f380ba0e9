"""Compare the running kernel with the newest installed one of its flavour."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from secmon.core.model import Reason
from secmon.core.texts import cut
from secmon.core.versions import dpkg_key

if TYPE_CHECKING:
    from secmon.checks.patches.dpkg import Installed

_IMAGE: Final = re.compile(r"linux-image-(?:unsigned-)?(?P<release>[0-9].*)")
_RELEASE: Final = re.compile(r"[0-9][^-]*(?:-(?!686)[0-9][^-]*)?-(?P<flavour>.+)")
_DEBIAN_VERSION: Final = re.compile(r" Debian (?P<version>[0-9][^ ]*)")


@dataclass(frozen=True, slots=True)
class Image:
    """An installed kernel package; metapackages, which name no release, are none.

    Attributes:
        release: as uname(2) would give it.
        flavour: what follows the version, `amd64`, `cloud-amd64`, `generic`.
        version: of the package.
    """

    release: str
    flavour: str
    version: str


@dataclass(frozen=True, slots=True)
class Kernel:
    """What is known of the kernel; a Reason stands where something is not.

    Attributes:
        running: release of the running one.
        newest: release of the newest installed one of its flavour, None where none is installed.
        stale: a newer one than the running one is installed.
    """

    running: str | Reason
    newest: str | None
    stale: bool | Reason


def installed_images(installed: Installed) -> tuple[Image, ...]:
    """Return the kernels that are installed whole, oldest first.

    Args:
        installed: the packages of the host.
    """
    images: list[Image] = []
    for package in installed.packages:
        image = _IMAGE.fullmatch(package.name)
        release = image and _RELEASE.fullmatch(image["release"])
        if image and release and package.configured and _sortable(package.version):
            images.append(Image(image["release"], release["flavour"], package.version))
    return tuple(sorted(images, key=lambda image: dpkg_key(image.version)))


def judge_running(images: tuple[Image, ...], release: str, version: str) -> Kernel:
    """Compare a running kernel with the installed ones.

    Debian replaces a kernel under one release name, so the package's version decides; `uname -v` ends in that
    of the running one, elsewhere the package of that release has it. A kernel of which neither is known (that
    of a container's host, one of one's own) cannot be compared.

    Args:
        images: as `installed_images` gives them.
        release: of uname(2).
        version: of uname(2).
    """
    found = _RELEASE.fullmatch(release)
    flavour = found["flavour"] if found else ""
    same = [image for image in images if image.flavour == flavour]
    if not same:
        return Kernel(cut(release), None, Reason.NO_DATA)
    newest = same[-1]
    said = _DEBIAN_VERSION.search(version)
    running = said["version"] if said else next((i.version for i in same if i.release == release), "")
    if not _sortable(running):
        return Kernel(cut(release), newest.release, Reason.NO_DATA)
    return Kernel(cut(release), newest.release, dpkg_key(running) < dpkg_key(newest.version))


def judge_at_rest(images: tuple[Image, ...]) -> Kernel:
    """Return what a root that is not running tells: the newest kernel of any flavour.

    Args:
        images: as `installed_images` gives them.
    """
    return Kernel(Reason.NO_DATA, images[-1].release if images else None, Reason.NO_DATA)


def _sortable(version: str) -> bool:
    try:
        return bool(dpkg_key(version))
    except ValueError:
        return False
