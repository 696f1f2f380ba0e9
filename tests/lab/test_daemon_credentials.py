"""The agent of deploy/systemd/README.md under a real systemd: its key is a credential, and only Prometheus reads the page."""

from __future__ import annotations

import re
import textwrap
import time
from pathlib import Path

import bcrypt
import pytest

from tests.support.pki import DAY, make
from tests.support.processes import wait_for

README = Path(__file__).parents[2] / "deploy/systemd/README.md"
ADDRESS = "192.0.2.11"
QUIET = "checks: {ports: {enabled: false}, tls: {enabled: false}, patches: {enabled: false}, traffic: {enabled: false}}\n"
SCRAPE = """
import base64, ssl, sys, urllib.request
context = ssl.create_default_context(cafile="/root/ca.crt")
if sys.argv[1:]:
    context.load_cert_chain("/root/prometheus.crt", "/root/prometheus.key")
request = urllib.request.Request("https://192.0.2.11:9877/metrics")
request.add_header("Authorization", "Basic " + base64.b64encode(b"prom:right").decode())
print(urllib.request.urlopen(request, timeout=10, context=context).read().decode())
"""


def blocks():
    """Return what the page says of credentials: the drop-in, and the line of secmon.yml."""
    text = README.read_text()
    drop_in = re.search(r"```ini\n(.*?)```", text, re.DOTALL)[1]
    listen = re.search(r"`(listen: \{[^`]*credentials[^`]*\})`", text)[1]
    return textwrap.dedent(drop_in), listen


@pytest.fixture(scope="module")
def container(debian):
    furnish(debian.root, renew())
    debian.boot()
    debian.run("ip", "link", "add", "lan0", "type", "veth", "peer", "name", "lan1")
    debian.run("ip", "address", "add", f"{ADDRESS}/24", "dev", "lan0")
    debian.run("ip", "link", "set", "lan0", "up")
    started = debian.run("systemctl", "start", "secmon")
    assert started.returncode == 0, debian.run("journalctl", "-u", "secmon", "--no-pager").stdout
    return debian


NOW = time.time()
CA = make("ca", since=NOW - DAY, until=NOW + DAY)


def renew(**more):
    life = {"since": NOW - DAY, "until": NOW + 30 * DAY} | more
    return make("agent", issuer=CA, sans=(ADDRESS,), uses=("server",), **life)


def furnish(root, server):
    """Write what the page says, in the places where it says so."""
    drop_in, listen = blocks()
    place = root / "etc/secmon"
    place.mkdir(mode=0o755, exist_ok=True)
    server.write(place, "agent")
    (place / "ca.crt").write_bytes(CA.crt)
    hashed = bcrypt.hashpw(b"right", bcrypt.gensalt(6)).decode()
    (place / "web.yml").write_text(
        "tls_server_config:\n  cert_file: agent.crt\n  key_file: agent.key\n  client_ca_file: ca.crt\n"
        f"  client_auth_type: RequireAndVerifyClientCert\nbasic_auth_users:\n  prom: {hashed}\n"
    )
    for file in place.iterdir():
        file.chmod(0o600)
    (place / "secmon.yml").write_text(f"agent: {{name: vm}}\n{listen}\n{QUIET}")
    (place / "secmon.yml").chmod(0o644)
    unit = root / "etc/systemd/system/secmon.service.d"
    unit.mkdir(exist_ok=True)
    (unit / "override.conf").write_text(drop_in)
    client = make("prometheus", issuer=CA, uses=("client",), since=NOW - DAY, until=NOW + DAY)
    client.write(root / "root", "prometheus")
    (root / "root/ca.crt").write_bytes(CA.crt)


def test_the_agents_own_user_has_the_key_and_prometheus_the_page(container):
    page = container.run("python3", "-c", SCRAPE, "with a certificate")
    assert "secmon_insecure_listen 0.0" in page.stdout, page.stderr
    nobody = container.run("python3", "-c", SCRAPE)
    assert nobody.returncode != 0
    assert "certificate required" in nobody.stderr
    pid = container.run("systemctl", "show", "-P", "MainPID", "secmon").stdout.strip()
    status = container.run("cat", f"/proc/{pid}/status").stdout
    assert re.search(r"^Uid:\s+(?!0\s)", status, re.MULTILINE)
    assert re.search(r"^CapEff:\s+0+$", status, re.MULTILINE)


def test_config_check_agrees_while_the_unit_runs_and_explains_before(container):
    checked = container.run("/opt/secmon/bin/secmon", "config", "check")
    assert checked.returncode == 0, checked.stderr
    container.run("systemctl", "stop", "secmon")
    checked = container.run("/opt/secmon/bin/secmon", "config", "check")
    assert checked.returncode == 2
    assert "systemd makes it while the unit runs" in checked.stderr
    assert container.run("systemctl", "start", "secmon").returncode == 0


def test_a_reload_and_a_renewal_do_what_the_page_says(container):
    assert container.run("systemctl", "reload", "secmon").returncode == 0
    renewed = renew(until=NOW + 300 * DAY)
    renewed.write(container.root / "etc/secmon", "agent")
    (container.root / "etc/secmon/agent.crt").chmod(0o600)
    assert container.run("systemctl", "restart", "secmon").returncode == 0
    code = f"import ssl; print(ssl.get_server_certificate(('{ADDRESS}', 9877)))"

    def served():
        return container.run("python3", "-c", code).stdout.strip() == renewed.crt.decode().strip()

    assert wait_for(served, 90)
    page = container.run("python3", "-c", SCRAPE, "with a certificate").stdout
    assert "secmon_config_last_reload_successful 1.0" in page


def test_status_works_as_before(container):
    done = container.run("/opt/secmon/bin/secmon", "status", "--lang", "en")
    assert done.returncode == 0, done.stderr
    assert "running" in done.stdout
