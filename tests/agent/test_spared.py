from __future__ import annotations

import subprocess
import sys

HEAD = "import sys; import secmon.agent.daemon, secmon.export.http, secmon.export.metrics\n"
HEAVY = {"asyncio", "concurrent.futures.process", "multiprocessing.connection"}


def run(code):
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    return done.returncode, done.stdout.strip(), done.stderr


def test_the_core_does_without_what_it_does_not_use():
    code = HEAD + f"print({HEAVY}.intersection(sys.modules))"
    assert run(code) == (0, "set()", "")


def test_whoever_wants_it_afterwards_gets_it_whole():
    code = HEAD + (
        "import asyncio, concurrent.futures\nasync def one(): return 1\n"
        "print(asyncio.run(one()), concurrent.futures.ProcessPoolExecutor.__module__)"
    )
    assert run(code) == (0, "1 concurrent.futures.process", "")


def test_what_was_there_before_stays():
    code = "import asyncio\n" + HEAD + "print(sys.modules['asyncio'] is asyncio, hasattr(asyncio, 'run'))"
    assert run(code) == (0, "True True", "")
