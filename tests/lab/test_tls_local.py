"""The local probe against listeners of this host, and every probe without privileges."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time

from secmon.checks.tls.probe import local
from secmon.core.contract import Task
from secmon.core.model import Completeness, Form, Target
from tests.support import Collector

SCRIPT = """
import datetime as dt, json, os, socket, ssl, sys, threading, time
from tests.checks.tls.ca import authority, issue
from tests.checks.tls import servers
from tests.support import Collector
from secmon.agent import confine
from secmon.checks.tls.probe import endpoint, files, local
from secmon.core.contract import Task
from secmon.core.model import Form, Target
import pathlib, tempfile

folder = pathlib.Path(tempfile.mkdtemp())
folder.chmod(0o700)
now = dt.datetime.now(dt.UTC)
root, issuing = authority(now=now)
leaf = issue("leaf", issuing, names=["127.0.0.1", "::1"], now=now)
(folder / "root.pem").write_bytes(root.pem)
lab = servers.Lab(folder)
context_settings = {}
def serve(port, host, handler=None):
    import contextlib
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(*lab.write(leaf, issuing))
    listener = socket.create_server((host, port), family=socket.AF_INET6 if ":" in host else socket.AF_INET)
    def run():
        while True:
            sock, _ = listener.accept()
            with sock, contextlib.suppress(OSError):
                if handler:
                    handler(sock)
                else:
                    with context.wrap_socket(sock, server_side=True) as tls:
                        tls.recv(1)
    threading.Thread(target=run, daemon=True).start()
serve(443, "0.0.0.0")
serve(443, "::1")
serve(8443, "::")
serve(8006, "127.0.0.1", servers.speaks_http)
serve(12345, "127.0.0.1")
settings = {"trust": (str(folder),), "timeout": 10}
def run(module, target):
    task = Task("tls", module.__name__.rpartition(".")[2], (target,), settings, (), (), 60, time.time())
    read, write = os.pipe()
    pid = os.fork()
    if pid == 0:
        status = 1
        try:
            seen = Collector()
            handles = module.acquire(task)
            confine.drop(confine.Limits())
            module.observe(handles, seen)
            one = seen.seen[target.text]
            out = {"canaries": seen.canaries, "looked": one.looked, "completeness": one.completeness,
                   "reason": one.reason, "detail": one.detail, "facts": [fact.values for fact in one.facts],
                   "uid": os.getuid()}
            os.write(write, json.dumps(out).encode())
            status = 0
        finally:
            os._exit(status)
    os.close(write)
    with os.fdopen(read, "rb") as result:
        data = result.read()
    assert os.waitpid(pid, 0)[1] == 0, module
    return json.loads(data)
answer = {
    "local": run(local, Target("a", "tls", Form.LOCAL, "local")),
    "endpoint": run(endpoint, Target("a", "tls", Form.ENDPOINT, "127.0.0.1:12345", options={"host": "127.0.0.1", "port": 12345})),
    "files": run(files, Target("a", "tls", Form.FILE, "file:x", options={"path": str(folder)})),
    "local files": run(files, Target("a", "tls", Form.LOCAL, "local")),
}
print(json.dumps(answer))
os._exit(0)
"""


def test_probes_see_the_same_after_they_have_given_up_all_privileges(needs):
    """In a network namespace of its own, as root and then as nobody, from folders that only root may enter."""
    needs("unshare", "ip", root=True)
    command = [
        "unshare",
        "--net",
        "sh",
        "-c",
        'ip link set lo up && exec "$0" -c "$1"',
        sys.executable,
        SCRIPT,
    ]
    run = subprocess.run(
        command,
        check=False,
        capture_output=True,
        text=True,
        timeout=180,
        env={**os.environ, "PYTHONPATH": os.getcwd()},
    )
    assert run.returncode == 0, run.stderr
    answer = json.loads(run.stdout)
    for seen in answer.values():
        assert seen["canaries"] == [[None, ""]]
        assert seen["uid"] == 65534
    seen = answer["local"]
    assert (seen["completeness"], seen["looked"], seen["detail"]) == ("ok", {"endpoint": None}, "")
    assert sorted((fact["host"], fact["port"]) for fact in seen["facts"]) == [
        ("127.0.0.1", 443),
        ("::1", 443),
        ("::1", 8443),
    ]
    assert all(fact["trusted"] and fact["sni"] is None for fact in seen["facts"])
    assert all("name_ok" not in fact for fact in seen["facts"])
    assert [fact.get("trusted") for fact in answer["endpoint"]["facts"]][:1] == [True]
    assert {fact["subject"] for fact in answer["files"]["facts"]} >= {"CN=leaf", "CN=Test Root"}
    assert answer["local files"]["looked"] == {"certificate": None}, answer["local files"]["detail"]


def test_this_host_is_looked_at_completely():
    """Whatever listens here: a target's observation ends, and says what it did not see."""
    target = Target("a", "tls", Form.LOCAL, "local")
    collector = Collector()
    task = Task("tls", "local", (target,), {"trust": (), "timeout": 2}, (), (), 60, time.time())
    handles = local.acquire(task)
    local.observe(handles, collector)
    handles.sockets.netlink.close()
    for file in handles.sockets.proc.values():
        file.close()
    assert collector.canaries == [(None, "")]
    seen = collector.seen["local"]
    assert (seen.completeness is Completeness.OK) == (seen.looked == {"endpoint": None})
