"""Write small roots for the probe to look at."""

from __future__ import annotations

from typing import TYPE_CHECKING

from secmon.checks.patches.probe import host
from secmon.core.contract import Task
from secmon.core.model import Form, Target
from tests.support import Collector, Seen

if TYPE_CHECKING:
    import pathlib

NOW = 1_795_500_000.0  # 2026-11-24T06:00:00Z

OS_RELEASE = 'ID=debian\nVERSION_ID="12"\nVERSION_CODENAME=bookworm\n'
STATUS = """\
Package: dpkg
Status: install ok installed
Architecture: amd64
Version: 1.21.22

Package: openssl
Status: hold ok installed
Architecture: amd64
Version: 3.0.15-1~deb12u1

Package: bash
Status: install ok installed
Architecture: amd64
Version: 5.2.15-2+b8

Package: linux-image-6.1.0-40-amd64
Status: install ok installed
Architecture: amd64
Version: 6.1.153-1
"""
MAIN = """\
Package: bash
Version: 5.2.15-2+b13
Architecture: amd64

Package: openssl
Version: 3.0.15-1~deb12u1
Architecture: amd64
"""
SECURITY = """\
Package: openssl
Version: 3.0.17-1~deb12u3
Architecture: amd64
"""
MAIN_RELEASE = "Origin: Debian\nLabel: Debian\nSuite: oldstable\nCodename: bookworm\nDate: Sat, 11 Jul 2026 10:16:00 UTC\n"
SECURITY_RELEASE = """\
-----BEGIN PGP SIGNED MESSAGE-----
Hash: SHA256

Origin: Debian
Label: Debian-Security
Suite: oldstable-security
Codename: bookworm-security
Date: Mon, 23 Nov 2026 06:00:00 UTC
Valid-Until: Mon, 30 Nov 2026 06:00:00 UTC
-----BEGIN PGP SIGNATURE-----
"""
LISTS = "var/lib/apt/lists/"
MAIN_INDEX = LISTS + "deb.debian.org_debian_dists_bookworm_main_binary-amd64_Packages"
SECURITY_INDEX = LISTS + "deb.debian.org_debian-security_dists_bookworm-security_main_binary-amd64_Packages"
SECURITY_DATE = LISTS + "deb.debian.org_debian-security_dists_bookworm-security_InRelease"

FILES = {
    "etc/os-release": OS_RELEASE,
    "var/lib/dpkg/status": STATUS,
    LISTS + "deb.debian.org_debian_dists_bookworm_InRelease": MAIN_RELEASE,
    MAIN_INDEX: MAIN,
    SECURITY_DATE: SECURITY_RELEASE,
    SECURITY_INDEX: SECURITY,
}


def write(root: pathlib.Path, files: dict[str, str | bytes | None] | None = None) -> pathlib.Path:
    """Write FILES and then others over them; None leaves one out."""
    for name, content in (FILES | (files or {})).items():
        if content is None:
            continue
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return root


def look(*roots: pathlib.Path, now: float = NOW) -> tuple[Collector, list[Seen]]:
    targets = tuple(
        Target("a", "patches", Form.ROOT, f"root:{root}", options={"path": str(root)}) for root in roots
    )
    told = Collector()
    host.observe(host.acquire(Task("patches", "host", targets, {}, (), (), 60.0, now)), told)
    return told, [told.seen[target.text] for target in targets]
