"""Local listeners against `ss`, with real sockets; attribution with and without privilege."""

from __future__ import annotations

import contextlib
import dataclasses
import json
import os
import pathlib
import socket
import subprocess
import sys
from io import BytesIO
from ipaddress import ip_address

import pytest

from secmon.checks.ports.probe import local
from secmon.core.contract import Task
from secmon.core.model import Completeness, Form, Reason, Target
from secmon.sources import diag
from tests.support import Collector

TARGET = Target("me", "ports", Form.LOCAL, "local")
TASK = Task("ports", "local", (TARGET,), {}, (), (), 60.0, 0.0)
STREAM, DATAGRAM = socket.SOCK_STREAM, socket.SOCK_DGRAM


def bound(family: int, kind: int, address: str, *, v6only: bool | None = None) -> socket.socket:
    sock = socket.socket(family, kind)
    if v6only is not None:
        sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, v6only)
    sock.bind((address, 0))
    if kind == STREAM:
        sock.listen()
    return sock


@pytest.fixture
def sockets():
    """One socket of every spelling, and two that take traffic from one peer only."""
    with contextlib.ExitStack() as stack:
        made = spellings()
        # The facts are told apart by their ports.
        while len({sock.getsockname()[1] for sock in made.values()}) < len(made):
            for sock in made.values():
                sock.close()
            made = spellings()
        for sock in made.values():
            stack.enter_context(sock)
        stack.enter_context(socket.create_connection(made["loopback"].getsockname()))
        connected = stack.enter_context(bound(socket.AF_INET, DATAGRAM, "127.0.0.1"))
        connected.connect(made["udp loopback"].getsockname())
        yield made


def spellings() -> dict[str, socket.socket]:
    """Return a socket for each way to say where it takes traffic from."""
    return {
        "v4": bound(socket.AF_INET, STREAM, "0.0.0.0"),
        "loopback": bound(socket.AF_INET, STREAM, "127.0.0.1"),
        "dual": bound(socket.AF_INET6, STREAM, "::", v6only=False),
        "v6only": bound(socket.AF_INET6, STREAM, "::", v6only=True),
        "v6 loopback": bound(socket.AF_INET6, STREAM, "::1"),
        "mapped": bound(socket.AF_INET6, STREAM, "::ffff:127.0.0.1", v6only=False),
        "udp": bound(socket.AF_INET, DATAGRAM, "0.0.0.0"),
        "udp loopback": bound(socket.AF_INET, DATAGRAM, "127.0.0.1"),
        "udp dual": bound(socket.AF_INET6, DATAGRAM, "::", v6only=False),
        "udp v6only": bound(socket.AF_INET6, DATAGRAM, "::", v6only=True),
    }


def look(handles: local.Handles | None = None) -> Collector:
    collector = Collector()
    if handles:
        local.observe(handles, collector)
        return collector
    handles = local.acquire(TASK)
    try:
        local.observe(handles, collector)
    finally:
        close(handles)
    return collector


def expanded(facts) -> set[tuple[str, str, int]]:
    """Spell out each exposure as sockets: `dual` takes both families."""
    found = set()
    for fact in facts:
        values = fact.values
        addresses = ("0.0.0.0", "::") if values["family"] == "dual" else (values["address"],)
        if values["family"] == "ipv6" and values["address"] == "0.0.0.0":
            addresses = ("::",)
        found |= {(values["proto"], address, values["port"]) for address in addresses}
    return found


def ss() -> set[tuple[str, str, int]]:
    """Return what `ss` lists."""
    text = subprocess.run(["ss", "-Htlnu"], check=True, capture_output=True, text=True).stdout
    found = set()
    for line in text.splitlines():
        proto, _, _, _, place, *_ = line.split()
        host, _, port = place.rpartition(":")
        host = host.strip("[]").split("%")[0]
        for address in ("0.0.0.0", "::") if host == "*" else (host,):
            parsed = ip_address(address)
            found.add((proto, str(getattr(parsed, "ipv4_mapped", None) or parsed), int(port)))
    return found


def test_the_listeners_equal_those_of_ss(needs, sockets):
    needs("ss")
    for _ in range(20):  # other programs of this host open and close sockets meanwhile
        before = ss()
        seen = look().seen["local"]
        after = ss()
        if before == after:
            break
    assert expanded(fact for fact in seen.facts if fact.values["netns"] == "host") == before
    assert {sock.getsockname()[1] for sock in sockets.values()} <= {
        fact.values["port"] for fact in seen.facts
    }
    assert (seen.completeness, seen.looked, seen.detail) == (Completeness.OK, {"listener": None}, "")


def test_the_fallback_finds_the_same_sockets_and_says_so(sockets):
    handles = local.acquire(TASK)
    handles.eyes.tables.netlink.close()
    handles.eyes.tables = dataclasses.replace(
        handles.eyes.tables, netlink=None, refusal="AF_NETLINK: refused"
    )
    seen = look(handles).seen["local"]
    close(handles)
    mine = {fact.values["port"]: fact for fact in seen.facts}
    for name, sock in sockets.items():
        assert sock.getsockname()[1] in mine, name
    dual = mine[sockets["dual"].getsockname()[1]]
    assert dual.missing["family"] is Reason.UNSUPPORTED
    assert "AF_NETLINK: refused" in seen.detail
    assert seen.completeness is Completeness.OK


def test_each_spelling_has_its_scope_and_family(sockets):
    facts = {fact.values["port"]: fact.values for fact in look().seen["local"].facts}
    told = {
        name: (
            facts[sock.getsockname()[1]]["address"],
            facts[sock.getsockname()[1]]["family"],
            facts[sock.getsockname()[1]]["scope"],
        )
        for name, sock in sockets.items()
    }
    assert told == {
        "v4": ("0.0.0.0", "ipv4", "exposed"),
        "loopback": ("127.0.0.1", "ipv4", "loopback"),
        "dual": ("0.0.0.0", "dual", "exposed"),
        "v6only": ("::", "ipv6", "exposed"),
        "v6 loopback": ("::1", "ipv6", "loopback"),
        "mapped": ("127.0.0.1", "ipv4", "loopback"),
        "udp": ("0.0.0.0", "ipv4", "exposed"),
        "udp loopback": ("127.0.0.1", "ipv4", "loopback"),
        "udp dual": ("0.0.0.0", "dual", "exposed"),
        "udp v6only": ("::", "ipv6", "exposed"),
    }


def test_the_process_that_holds_a_socket_is_named(sockets):
    port = sockets["v4"].getsockname()[1]
    (fact,) = (fact for fact in look().seen["local"].facts if fact.values["port"] == port)
    assert fact.values["pid"] == os.getpid()
    assert fact.values["uid"] == os.getuid()
    assert pathlib.Path(fact.values["executable"]).resolve() == pathlib.Path(sys.executable).resolve()
    assert fact.values["attribution"] == "pid"


def test_the_canary_is_found_and_is_no_fact():
    collector = look()
    assert collector.canaries == [(None, "")]
    assert os.getpid() not in {fact.values.get("pid") for fact in collector.seen["local"].facts}


def test_a_look_that_does_not_show_the_canary_says_so():
    handles = local.acquire(TASK)
    empty = diag.Handles(None, "AF_NETLINK: refused", dict.fromkeys(diag.TABLES, BytesIO()))
    handles.eyes.tables.close()
    handles.eyes.tables = empty
    collector = look(handles)
    close(handles)
    assert [failure for failure, _ in collector.canaries] == [Reason.NO_DATA]


SERVE = "import socket, sys; s = socket.create_server(('0.0.0.0', 0)); print(s.getsockname()[1], flush=True); sys.stdin.read()"


@contextlib.contextmanager
def server(*, cgroup: pathlib.Path | None = None):
    """Listen in a process of its own; yield the port."""
    enter = f"echo $$ > {cgroup}/cgroup.procs && " if cgroup else ""
    process = subprocess.Popen(
        ["sh", "-c", enter + 'exec "$0" -c "$1"', sys.executable, SERVE],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        yield int(process.stdout.readline())
    finally:
        process.communicate(timeout=60)


def test_without_privilege_the_socket_is_seen_and_the_process_is_unknown(needs):
    needs(root=True)
    with server() as port:
        row = look_as_nobody(port)
    assert row["values"]["uid"] == 0
    assert row["values"]["attribution"] in ("unit", "uid")
    for name in ("pid", "process", "executable", "package"):
        assert row["missing"][name] == "permission"


def test_the_unit_is_told_by_the_cgroup_alone(needs):
    needs(root=True)
    tops = map(pathlib.Path, ("/sys/fs/cgroup", "/sys/fs/cgroup/unified"))
    top = next((path for path in tops if (path / "cgroup.controllers").exists()), None)
    if top is None:
        pytest.skip("needs cgroup v2")
    group = top / f"secmon-lab-{os.getpid()}.service"
    try:
        group.mkdir()
    except OSError:
        pytest.skip("needs a writable cgroup v2")
    try:
        with server(cgroup=group) as port:
            row = look_as_nobody(port)
    finally:
        group.rmdir()
    assert row["values"]["systemd_unit"] == group.name
    assert row["values"]["attribution"] == "unit"


def look_as_nobody(port: int) -> dict:
    """Acquire as root, observe as nobody without capabilities, as a child does; return the fact of a port."""
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        status = 1
        try:
            handles = local.acquire(TASK)
            os.setgroups([])
            os.setresgid(65534, 65534, 65534)
            os.setresuid(65534, 65534, 65534)
            facts = look(handles).seen["local"].facts
            rows = [
                {"values": fact.values, "missing": fact.missing}
                for fact in facts
                if fact.values["port"] == port
            ]
            os.write(writing, json.dumps(rows).encode())
            status = 0
        finally:
            os._exit(status)
    os.close(writing)
    with os.fdopen(reading, "rb") as pipe:
        text = pipe.read()
    assert os.waitpid(child, 0)[1] == 0
    (row,) = json.loads(text)
    return row


def close(handles: local.Handles) -> None:
    """Close what a probe child keeps until it ends."""
    handles.eyes.close()


@pytest.fixture
def namespace(needs):
    needs("ip", root=True)
    name = f"secmon-{os.getpid()}"
    subprocess.run(["ip", "netns", "add", name], check=True)
    yield name
    subprocess.run(["ip", "netns", "del", name], check=True)


def test_listeners_of_another_namespace_stand_under_its_name(namespace: str):
    command = ["ip", "netns", "exec", namespace, sys.executable, "-S", "-E", "-c", SERVE]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        port = int(process.stdout.readline())
        seen = look().seen["local"]
        process.stdin.close()
    (fact,) = (fact for fact in seen.facts if fact.values["netns"] == namespace)
    assert (fact.values["port"], fact.values["address"], fact.values["scope"]) == (
        port,
        "0.0.0.0",
        "container",
    )
    assert pathlib.Path(fact.values["executable"]).resolve() == pathlib.Path(sys.executable).resolve()
    assert fact.values["attribution"] == "pid"
    assert seen.completeness is Completeness.OK


def test_a_package_is_the_one_that_dpkg_names(needs):
    needs("dpkg")
    program = pathlib.Path("/usr/bin/python3").resolve()
    answer = subprocess.run(["dpkg", "-S", program], check=False, capture_output=True, text=True).stdout
    if not answer:
        pytest.skip("needs a Python from a Debian package")
    command = [program, "-S", "-E", "-c", SERVE]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        process.stdout.readline()
        facts = look().seen["local"].facts
        process.stdin.close()
    (fact,) = (fact for fact in facts if fact.values.get("pid") == process.pid)
    assert fact.values["package"] == answer.partition(":")[0]
