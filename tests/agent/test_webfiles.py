"""Every way in which the files behind listen.web_config can be wrong is told with its place before anybody serves."""

from __future__ import annotations

import os

import bcrypt
import pytest

from secmon.agent.webfiles import check_web, open_web, protected
from secmon.core.configuration import Configuration, PathSetting
from secmon.core.model import Asset
from secmon.core.plan import Listen
from secmon.core.rule import Place
from tests.support.pki import DAY, NOW, make

CA = make("ca")
SERVER = make("agent", issuer=CA, sans=("agent",), uses=("server",))
HASH = bcrypt.hashpw(b"pw", bcrypt.gensalt(4)).decode()
WEB = """tls_server_config:
  cert_file: agent.crt
  key_file: agent.key
  client_ca_file: ca.crt
  client_auth_type: RequireAndVerifyClientCert
"""


class Site:
    def __init__(self, folder):
        self.folder = folder
        self.web = folder / "web.yml"
        self.web.write_text(WEB)
        self.web.chmod(0o600)
        SERVER.write(folder, "agent")
        (folder / "ca.crt").write_bytes(CA.crt)
        self.listen = Listen("192.0.2.7")

    def look(self, **environment):
        """Return every fault and warning, and how the page is served."""
        place = Place("secmon.yml", 1, 10)
        setting = PathSetting(str(self.web), place, "listen.web_config")
        configuration = Configuration("a", Asset("a"), (), {}, listen=self.listen, web_config=setting)
        faults = []
        opened = open_web(configuration, environment, faults)
        faults += check_web(opened, NOW)
        return [str(fault).replace(f"{self.folder}/", "") for fault in faults], protected(self.listen, opened)


@pytest.fixture
def site(tmp_path):
    return Site(tmp_path)


def test_what_is_in_order_is_served_as_it_is_asked_for(site):
    faults, listen = site.look()
    assert faults == []
    assert listen.web.tls.key == f"{site.folder}/agent.key"
    assert listen.tls


def test_a_page_that_is_protected_is_not_called_insecure(site):
    site.listen = Listen("192.0.2.7", insecure=True)
    assert not site.look()[1].insecure
    site.web.write_text("{}")
    assert site.look()[1].insecure


@pytest.mark.parametrize(
    ("name", "place"), [("agent.crt", "2:14: "), ("agent.key", "3:13: "), ("ca.crt", "4:19: ")]
)
def test_a_file_that_is_missing_is_told_where_it_is_named(site, name, place):
    (site.folder / name).unlink()
    (fault,) = site.look()[0]
    assert fault.startswith(f"web.yml:{place}")
    assert f"{name} does not exist; a path is relative" in fault


def test_a_credential_that_is_missing_is_explained(site):
    site.web.write_text(WEB.replace("agent.key", "/run/credentials/secmon.service/agent.key"))
    (fault,) = site.look()[0]
    assert fault.endswith("does not exist; systemd makes it while the unit runs, from LoadCredential=")


def test_a_web_configuration_that_is_missing_is_told_in_secmon_yml(site):
    site.web.unlink()
    (fault,) = site.look()[0]
    assert fault.startswith("secmon.yml:1:10: listen.web_config: web.yml does not exist")


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o660, 0o777])
def test_a_key_that_others_get_at_is_refused(site, mode):
    (site.folder / "agent.key").chmod(mode)
    (fault,) = site.look()[0]
    assert f"agent.key has mode {mode:04o}: others than its owner get at it; chmod 600" in fault


def test_a_credential_shows_its_access_list_in_the_mode_of_its_group(site):
    (site.folder / "agent.key").chmod(0o440)
    assert site.look(CREDENTIALS_DIRECTORY=str(site.folder))[0] == []
    assert len(site.look(CREDENTIALS_DIRECTORY=f"{site.folder}-2")[0]) == 1
    (site.folder / "agent.key").chmod(0o444)
    assert len(site.look(CREDENTIALS_DIRECTORY=str(site.folder))[0]) == 1


def test_hashes_that_everybody_may_read_are_refused(site):
    site.web.write_text(f"{WEB}basic_auth_users: {{prom: {HASH}}}\n")
    assert site.look()[0] == []
    site.web.chmod(0o640)
    assert site.look()[0] == []
    site.web.chmod(0o644)
    (fault,) = site.look()[0]
    assert fault.startswith("web.yml:1:1: basic_auth_users: everybody may read the password hashes")
    assert HASH not in fault


def test_a_file_that_everybody_may_write_is_refused(site):
    site.web.chmod(0o602)
    assert site.look()[0] == ["web.yml:1:1: everybody may write this file; chmod o-w web.yml"]


def test_a_key_of_another_certificate_is_a_fault(site):
    (site.folder / "agent.key").write_bytes(CA.pem)
    (fault,) = site.look()[0]
    assert fault.startswith("web.yml:3:13: tls_server_config.key_file: agent.key: the key is not that")


def test_an_encrypted_key_is_a_fault(site):
    (site.folder / "agent.key").write_bytes(SERVER.encrypted(b"pw"))
    assert "the key is encrypted" in site.look()[0][0]


def test_an_expired_certificate_is_a_warning_and_is_served(site):
    make("agent", issuer=CA, sans=("agent",), until=NOW - DAY).write(site.folder, "agent")
    faults, listen = site.look()
    assert [fault.split(": ")[1] for fault in faults] == ["warning"]
    assert listen.tls


def test_a_fifo_in_place_of_a_key_is_not_waited_for(site):
    (site.folder / "agent.key").unlink()
    os.mkfifo(site.folder / "agent.key", 0o600)
    assert "is a FIFO, not a regular file" in site.look()[0][0]


def test_faults_of_yaml_and_of_protection_are_told_too(site):
    site.web.write_text("tls_server_config: [\n")
    assert site.look()[0][0].startswith("web.yml:2:1: not YAML")
    site.web.write_text("{}\n")
    assert site.look()[0][0].startswith("secmon.yml:1:10: listen.web_config: others can reach 192.0.2.7, and")
