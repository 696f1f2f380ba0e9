from __future__ import annotations

import shutil
import subprocess

import pytest

from secmon.cli.completion import SHELLS, completion

ASK = """
{code}
COMP_WORDS=({words})
COMP_CWORD={last}
_secmon
printf '%s\\n' "${{COMPREPLY[@]}}"
"""


def bash(*words):
    if shutil.which("bash") is None:
        pytest.skip("needs the program bash")
    quoted = " ".join(f"'{word}'" for word in ("secmon", *words))
    script = ASK.format(code=completion("bash"), words=quoted, last=len(words))
    done = subprocess.run(("bash", "-c", script), check=True, capture_output=True, text=True)
    assert done.stderr == ""
    return done.stdout.split()


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (("sc",), ["scan"]),
        (("--v",), ["--version"]),
        (("scan", "t"), ["tls", "traffic"]),
        (("scan", "--fo"), ["--format"]),
        (("scan", "ports", "--format", "j"), ["json"]),
        (("scan", "--interface", "l"), ["lo"]),
        (("config", ""), ["init", "check"]),
        (("config", "check", "--c"), ["--config"]),
        (("completion", "b"), ["bash"]),
        (("rules", "ex"), ["explain"]),
        (("rules", "list", "--severity", "c"), ["critical"]),
        (("run", ""), []),
    ],
)
def test_bash_completes(words, expected):
    assert bash(*words) == expected


def test_bash_completes_files_and_folders(tmp_path):
    (tmp_path / "capture.pcap").touch()
    (tmp_path / "folder").mkdir()
    assert bash("scan", "--pcap", f"{tmp_path}/c") == [f"{tmp_path}/capture.pcap"]
    assert bash("scan", "--root", f"{tmp_path}/") == [f"{tmp_path}/folder"]
    assert sorted(bash("rules", "check", f"{tmp_path}/")) == [
        f"{tmp_path}/capture.pcap",
        f"{tmp_path}/folder",
    ]


@pytest.mark.parametrize("shell", SHELLS)
def test_the_shell_itself_accepts_the_code(shell, tmp_path):
    if shutil.which(shell) is None:
        pytest.skip(f"needs the program {shell}")
    path = tmp_path / "code"
    path.write_text(completion(shell))
    done = subprocess.run((shell, "-n", str(path)), check=False, capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (0, "")


def fish(line):
    if shutil.which("fish") is None:
        pytest.skip("needs the program fish")
    script = f"{completion('fish')}\ncomplete -C '{line}'"
    done = subprocess.run(("fish", "--no-config", "-c", script), check=True, capture_output=True, text=True)
    return [shown.split("\t")[0] for shown in done.stdout.splitlines()]


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("secmon sc", ["scan"]),
        ("secmon scan --fail", ["--fail-on"]),
        ("secmon scan --format ", ["json", "table"]),
        ("secmon scan t", ["tls", "traffic"]),
        ("secmon config ", ["check", "init"]),
    ],
)
def test_fish_completes(line, expected):
    assert sorted(fish(line)) == expected
