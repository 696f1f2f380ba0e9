"""A Debian container with systemd as its first process, and secmon installed in it as on a server."""

from __future__ import annotations

import importlib.metadata
import os
import shutil
import signal
import subprocess
import sys
import tomllib
import zipfile
from pathlib import Path
from typing import TYPE_CHECKING, Self

from packaging.requirements import Requirement

from tests.support.processes import wait_for

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT = Path(__file__).resolve().parents[2]
CACHE = Path("/var/tmp/secmon-lab")
PACKAGES = "systemd,systemd-sysv,dbus,python3,python3-venv,ca-certificates,procps,iproute2"
SITE = "opt/secmon/lib/python3.11/site-packages"
LAUNCHER = "#!/opt/secmon/bin/python\nimport sys\nfrom secmon.cli.main import entry\nsys.exit(entry())\n"


def base() -> Path:
    """Return a root of Debian 12, made once (about 90 seconds, 270 MB) and kept for later runs."""
    root = CACHE / "bookworm"
    if not (root / "usr/bin/python3.11").exists():
        CACHE.mkdir(parents=True, exist_ok=True)
        shutil.rmtree(root, ignore_errors=True)
        aside = CACHE / f"bookworm.{os.getpid()}"
        command = ["mmdebstrap", "--quiet", "--variant=minbase", f"--include={PACKAGES}", "bookworm"]
        subprocess.run([*command, aside], check=True, timeout=540)
        aside.rename(root)
    return root


def _distributions(names: list[str]) -> Iterator[importlib.metadata.Distribution]:
    """Yield distributions with all that they need here."""
    seen: set[str] = set()
    while names:
        requirement = Requirement(names.pop())
        if requirement.name in seen or (
            requirement.marker and not requirement.marker.evaluate({"extra": ""})
        ):
            continue
        seen.add(requirement.name)
        found = importlib.metadata.distribution(requirement.name)
        names += found.requires or []
        yield found


def _install(root: Path, folder: Path) -> None:
    """Install the wheel of this checkout, and what it needs, into /opt/secmon."""
    subprocess.run(["chroot", root, "python3", "-m", "venv", "--without-pip", "/opt/secmon"], check=True)
    build = [
        sys.executable,
        "-m",
        "pip",
        "wheel",
        "--quiet",
        "--no-deps",
        "--no-index",
        "--no-build-isolation",
    ]
    subprocess.run([*build, "--wheel-dir", folder, ROOT], check=True)
    with zipfile.ZipFile(next(folder.glob("*.whl"))) as wheel:
        wheel.extractall(root / SITE)
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    for distribution in _distributions(list(project["dependencies"])):
        for file in distribution.files or ():
            if ".." not in file.parts and "__pycache__" not in file.parts:
                target = root / SITE / file
                target.parent.mkdir(parents=True, exist_ok=True)
                shutil.copy(file.locate(), target)
    launcher = root / "opt/secmon/bin/secmon"
    launcher.write_text(LAUNCHER)
    launcher.chmod(0o755)
    shutil.copy(ROOT / "secmon.service", root / "etc/systemd/system/secmon.service")
    subprocess.run(["chmod", "-R", "go+rX", root / "opt/secmon"], check=True)
    subprocess.run(
        ["chroot", root, "/opt/secmon/bin/python", "-m", "compileall", "-q", f"/{SITE}"], check=True
    )


class Container:
    """One boot of the container, on an overlay that is thrown away."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self.root = folder / "root"
        for name in ("upper", "work", "root", "wheel"):
            (folder / name).mkdir()
        options = f"lowerdir={base()},upperdir={folder}/upper,workdir={folder}/work"
        subprocess.run(["mount", "-t", "overlay", "overlay", "-o", options, self.root], check=True)
        self._nspawn: subprocess.Popen[bytes] | None = None

    def boot(self) -> None:
        _install(self.root, self._folder / "wheel")
        command = [
            "systemd-nspawn",
            "-D",
            self.root,
            "--register=no",
            "--keep-unit",
            "--private-network",
            "-b",
            "--console=pipe",
        ]
        self._nspawn = subprocess.Popen(
            command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )
        assert wait_for(
            lambda: self.run("systemctl", "is-system-running").stdout in {"running\n", "degraded\n"}, 180
        )

    @property
    def _init(self) -> str:
        children = Path(f"/proc/{self._nspawn.pid}/task/{self._nspawn.pid}/children").read_text().split()
        return children[0] if children else "0"

    def run(self, *command: str) -> subprocess.CompletedProcess[str]:
        """Run a command in the container."""
        enter = ["nsenter", "-t", self._init, "-m", "-u", "-i", "-n", "-p", "-C", "--root", "--wd=/"]
        return subprocess.run([*enter, *command], capture_output=True, text=True, check=False, timeout=180)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        if self._nspawn is not None:
            # Its first process ends at SIGRTMIN+4 (systemd(1)); nspawn, killed, would leave it behind.
            os.kill(int(self._init) or self._nspawn.pid, signal.SIGRTMIN + 4)
            try:
                self._nspawn.wait(20)
            except subprocess.TimeoutExpired:
                self._nspawn.kill()
                self._nspawn.wait()
        subprocess.run(["umount", "-l", self.root], check=False)
