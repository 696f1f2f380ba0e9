"""Real servers on loopback, each a process of the test's own with its files in a folder of the test's own."""

from __future__ import annotations

import contextlib
import os
import pathlib
import shutil
import socket
import subprocess
import time
from typing import TYPE_CHECKING

from secmon.checks.ports import udpprobes
from secmon.checks.ports.pace import Pace
from secmon.checks.ports.probe import identify
from secmon.core.contract import Task
from tests.support.processes import wait_for

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from secmon.checks.ports.services import Service
    from secmon.core.model import Reason

PATH = os.environ.get("PATH", "") + ":/usr/sbin:/sbin"
NGINX = """daemon off; pid HERE/nginx.pid; error_log HERE/nginx.log; worker_processes 1; events {}
http { access_log off; server { listen 127.0.0.1:PORT SSL; default_type text/html; location / { return 200 "PAGE"; } } }
"""
POSTFIX_MAIN = """compatibility_level = 3.6
queue_directory = HERE/queue
data_directory = HERE/data
maillog_file = HERE/log
maillog_file_prefixes = HERE
inet_interfaces = 127.0.0.1
myhostname = mail.example.vn
local_recipient_maps =
alias_maps =
virtual_alias_maps =
"""
POSTFIX_MASTER = """127.0.0.1:PORT inet n - n - - smtpd
postlog unix-dgram n - n - 1 postlogd
anvil unix - - n - 1 anvil
rewrite unix - - n - - trivial-rewrite
"""
PACKAGES = {
    "sshd": "openssh-server", "nginx": "nginx", "postfix": "postfix", "vsftpd": "vsftpd", "redis-server": "redis-server",
    "memcached": "memcached", "snmpd": "snmpd", "dropbear": "dropbear-bin",
}  # fmt: skip


def program(name: str) -> str | None:
    """Return the path of a program, None where it is not installed."""
    if name == "postgres":
        found = sorted(pathlib.Path("/usr/lib/postgresql").glob("*/bin/postgres"))
        return str(found[-1]) if found else None
    return shutil.which(name, path=PATH)


def version_of(name: str) -> str:
    """Return the version of the product in a program's Debian package."""
    text = subprocess.run(
        ["dpkg-query", "-W", "-f", "${Version}", PACKAGES[name]], check=True, capture_output=True, text=True
    ).stdout
    return text.rpartition(":")[2].partition("-")[0].partition("+")[0]


def free_port() -> int:
    """Return a TCP port of loopback that nobody has."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        return server.getsockname()[1]


@contextlib.contextmanager
def running(name: str, folder: pathlib.Path, **options: str) -> Iterator[int]:
    """Run a server until the end of the block.

    Yields:
        Its port.
    """
    port = free_port()
    process = subprocess.Popen(
        _command(name, folder, port, options),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        env={**os.environ, "PATH": PATH},
        process_group=0,
    )
    try:
        _wait(process, name, port)
        yield port
    finally:
        if name == "postfix":  # its daemons leave the group of their master
            subprocess.run(
                ["postfix", "-c", str(folder), "stop"], check=False, capture_output=True, env={"PATH": PATH}
            )
        process.terminate()
        process.wait(60)


def _wait(process: subprocess.Popen, name: str, port: int) -> None:
    def ready() -> bool:
        assert process.poll() is None, f"{name} has ended"
        if name == "snmpd":
            return answers("127.0.0.1", port, udpprobes.probe(161).tries)
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), 1):
            return True
        return False

    assert wait_for(ready, 60), f"{name} does not listen"


def answers(address: str, port: int, questions: Iterable[bytes]) -> bool:
    """Ask all questions of a UDP port at once; whether anything comes back within half a second."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock, contextlib.suppress(OSError):
        sock.settimeout(0.5)
        sock.connect((address, port))
        for question in questions:
            sock.send(question)
        return bool(sock.recv(udpprobes.REPLY_LIMIT))
    return False


def _command(name: str, folder: pathlib.Path, port: int, options: dict[str, str]) -> list[str]:
    make = {"sshd": _sshd, "nginx": _nginx, "postfix": _postfix, "postgres": _postgres}.get(name)
    if make:
        return make(folder, port, options)
    here = str(folder)
    return {
        "dropbear": ["dropbear", "-F", "-E", "-R", "-p", f"127.0.0.1:{port}", "-r", f"{here}/key", "-P", f"{here}/pid"],
        "vsftpd": ["vsftpd", "-olisten=YES", f"-olisten_port={port}", "-olisten_address=127.0.0.1", "-obackground=NO",
                   f"-osecure_chroot_dir={here}"],
        "redis-server": ["redis-server", "--port", str(port), "--bind", "127.0.0.1", "--save", "", "--dir", here,
                         *(["--requirepass", options["password"]] if "password" in options else [])],
        "memcached": ["memcached", "-u", "nobody", "-l", "127.0.0.1", "-p", str(port), "-U", "0"],
        "snmpd": ["snmpd", "-f", "-Lo", "-C", "-c", _write(folder, "snmpd.conf", "rocommunity public 127.0.0.1\n"),
                  "-p", f"{here}/pid", f"udp:127.0.0.1:{port}"],
    }[name]  # fmt: skip


def _write(folder: pathlib.Path, name: str, text: str, port: int = 0) -> str:
    path = folder / name
    path.write_text(text.replace("HERE", str(folder)).replace("PORT", str(port)))
    return str(path)


def _sshd(folder: pathlib.Path, port: int, _: dict[str, str]) -> list[str]:
    pathlib.Path("/run/sshd").mkdir(exist_ok=True)
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", folder / "key"], check=True)
    return [program("sshd"), "-D", "-f", "/dev/null", "-p", str(port), "-h", str(folder / "key"), "-o",
            "ListenAddress=127.0.0.1", "-o", f"PidFile={folder}/pid"]  # fmt: skip


def _nginx(folder: pathlib.Path, port: int, options: dict[str, str]) -> list[str]:
    tls = ""
    if "subject" in options:
        subprocess.run(
            ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-keyout", folder / "key",
             "-out", folder / "cert", "-subj", options["subject"]],
            check=True, capture_output=True,
        )  # fmt: skip
        tls = f"ssl; ssl_certificate {folder}/cert; ssl_certificate_key {folder}/key"
    text = NGINX.replace("PAGE", options.get("page", "hello")).replace("SSL", tls)
    return ["nginx", "-c", _write(folder, "nginx.conf", text, port), "-e", f"{folder}/nginx.log"]


def _postfix(folder: pathlib.Path, port: int, _: dict[str, str]) -> list[str]:
    for name in ("queue", "data"):
        (folder / name).mkdir()
    shutil.chown(folder / "data", "postfix")
    _write(folder, "main.cf", POSTFIX_MAIN)
    _write(folder, "master.cf", POSTFIX_MASTER, port)
    return ["postfix", "-c", str(folder), "start-fg"]


def _postgres(folder: pathlib.Path, port: int, _: dict[str, str]) -> list[str]:
    data = folder / "data"
    data.mkdir(mode=0o700)
    shutil.chown(data, "nobody", "nogroup")
    postgres = pathlib.Path(program("postgres"))
    as_nobody = ["setpriv", "--reuid=nobody", "--regid=nogroup", "--clear-groups"]
    subprocess.run(
        [*as_nobody, postgres.with_name("initdb"), "-D", data, "-A", "reject", "-U", "admin"],
        check=True, capture_output=True, cwd="/",
    )  # fmt: skip
    return [*as_nobody, str(postgres), "-D", str(data), "-p", str(port), "-k", "", "-h", "127.0.0.1"]


def make_task(**settings: object) -> Task:
    """Return the part of a task that identification reads."""
    settings = {"identify": True, "fingerprints": (), "recog": (), **settings}
    return Task("ports", "remote", (), settings, (), (), 60.0, 0.0)


def identify_all(
    ports: list[int], *, host: str = "127.0.0.1", address: str = "127.0.0.1", seconds: float = 30.0,
    rate: float = 1000, **settings: object,
) -> tuple[dict[int, Service | Reason], str]:  # fmt: skip
    """Identify what answers on TCP ports of loopback.

    Returns:
        Port -> what answers, and the detail.
    """
    pace = Pace(rate)
    work = [(identify.Open(address, "tcp", port, host), pace, lambda: None) for port in ports]
    identifier = identify.Identifier(identify.acquire(make_task(**settings)), Pace(5000), 64)
    found = identifier.run(work, time.monotonic() + seconds, lambda: None)
    return {item.port: known for item, known in found.items()}, identifier.detail
