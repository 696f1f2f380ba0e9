"""Measure the promise "pending security updates, 2,000 packages <= 40 ms, the same set as apt".

A status file of 2,000 packages is made from the security index of this host's own apt lists: each package has
the version of its stanza or one that sorts before it. secmon's look (open, read and parse both, match them)
is timed in this process; `apt list --upgradable` is timed on the same two files in the same run.
"""

from __future__ import annotations

import json
import pathlib
import re
import statistics
import subprocess
import sys
import tempfile
import time

ROOT = pathlib.Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from secmon.checks.patches.probe import host  # noqa: E402  # the path is set one line above
from secmon.core.contract import Task  # noqa: E402
from secmon.core.model import Form, Target  # noqa: E402
from tests.support import Collector  # noqa: E402

LISTS = pathlib.Path("/var/lib/apt/lists")
PACKAGES = 2000
ROUNDS = 9
LIMIT_SECONDS = 0.040
INSTALLED = "Status: install ok installed"


def security_index() -> tuple[pathlib.Path, pathlib.Path]:
    """Return the security index of this host and its signed Release file."""
    index = next(iter(sorted(LISTS.glob("*-security_main_binary-*_Packages*"))), None)
    if index is None:
        sys.exit("no index of a security archive in /var/lib/apt/lists; run apt-get update")
    return index, next(LISTS.glob(index.name.split("_main_")[0] + "_InRelease"))


def make_root(root: pathlib.Path) -> int:
    """Write a root with a security index and PACKAGES packages, a quarter behind it; return the size."""
    index, release = security_index()
    lists = root / "var/lib/apt/lists"
    (lists / "partial").mkdir(parents=True)
    (root / "var/lib/dpkg").mkdir()
    plain = lists / index.name.partition("_Packages")[0]
    plain = plain.with_name(plain.name + "_Packages")
    plain.write_bytes(
        subprocess.run(["/usr/lib/apt/apt-helper", "cat-file", index], capture_output=True, check=True).stdout
    )
    (lists / release.name).write_bytes(release.read_bytes())
    stanzas = {}
    for stanza in plain.read_text().split("\n\n"):
        found = re.match(r"Package: (\S+)\n", stanza)
        if found and found[1] != "dpkg":
            stanzas.setdefault(found[1], stanza.strip())
    status = [f"Package: dpkg\n{INSTALLED}\nArchitecture: amd64\nVersion: 9:1\n"]
    for number, stanza in enumerate(list(stanzas.values())[: PACKAGES - 1]):
        older = stanza if number % 4 else re.sub(r"(?m)^(Version: .*)$", r"\1~", stanza)
        # All other fields stay: apt takes a version with other dependencies for another one.
        status.append(older.replace("\n", f"\n{INSTALLED}\n", 1) + "\n")
    fillers = range(PACKAGES - len(status))
    status += [f"Package: filler{n}\n{INSTALLED}\nArchitecture: all\nVersion: 1\n" for n in fillers]
    (root / "var/lib/dpkg/status").write_text("\n".join(status) + "\n")
    return plain.stat().st_size


def look(root: pathlib.Path) -> tuple[float, float, set[str]]:
    """Return the wall seconds and the processor seconds of one look and the packages that it found."""
    target = Target("bench", "patches", Form.ROOT, f"root:{root}", options={"path": str(root)})
    told = Collector()
    started, worked = time.perf_counter(), time.process_time()
    handles = host.acquire(Task("patches", "host", (target,), {}, (), (), 60.0, time.time()))
    host.observe(handles, told)
    seconds, busy = time.perf_counter() - started, time.process_time() - worked
    facts = told.seen[target.text].facts
    return seconds, busy, {fact.values["package"] for fact in facts if fact.kind == "update"}


def ask_apt(root: pathlib.Path) -> tuple[float, set[str]]:
    """Return the wall seconds of one apt and the packages that it found."""
    (root / "sources.list").write_text("")
    options = {
        "Dir::State": f"{root}/var/lib/apt",
        "Dir::State::status": f"{root}/var/lib/dpkg/status",
        "Dir::Etc::PreferencesParts": f"{root}/none",
        "Dir::Cache::pkgcache": "",
        "Dir::Cache::srcpkgcache": "",
    }
    command = ["apt", *(f"-o{name}={value}" for name, value in options.items()), "list", "--upgradable"]
    started = time.perf_counter()
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    seconds = time.perf_counter() - started
    return seconds, {line.split("/")[0] for line in done.stdout.splitlines() if "/" in line}


def main() -> int:
    """Print the figures as JSON; return 0 where the promise is kept."""
    with tempfile.TemporaryDirectory() as folder:
        root = pathlib.Path(folder)
        size = make_root(root)
        ours, theirs = [], []
        for _ in range(ROUNDS):  # in turn, so that both meet the same load
            ours.append(look(root))
            theirs.append(ask_apt(root))
    wall = statistics.median(item[0] for item in ours)
    busy = statistics.median(item[1] for item in ours)
    apt = statistics.median(item[0] for item in theirs)
    same = ours[0][2] == theirs[0][1]
    kept = same and wall <= LIMIT_SECONDS
    figures = {
        "promise": "pending security updates, 2,000 packages <= 40 ms, the same set as apt",
        "packages": PACKAGES,
        "index_bytes": size,
        "pending": len(ours[0][2]),
        "same_set_as_apt": same,
        "seconds": round(wall, 4),
        "processor_seconds": round(busy, 4),
        "apt_seconds": round(apt, 4),
        "ratio": round(apt / wall, 1),
        "kept": kept,
    }
    print(json.dumps(figures, indent=2))
    return 0 if kept else 1


if __name__ == "__main__":
    sys.exit(main())
