"""Promise: product and version of five common services in <= 1.5 s, in no more time than `nmap -sV` takes.

The services are real (OpenSSH, nginx with and without TLS, vsftpd, Postfix) and listen on unusual ports of
loopback, so that a number says nothing. secmon and nmap take turns in one run; each is a process of its own,
timed from its start to its end. What both say of a port must be the same.
"""

from __future__ import annotations

import contextlib
import json
import pathlib
import re
import shutil
import statistics
import subprocess
import sys
import tempfile
import time

ROOT = pathlib.Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from tests.lab.services_lab import identify_all, program, running  # noqa: E402  # the path is set one line above

LIMIT_SECONDS, LIMIT_RATIO, ROUNDS = 1.5, 1.0, 3
SERVERS = (
    ("sshd", {}),
    ("nginx", {}),
    ("nginx", {"subject": "/CN=www.example.vn"}),
    ("vsftpd", {}),
    ("postfix", {}),
)
RATE = 100  # packets per second: the default for one host


def timed(command: list[str]) -> tuple[float, str]:
    """Run a program; return its seconds by the wall, and its output."""
    start = time.perf_counter()
    done = subprocess.run(command, check=True, capture_output=True, text=True, cwd=ROOT)
    return time.perf_counter() - start, done.stdout


def ours(ports: list[int]) -> tuple[float, dict[int, str]]:
    """Let secmon identify the ports, in a process of its own."""
    seconds, text = timed([sys.executable, __file__, ",".join(map(str, ports))])
    return seconds, {int(port): told for port, told in json.loads(text).items()}


def theirs(ports: list[int]) -> tuple[float, dict[int, str]]:
    """Let nmap do the same; its words for a product begin with ours, but for one."""
    command = ["nmap", "-n", "-Pn", "-sT", "-sV", "-p", ",".join(map(str, ports)), "-oG", "-", "127.0.0.1"]
    seconds, text = timed(command)
    found = re.findall(r"(\d+)/open/tcp//[^/]*//([^/]*)/", text)
    return seconds, {int(port): told.replace("Postfix smtpd", "Postfix") for port, told in found}


def agree(mine: str, peer: str) -> bool:
    """Tell whether nmap's words begin with product and version as secmon tells them."""
    return peer.replace(" p", "p").startswith(mine.strip())


def main() -> int:
    """Measure, print JSON, and return 0 where the promise is kept."""
    if len(sys.argv) > 1:
        found, _ = identify_all([int(port) for port in sys.argv[1].split(",")], rate=RATE)
        print(
            json.dumps({port: f"{told.product} {told.version or ''}".strip() for port, told in found.items()})
        )
        return 0
    lacking = [
        name for name in ("nmap", *dict(SERVERS)) if shutil.which(name) is None and program(name) is None
    ]
    if lacking:
        sys.exit(f"needs {', '.join(lacking)}")
    with contextlib.ExitStack() as stack:
        folder = pathlib.Path(stack.enter_context(tempfile.TemporaryDirectory()))
        folder.chmod(0o755)
        ports = []
        for index, (name, options) in enumerate(SERVERS):
            (folder / str(index)).mkdir()
            ports.append(stack.enter_context(running(name, folder / str(index), **options)))
        rounds = [(ours(ports), theirs(ports)) for _ in range(ROUNDS)]
    mine, peer = (statistics.median(pair[side][0] for pair in rounds) for side in (0, 1))
    (_, told), (_, said) = rounds[-1]
    same = all(agree(told[port], said.get(port, "")) for port in ports)
    kept = mine <= LIMIT_SECONDS and mine / peer <= LIMIT_RATIO and same
    result = {
        "bench": "identify",
        "limit": {"seconds": LIMIT_SECONDS, "ratio": LIMIT_RATIO},
        "services": [{"secmon": told[port], "nmap": said.get(port, "")} for port in ports],
        "median_seconds": {"secmon": round(mine, 2), "nmap -sV": round(peer, 2)},
        "ratio": round(mine / peer, 3),
        "kept": kept,
    }
    print(json.dumps(result, indent=2))
    return 0 if kept else 1


if __name__ == "__main__":
    sys.exit(main())
