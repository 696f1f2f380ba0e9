from __future__ import annotations

import pathlib

import pytest

from tools.purity import faults, main, pure_modules

ROOT = pathlib.Path(__file__).parents[2]


def plant(root, place, code):
    path = root / "secmon" / place
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(code)
    return path


def found(root, place, code):
    return list(faults(plant(root, place, code), root))


@pytest.mark.parametrize(
    "code",
    [
        "import os",
        "import json, socket",
        "import os.path",
        "from time import time",
        "from . import model",
        "from secmon import app",
        "from secmon.sources import net",
        "from secmon.checks.ports import kinds",
        "import importlib",
        "import sys",
        "import random",
        "from secmon.corelike import x",
        "x = open('a')",
        "f = open",
        "print(1)",
        "eval('1')",
        "exec('1')",
        "input()",
        "__import__('os')",
        "__builtins__['open']",
        "breakpoint()",
        "import datetime\nx = datetime.datetime.now()",
        "from datetime import datetime\nx = datetime.now",
        "from datetime import date\nx = date.today()",
        "from datetime import datetime as d\nx = d.utcnow()",
        "def f(path):\n    return path.read_text()",
        "def f():\n    def g():\n        import socket",
        "class C:\n    x: object = open",
        "if False:\n    from subprocess import run",
    ],
)
def test_what_is_not_pure_is_found(tmp_path, code):
    assert len(found(tmp_path, "core/planted.py", code)) == 1


@pytest.mark.parametrize(
    "code",
    [
        "from __future__ import annotations\nimport json\nfrom collections.abc import Iterable",
        "from secmon.core import score\nfrom secmon.core.model import Reason",
        "def f(task):\n    return task.now",
        "class Life:\n    open: tuple = ()\ndef f(life):\n    return life.open",
        "now = 1\nlater = now + 1",
        "from datetime import UTC, datetime\nx = datetime.fromtimestamp(0, UTC)",
    ],
)
def test_what_is_pure_passes(tmp_path, code):
    assert found(tmp_path, "core/planted.py", code) == []


def test_the_fault_names_its_place(tmp_path):
    assert found(tmp_path, "core/planted.py", "x = 1\n\nif x:\n    import os\n") == [
        "secmon/core/planted.py:4:5: import of os in a pure module"
    ]


def test_a_check_may_use_itself_but_not_its_probes(tmp_path):
    assert found(tmp_path, "checks/dns/facts.py", "from secmon.checks.dns.wire import parse") == []
    assert found(tmp_path, "checks/dns/facts.py", "from secmon.checks.dns.probe.udp import ask")
    assert found(tmp_path, "checks/dns/facts.py", "from secmon.checks.dns import probe")
    assert found(tmp_path, "checks/dns/facts.py", "import secmon.checks.tls.names")


def test_only_tls_may_use_cryptography(tmp_path):
    code = "from cryptography import x509\nfrom cryptography.x509.oid import NameOID"
    assert found(tmp_path, "checks/tls/names.py", code) == []
    assert len(found(tmp_path, "checks/ports/names.py", code)) == 2
    assert len(found(tmp_path, "core/names.py", code)) == 2


def test_probes_and_the_list_of_checks_are_not_held_to_it(tmp_path):
    plant(tmp_path, "checks/__init__.py", "import importlib")
    plant(tmp_path, "checks/dns/probe/udp.py", "import socket")
    pure = plant(tmp_path, "checks/dns/__init__.py", "")
    core = plant(tmp_path, "core/model.py", "")
    assert pure_modules(tmp_path) == [pure, core]


def test_the_exit_code_tells(tmp_path, capsys):
    assert main(tmp_path) == 1  # nothing found is not a success
    path = plant(tmp_path, "core/model.py", "")
    assert main(tmp_path) == 0
    path.write_text("import os")
    assert main(tmp_path) == 1
    assert "model.py:1:1: import of os" in capsys.readouterr().err


def test_secmon_itself_is_pure_where_it_says_so():
    assert [fault for path in pure_modules(ROOT) for fault in faults(path, ROOT)] == []
