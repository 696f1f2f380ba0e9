"""Certificates and passwords change under a running agent: the new ones are served, or the old ones stay."""

from __future__ import annotations

import contextlib
import http.client
import os
import socket
import ssl
from pathlib import Path

import pytest

from secmon.core.plan import Listen
from secmon.export.guard import ListenError
from tests.support.agent import PATIENCE_SECONDS, Agent, free_port
from tests.support.processes import wait_for
from tests.support.securepage import (
    CA,
    HASH,
    NOW,
    Place,
    body,
    certify,
    dial,
    exchange,
    serving,
    with_password,
)
from tests.support.serving import TEXT


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    return Place(tmp_path_factory.mktemp("pki"))


def test_a_renewed_certificate_is_served_at_once_and_a_bad_one_never(place, tmp_path):
    mine = Place(tmp_path)
    with serving(mine.web()) as server:
        context = mine.client()
        waiting = http.client.HTTPSConnection(*server.address, timeout=10, context=context)
        waiting.request("GET", "/-/ready")
        waiting.getresponse().read()
        renewed = certify("agent", CA, sans=("agent",), uses=("server",))
        renewed.write(tmp_path, "agent")
        listen = Listen(port=0, web=mine.web())
        assert server.front.listen(listen) == server.address
        with dial(server, context) as connection:
            seen = ssl.DER_cert_to_PEM_cert(connection.getpeercert(binary_form=True)).encode()
        assert seen.strip() == renewed.crt.strip()
        (tmp_path / "agent.key").write_bytes(CA.pem)
        with pytest.raises(ListenError, match="key values mismatch"):
            server.front.listen(listen)
        assert body(exchange(server, context)) == TEXT
        waiting.close()


def test_what_is_open_when_protection_comes_is_not_served_for_long(place):
    with serving(None) as server:
        connection = server.client()
        connection.request("GET", "/metrics")
        connection.getresponse().read()
        server.front.listen(Listen(port=0, web=place.web()))
        server._wake.send(b"x")
        assert connection.sock.recv(1) == b""


@pytest.fixture(scope="module")
def agent(tmp_path_factory):
    """A real agent under mutual TLS and with a password."""
    folder = tmp_path_factory.mktemp("agent")
    Place(folder)
    (folder / "web.yml").write_text(
        "tls_server_config: {cert_file: agent.crt, key_file: agent.key, client_ca_file: ca.crt, "
        f"client_auth_type: RequireAndVerifyClientCert}}\nbasic_auth_users: {{prom: {HASH.decode()}}}\n"
    )
    (folder / "web.yml").chmod(0o600)
    port = free_port()
    (folder / "secmon.yml").write_text(
        f"agent: {{name: vm}}\nlisten: {{port: {port}, web_config: {folder}/web.yml}}\n"
        "checks: {ports: {enabled: false}, tls: {enabled: false}, patches: {enabled: false}, "
        "traffic: {enabled: false}}\n"
    )
    with Agent(folder, port=port) as started:
        started.ready()
        yield started
        assert started.stop() == 0


def scrape(agent):
    """Read the agent's page as Prometheus does."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.load_verify_locations(f"{agent.folder}/ca.crt")
    context.load_cert_chain(f"{agent.folder}/prometheus.crt", f"{agent.folder}/prometheus.key")
    with (
        socket.create_connection(("127.0.0.1", agent.port), timeout=10) as raw,
        context.wrap_socket(raw, server_hostname="agent") as connection,
    ):
        connection.sendall(with_password(b"right"))
        page = body(b"".join(iter(lambda: connection.recv(65536), b""))).decode()
    return dict(line.rsplit(" ", 1) for line in page.splitlines() if not line.startswith("#"))


def reloaded(agent, successful):
    """Wait until the page says how the last reload went: it may be drawn after the reload is over."""
    return wait_for(
        lambda: scrape(agent)["secmon_config_last_reload_successful"] == successful, PATIENCE_SECONDS
    )


def test_an_agent_keeps_what_it_serves_with_when_it_cannot_have_better(agent):
    good = (agent.folder / "agent.key").read_bytes()
    cases = {
        "a key of another": lambda: (agent.folder / "agent.key").write_bytes(CA.pem),
        "no key": (agent.folder / "agent.key").unlink,
        "no web configuration": lambda: (agent.folder / "web.yml").rename(agent.folder / "away"),
    }
    web = (agent.folder / "web.yml").read_bytes()
    for what, spoil in cases.items():
        spoil()
        agent.reload()
        assert reloaded(agent, "0.0"), what
        assert scrape(agent)["secmon_rules_last_reload_successful"] == "1.0", what
        for name, data in (("agent.key", good), ("web.yml", web)):
            (agent.folder / name).write_bytes(data)
            (agent.folder / name).chmod(0o600)
        agent.reload()
        assert reloaded(agent, "1.0")


def test_a_key_that_only_the_child_can_open_is_no_key(agent, needs):
    needs(root=True)  # the child starts with the right to open every file, the core has none left
    os.chown(agent.folder / "agent.key", 65534, -1)
    agent.reload()
    assert reloaded(agent, "0.0")
    refused = [line for line in agent.lines if 'event="listen refused"' in line]
    assert "agent.key: Permission denied; the agent's own user must be able to read it" in refused[-1]
    os.chown(agent.folder / "agent.key", 0, -1)
    agent.reload()
    assert reloaded(agent, "1.0")


def test_an_expired_certificate_is_told_loudly_and_served(agent):
    before = [path.read_bytes() for path in (agent.folder / "agent.crt", agent.folder / "agent.key")]
    certify("agent", CA, sans=("agent",), uses=("server",), until=NOW - 60).write(agent.folder, "agent")
    agent.reload()
    told = [line for line in agent.lines if "it expired on" in line]
    assert told
    assert all("level=warning" in line and "web.yml:1:" in line for line in told)
    with pytest.raises(ssl.SSLCertVerificationError, match="certificate has expired"):
        scrape(agent)
    for path, data in zip((agent.folder / "agent.crt", agent.folder / "agent.key"), before, strict=True):
        path.write_bytes(data)
    agent.reload()
    assert scrape(agent)["secmon_insecure_listen"] == "0.0"


def test_no_secret_leaves_the_files(agent):
    scrape(agent)
    key = (agent.folder / "agent.key").read_text().splitlines()[1]
    secrets = [HASH.decode(), HASH.decode()[7:29], key]
    log = "\n".join(agent.lines)
    assert not [secret for secret in secrets if secret in log]
    plans = 0
    for pid in agent.family():
        for data in readable(pid):
            plans += '"users":{"prom":"' in data
            assert not [secret for secret in secrets if secret in data]
    assert plans  # so it was looked at


def readable(pid):
    """Yield the command line of a process and what its memory files hold; less where it ends meanwhile."""
    gone = (FileNotFoundError, ProcessLookupError)
    with contextlib.suppress(*gone):
        yield Path(f"/proc/{pid}/cmdline").read_text()
        for link in list(Path(f"/proc/{pid}/fd").iterdir()):
            with contextlib.suppress(*gone):  # closed since the folder was listed
                if os.readlink(link).startswith("/memfd:"):
                    yield link.read_bytes().decode(errors="replace")


def test_verifying_happens_without_capabilities_too(agent):
    scrape(agent)
    names, statuses = [], []
    for task in Path(f"/proc/{agent.process.pid}/task").iterdir():
        with contextlib.suppress(FileNotFoundError, ProcessLookupError):  # the thread has ended meanwhile
            statuses.append((task / "status").read_text())
            names.append((task / "comm").read_text().strip())
    lines = [line for status in statuses for line in status.splitlines()]
    held = {line.split()[1] for line in lines if line.startswith(("CapEff:", "CapPrm:"))}
    assert held == {"0" * 16}
    assert "passwords" in names or len(names) >= 3
