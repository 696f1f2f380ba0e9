"""Compare with apt itself: what it would upgrade, and to which version."""

from __future__ import annotations

import pathlib
import random
import re
import shutil
import subprocess
import time

import pytest

from secmon.checks.patches.probe import host
from secmon.core.contract import Task
from secmon.core.model import Completeness, Fact, Form, Reason, Target
from tests.support import Collector, Seen

LISTS = pathlib.Path("/var/lib/apt/lists")
STATUS = pathlib.Path("/var/lib/dpkg/status")
PRIORITIES = [-10, 1, 50, 100, 101, 500, 501, 990, 1001]


@pytest.fixture(scope="module")
def lists(tmp_path_factory: pytest.TempPathFactory) -> pathlib.Path:
    """A root with this host's own package lists; each test writes its status file and preferences."""
    if not list(LISTS.glob("*_Packages*")) or shutil.which("apt") is None:
        pytest.skip("needs apt with package lists (apt-get update)")
    root = tmp_path_factory.mktemp("root")
    shutil.copytree(
        LISTS, root / "var/lib/apt/lists", ignore=shutil.ignore_patterns("lock", "partial", "auxfiles")
    )
    (root / "var/lib/dpkg").mkdir(parents=True)
    (root / "etc/apt").mkdir(parents=True)
    return root


def look(root: pathlib.Path | None) -> Seen:
    form, text = (Form.LOCAL, "local") if root is None else (Form.ROOT, f"root:{root}")
    target = Target("a", "patches", form, text, options={} if root is None else {"path": str(root)})
    told = Collector()
    host.observe(host.acquire(Task("patches", "host", (target,), {}, (), (), 60.0, time.time())), told)
    return told.seen[text]


def updates(seen: Seen, *, pinned: bool = False) -> dict[str, str]:
    found = (fact.values for fact in seen.facts if fact.kind == "update" and fact.values["pinned"] is pinned)
    return {values["package"]: values["candidate"] for values in found}


def ask_apt(*options: str) -> dict[str, str]:
    command = ["apt", *(f"-o{option}" for option in options), "list", "--upgradable"]
    printed = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    found = re.findall(r"(?m)^([^/\n]+)/\S+ (\S+) (\S+) \[", printed)
    native = subprocess.run(
        ["dpkg", "--print-architecture"], capture_output=True, text=True, check=True
    ).stdout.strip()
    return {name if arch in (native, "all") else f"{name}:{arch}": version for name, version, arch in found}


def ask_apt_about(root: pathlib.Path) -> dict[str, str]:
    return ask_apt(
        f"Dir::State::status={root}/var/lib/dpkg/status",
        f"Dir::Etc::Preferences={root}/etc/apt/preferences",
        f"Dir::Etc::PreferencesParts={root}/none",
    )


def aged(choose: random.Random) -> str:
    """This host's status with some versions made older or newer, and some packages held."""
    stanzas = STATUS.read_text().split("\n\n")
    for place in choose.sample(range(len(stanzas)), len(stanzas) // 3):
        found = re.search(r"(?m)^Version: (.*)$", stanzas[place])
        if not found or stanzas[place].startswith("Package: dpkg\n"):
            continue
        version = choose.choice(
            [f"{found[1]}~", f"{found[1]}+1", "0~", "0", "1~rc1", f"9:{found[1]}", found[1]]
        )
        stanzas[place] = stanzas[place].replace(found[0], f"Version: {version}")
        if choose.random() < 0.2:
            stanzas[place] = stanzas[place].replace("Status: install ok", "Status: hold ok")
        if choose.random() < 0.1:
            stanzas[place] = stanzas[place].replace(" ok installed", " ok config-files")
    return "\n\n".join(stanzas)


def preferences(choose: random.Random) -> str:
    names = re.findall(r"(?m)^Package: (.*)$", STATUS.read_text())
    records = []
    for _ in range(choose.randint(1, 6)):
        package = choose.choice(
            ["*", "*", "lib*", "*-dev python3*", " ".join(choose.sample(names, 20)), "p?r*"]
        )
        pin = choose.choice(
            [
                "release a=oldstable-security",
                "release n=bookworm-security",
                "release l=Debian-Security",
                "release o=Debian, n=bookworm",
                "release a=oldstable,c=main",
                "release v=12*",
                "release oldstable",
                "release b=amd64, c=main",
                "release a=OLDSTABLE*, ignored",
                "origin deb.debian.org",
                'origin "deb.debian.org"',
                "origin example.org",
                "version 1*",
                "version *deb12u*",
            ]
        )
        records.append(
            f"Explanation: made up\nPackage: {package}\nPin: {pin}\nPin-Priority: {choose.choice(PRIORITIES)}\n"
        )
    return "# generated\n" + "\n".join(records)


def test_this_host(lists: pathlib.Path):
    seen = look(None)
    assert updates(seen) == ask_apt()
    host_fact = seen.facts[0]
    if seen.completeness is Completeness.OK:
        assert host_fact.values["pending_updates"] == len(ask_apt())
    assert host_fact.values["package_count"] == len(installed_by_dpkg())


def installed_by_dpkg() -> list[str]:
    printed = subprocess.run(
        ["dpkg-query", "-W", "-f", "${db:Status-Status} ${binary:Package}\n"],
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    return [line for line in printed.splitlines() if not line.startswith(("not-installed ", "config-files "))]


@pytest.mark.parametrize("seed", range(6))
def test_aged_packages_and_pins(lists: pathlib.Path, seed: int):
    choose = random.Random(seed)
    (lists / "var/lib/dpkg/status").write_text(aged(choose))
    (lists / "etc/apt/preferences").write_text(preferences(choose) if seed else "")
    seen = look(lists)
    expected = ask_apt_about(lists)
    same_version = {name for name in expected if (name, expected[name]) in versions(lists)}
    assert updates(seen) == {name: version for name, version in expected.items() if name not in same_version}


def versions(root: pathlib.Path) -> set[tuple[str, str]]:
    """What is installed: apt also offers a package's own version where an archive's has other dependencies."""
    text = (root / "var/lib/dpkg/status").read_text()
    return set(re.findall(r"(?m)^Package: (\S+)\n(?:\S.*\n| .*\n)*?Version: (.*)$", text))


def test_without_lists_nothing_is_claimed(lists: pathlib.Path, tmp_path: pathlib.Path):
    """apt says that nothing is upgradable; that is not known."""
    (tmp_path / "var/lib/dpkg").mkdir(parents=True)
    shutil.copy(STATUS, tmp_path / "var/lib/dpkg/status")
    seen = look(tmp_path)
    assert ask_apt(f"Dir::State::lists={tmp_path}/none") == {}
    fact: Fact = seen.facts[0]
    assert fact.missing["pending_updates"] is Reason.NO_DATA
    assert seen.looked == {"host": None, "update": Reason.NO_DATA}
