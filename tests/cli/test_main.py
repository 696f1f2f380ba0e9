"""The program as it is started: each test runs a process of its own, which opens no socket."""

from __future__ import annotations

import os
import pathlib
import subprocess
import sys

import pytest

from secmon import __version__
from secmon.cli.main import COMMANDS

ROOT = pathlib.Path(__file__).parents[2]


def secmon(*arguments, **options):
    environment = {"PATH": os.environ["PATH"], "LANG": "en_US.UTF-8"} | options.pop("env", {})
    command = (sys.executable, "-m", "secmon", *arguments)
    options = {"capture_output": True, "text": True, "cwd": ROOT, "env": environment} | options
    return subprocess.run(command, check=False, timeout=60, **options)


def loaded_by(*arguments):
    """Return what is imported when a command runs."""
    program = (
        "import sys; sys.argv = ['secmon', *sys.argv[1:]]\n"
        "from secmon.cli.main import entry\n"
        "code = entry()\n"
        "print(*sys.modules, file=sys.stderr)\n"
        "sys.exit(code)"
    )
    done = subprocess.run(
        (sys.executable, "-c", program, *arguments), check=True, capture_output=True, text=True, cwd=ROOT
    )
    return set(done.stderr.split())


@pytest.mark.parametrize("flag", ["--version", "-V"])
def test_version(flag):
    done = secmon(flag)
    assert (done.returncode, done.stdout, done.stderr) == (0, f"secmon {__version__}\n", "")


def test_what_is_quick_loads_little():
    assert not loaded_by("--version") & {"argparse", "typing", "re", "json", "dataclasses"}
    heavy = {
        "dataclasses",
        "inspect",
        "asyncio",
        "rich",
        "yaml",
        "cryptography",
        "socket",
        "psutil",
        "secmon.app",
    }
    assert not loaded_by("scan", "--help") & heavy


def test_help_lists_every_command():
    done = secmon("--help")
    assert (done.returncode, done.stderr) == (0, "")
    assert all(f"  {name} " in done.stdout for name in COMMANDS)


def test_help_speaks_vietnamese_where_the_locale_does():
    assert "kiểm tra ngay" in secmon("--help", env={"LANG": "vi_VN.UTF-8"}).stdout
    assert "ví dụ:" in secmon("scan", "--help", env={"LC_ALL": "vi_VN.UTF-8"}).stdout


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["scn"], "secmon: scn is not a command; did you mean scan?\n"),
        (["scan", "portz"], "secmon: portz is not a check; did you mean ports?\n"),
        (
            ["scan", "--level", "9"],
            "secmon: argument --level: '9' is out of bounds; give a whole number, 1 to 5\n",
        ),
        (["scan", "--pcap", "x", "--duration", "5s"], "secmon: --duration is for live traffic"),
        (["scan", "-o", "/absent/x"], "secmon: cannot write -o /absent/x: /absent does not exist"),
        (["run", "--daemon"], "secmon: secmon run does not take --daemon"),
        (["completion", "tcsh"], "'tcsh' is none of bash, zsh, fish"),
        (["completion"], "takes one shell: bash, zsh, fish"),
        (["\x1b[2J"], "secmon: \\x1b[2J is not a command"),
    ],
)
def test_bad_usage_is_one_line_and_two(arguments, message):
    done = secmon(*arguments)
    assert (done.returncode, done.stdout) == (2, "")
    assert message in done.stderr
    assert done.stderr.count("\n") == 1


@pytest.mark.parametrize("arguments", [[], ["config"]])
def test_an_unfinished_command_shows_what_could_follow(arguments):
    done = secmon(*arguments)
    assert (done.returncode, done.stdout) == (2, "")
    assert "config check" in done.stderr


def test_a_reader_that_leaves_is_no_error():
    read, write = os.pipe()
    os.close(read)
    done = secmon("config", "init", stdout=write, stderr=subprocess.PIPE, capture_output=False)
    os.close(write)
    assert (done.returncode, done.stderr) == (0, "")


@pytest.mark.parametrize("arguments", [("config", "chek"), ("config", "check", "--no-such"), ("confg",)])
def test_faults_that_nobody_reads_are_faults(arguments):
    """`secmon confg 2>&1 | head` tells by its exit code that something is wrong, though `head` has left."""
    read, write = os.pipe()
    os.close(read)
    done = secmon(*arguments, stdout=write, stderr=write, capture_output=False)
    os.close(write)
    assert done.returncode == 2


def test_a_full_disk_is_told():
    with open("/dev/full", "w") as full:
        done = secmon("config", "init", stdout=full, stderr=subprocess.PIPE, capture_output=False)
    assert (done.returncode, done.stderr) == (
        2,
        "secmon: cannot write to standard output: No space left on device\n",
    )


def test_closed_streams_do_not_turn_sockets_into_output():
    script = f'exec "{sys.executable}" -m secmon scan --help 0<&- >&- 2>&-'
    done = subprocess.run(("/bin/sh", "-c", script), check=False, cwd=ROOT)
    assert done.returncode == 0


def test_an_example_is_written_once(tmp_path):
    path = tmp_path / "secmon.yml"
    assert secmon("config", "init", "-o", str(path)).returncode == 0
    written = path.read_text()
    assert written.startswith("# Configuration of secmon.")
    done = secmon("config", "init", "-o", str(path))
    assert done.returncode == 2
    assert "exists already" in done.stderr
    assert path.read_text() == written
