"""What a child may do before and after its drop: as root, as nobody, and with ambient capabilities."""

from __future__ import annotations

import json
import os
import pathlib
import shutil
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

import secmon
from secmon.agent import confine
from tests.support.processes import Lab, said

if TYPE_CHECKING:
    from secmon.core.contract import Capability

NOTHING = "0" * 16
CHECKOUT = Path(secmon.__file__).parents[1]
THREE: tuple[Capability, ...] = ("NET_RAW", "DAC_READ_SEARCH", "SYS_PTRACE")

SCRIPT = """
import json, sys
from tests.support.processes import Lab
acts, probe = json.loads(sys.argv[1]), json.loads(sys.argv[2])
with Lab(acts, **{key: tuple(value) if isinstance(value, list) else value for key, value in probe.items()}) as lab:
    judged = lab.run(*acts)
    told = {}
    for name, (judgement, reason) in judged.items():
        first = judgement.observations[0] if judgement and judgement.observations else None
        told[name] = {
            "reason": reason,
            "part": [item.reason for item in judgement.reasons] if judgement else None,
            "said": first.facts[0].values.get("records", [None])[0] if first and first.facts else None,
            "observation": [first.reason, first.detail] if first else None,
        }
    print(json.dumps(told))
"""


def _run_as(command: list[str], acts: dict, cwd: Path = CHECKOUT, **probe) -> dict:
    """Run a lab in a process of its own, and return what it told."""
    done = subprocess.run(
        [*command, "-c", SCRIPT, json.dumps(acts), json.dumps(probe)],
        cwd=cwd,
        env={"PATH": os.environ["PATH"], "PYTHONPATH": str(cwd), "PYTHONDONTWRITEBYTECODE": "1"},
        capture_output=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stderr.decode()
    return json.loads(done.stdout)


def _python_of_nobody(needs) -> str:
    """Return a Python of our version or later that nobody may run."""
    needs("setpriv", root=True)
    for python in (shutil.which("python3", path="/usr/bin") or "", sys.executable):
        check = [
            *_as_nobody(),
            python,
            "-c",
            "import sys, secmon.agent.spawner; sys.exit(sys.version_info < (3, 11))",
        ]
        if python and subprocess.run(check, cwd=CHECKOUT, capture_output=True, check=False).returncode == 0:
            return python
    pytest.skip("needs a Python 3.11 and a checkout that nobody may read")


def _as_nobody(*options: str) -> list[str]:
    return ["setpriv", "--reuid", "65534", "--regid", "65534", "--clear-groups", *options]


def _ambient(names: tuple[str, ...]) -> list[str]:
    words = ",".join(f"+{name.lower()}" for name in names)
    return _as_nobody("--inh-caps", words, "--ambient-caps", words)


def test_root_becomes_nobody_with_nothing(needs):
    needs(root=True)
    with Lab({"state": {"act": "state"}}) as lab:
        state = said(lab.run("state")["state"][0])
    assert state["status"] == {
        "CapEff": NOTHING,
        "CapPrm": NOTHING,
        "CapInh": NOTHING,
        "CapBnd": NOTHING,
        "CapAmb": NOTHING,
        "Uid": "65534\t65534\t65534\t65534",
        "Gid": "65534\t65534\t65534\t65534",
        "Groups": "",
        "NoNewPrivs": "1",
    }
    assert state["acquired"]["uid"] == 0
    assert state["acquired"]["effective"] == confine.mask(["DAC_READ_SEARCH"])
    _check_common(state)


def _check_common(state: dict) -> None:
    soft, hard = state["limits"]["AS"]  # beyond what a child starts with: it was forked from this process
    mine = int(pathlib.Path("/proc/self/statm").read_text("ascii").split()[0]) * os.sysconf("SC_PAGESIZE")
    assert 512 << 20 < soft == hard < mine + (640 << 20)
    assert state["limits"]["CPU"] == [60, 61]
    assert state["limits"]["NPROC"] == state["limits"]["FSIZE"] == state["limits"]["CORE"] == [0, 0]
    assert 1024 <= state["limits"]["NOFILE"][0] <= 4096
    assert state["dumpable"] == 0
    assert state["parent_death"] == 9
    assert state["group"] is True
    assert state["stdio"] == ["/dev/null"] * 3
    assert all(state["signals"])
    assert state["once"] is True


def test_root_keeps_what_a_kernel_data_probe_declares(needs):
    needs(root=True)
    with Lab({"state": {"act": "state"}}, acquire_with=THREE, observe_with=THREE[1:]) as lab:
        state = said(lab.run("state")["state"][0])
    kept = f"{confine.mask(THREE[1:]):016x}"
    assert (state["status"]["CapEff"], state["status"]["CapPrm"]) == (kept, kept)
    assert state["status"]["CapBnd"] == state["status"]["CapInh"] == state["status"]["CapAmb"] == NOTHING
    assert state["acquired"]["effective"] == confine.mask(THREE)
    assert state["parent_death"] == 9


def test_acquire_has_what_it_declares_and_no_more(needs):
    needs(root=True)
    for names, errno in ((("NET_RAW",), 0), ((), 1)):
        with Lab({"raw": {"act": "raw_socket"}}, acquire_with=names) as lab:
            assert said(lab.run("raw")["raw"][0])["acquired"] == errno


def test_as_nobody_nothing_crashes(needs):
    python = _python_of_nobody(needs)
    acts = {
        "state": {"act": "state"},
        "raw": {"act": "raw_socket"},
        "shadow": {"act": "late_permission"},
        "hung": {"act": "hang", "deadline": 0.3},
        "daemons": {"act": "daemonize"},
    }
    told = _run_as([*_as_nobody(), python], acts, acquire_with=THREE, observe_with=THREE)
    state = told["state"]["said"]
    assert state["status"]["CapEff"] == state["status"]["CapPrm"] == NOTHING
    assert state["status"]["NoNewPrivs"] == "1"
    assert state["acquired"]["effective"] == 0
    _check_common(state)
    assert told["raw"]["said"]["acquired"] == 1  # EPERM
    assert told["shadow"]["observation"] == ["permission", "/etc/shadow: Permission denied"]
    assert told["hung"]["part"] == ["timeout"]
    assert told["daemons"]["part"] == ["crashed"]  # it may not fork


def test_with_ambient_capabilities_as_in_the_unit(needs):
    python = _python_of_nobody(needs)
    acts = {"state": {"act": "state"}, "raw": {"act": "raw_socket"}}
    told = _run_as([*_ambient(THREE), python], acts, acquire_with=["NET_RAW"], observe_with=["SYS_PTRACE"])
    state = told["state"]["said"]
    assert state["acquired"]["effective"] == confine.mask(["NET_RAW"])
    assert state["status"]["CapEff"] == state["status"]["CapPrm"] == f"{confine.mask(['SYS_PTRACE']):016x}"
    assert state["status"]["CapInh"] == state["status"]["CapAmb"] == NOTHING
    assert told["raw"]["said"]["acquired"] == 0


def test_the_core_drops_everything_from_every_thread(needs):
    python = _python_of_nobody(needs)
    script = (
        "from secmon.agent import confine\n"
        "assert any(confine.thread_capabilities().values())\n"
        "confine.drop_all_capabilities()\n"
        "import threading; event = threading.Event()\n"
        "threads = [threading.Thread(target=event.wait) for _ in range(3)]\n"
        "for thread in threads: thread.start()\n"
        "held = confine.thread_capabilities(); event.set()\n"
        "assert len(held) == 4 and not any(held.values()), held\n"
    )
    for command in ([*_ambient(THREE), python], [sys.executable]):
        subprocess.run([*command, "-c", script], cwd=CHECKOUT, check=True, timeout=60)


def test_dropping_after_a_thread_has_started_is_an_error(needs):
    needs(root=True)
    script = (
        "import threading; from secmon.agent import confine\n"
        "event = threading.Event(); thread = threading.Thread(target=event.wait); thread.start()\n"
        "try:\n    confine.drop_all_capabilities()\n"
        "except PermissionError: print('refused')\n"
        "finally: event.set()\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], cwd=CHECKOUT, check=True, timeout=60, capture_output=True
    )
    assert done.stdout == b"refused\n"


def test_root_without_the_means_to_drop_reads_nothing(needs):
    needs("setpriv", root=True)
    # As root, exec gives all of the bounding and the inheritable set: without CAP_SETUID in either there is
    # no way to become nobody.
    script = (
        "from tests.support.processes import Lab\n"
        "with Lab({'state': {'act': 'state'}}) as lab:\n"
        "    print(lab.load(), lab.plans)\n"
    )
    done = subprocess.run(
        ["setpriv", "--inh-caps", "-setuid", "--bounding-set", "-setuid", sys.executable, "-c", script],
        cwd=CHECKOUT,
        check=True,
        timeout=60,
        capture_output=True,
    )
    assert done.stdout.startswith(b"permission ")
    assert b"could not give up its privileges" in done.stdout


def test_root_runs_from_a_folder_that_only_another_user_may_enter(needs, tmp_path: Path):
    needs(root=True)
    home = tmp_path / "home"
    shutil.copytree(
        CHECKOUT / "secmon", home / "checkout" / "secmon", ignore=shutil.ignore_patterns("__pycache__")
    )
    shutil.copytree(CHECKOUT / "tests" / "support", home / "checkout" / "tests" / "support")
    (home / "checkout" / "tests" / "__init__.py").touch()
    for folder, _, names in os.walk(home):
        os.chown(folder, 1234, 1234)
        os.chmod(folder, 0o700)
        for name in names:
            os.chown(os.path.join(folder, name), 1234, 1234)
            os.chmod(os.path.join(folder, name), 0o600)
    acts = {"state": {"act": "state"}, "crash": {"act": "type_error"}, "noise": {"act": "noise"}}
    told = _run_as([sys.executable], acts, cwd=home / "checkout")
    assert told["state"]["said"]["status"]["Uid"].startswith("65534")
    assert told["crash"]["part"] == ["crashed"]
    assert told["noise"]["part"] == ["bad_data"]
