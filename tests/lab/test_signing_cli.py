"""`secmon rules sign` and `secmon rules verify` as they are typed."""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from secmon.core.manifest import read_manifest
from tests.support.agent import ROOT
from tests.support.signing import KINDS, make_key

KEY, OTHER = make_key("ssh-ed25519"), make_key("ssh-ed25519")


@pytest.fixture
def site(tmp_path, needs):
    """A folder with a pack, two keys, and who may sign."""
    needs("ssh-keygen")
    (tmp_path / "pack" / "sub").mkdir(parents=True)
    (tmp_path / "pack" / "a.yml").write_text("rules: []\n")
    (tmp_path / "pack" / "sub" / "Tiếng Việt.txt").write_text("text")
    (tmp_path / "pack" / ".hidden").write_text("not part of it")
    for name, key in (("key", KEY), ("other", OTHER)):
        (tmp_path / name).write_bytes(key.pem())
        (tmp_path / name).chmod(0o600)
    (tmp_path / "signers").write_text(f'lead@site namespaces="secmon-*" {KEY.line}\n')
    return tmp_path


def secmon(site, *arguments, **environment):
    variables = {
        **os.environ,
        "PYTHONPATH": str(ROOT),
        "LANG": "en_US.UTF-8",
        "STATE_DIRECTORY": str(site / "state"),
    }
    command = [sys.executable, "-m", "secmon", "rules", *arguments]
    return subprocess.run(
        command, cwd=site, capture_output=True, text=True, env=variables | environment, check=False
    )


def sign(site, key="key", serial="7", **more):
    options = {
        "--kind": "rules",
        "--name": "site",
        "--serial": serial,
        "--expires": "2099-12-31",
        "--key": key,
    }
    words = [word for option in (options | more).items() for word in option]
    return secmon(site, "sign", "pack", *words)


def verify(site, *more):
    return secmon(site, "verify", "pack", "--allowed-signers", "signers", *more)


def test_sign_and_verify_agree_with_ssh_keygen_and_sha256sum(site):
    done = sign(site)
    assert done.returncode == 0, done.stderr
    data = (site / "pack" / "MANIFEST").read_bytes()
    manifest = read_manifest(data, "MANIFEST", [])
    assert sorted(manifest.files) == ["a.yml", "sub/Tiếng Việt.txt"]
    listed = data.partition(b"\n\n")[2]
    digest = hashlib.sha256(listed).hexdigest()
    assert f"Signed rules site 7: 2 files, sha256 {digest}, until 2099-12-31, key SHA256:" in done.stdout
    checked = subprocess.run(
        ["sha256sum", "--check", "--quiet"], input=listed, cwd=site / "pack", check=False
    )
    assert checked.returncode == 0
    command = ["ssh-keygen", "-Y", "verify", "-f", "signers", "-I", "lead@site", "-n", "secmon-rules"]
    theirs = subprocess.run(
        [*command, "-s", "pack/MANIFEST.sig"], input=data, cwd=site, capture_output=True, check=False
    )
    assert theirs.returncode == 0, theirs.stderr
    done = verify(site, "--principal", "lead@site")
    assert done.returncode == 0
    assert done.stdout == (
        f"pack: good: rules site 7, signed by lead@site, until 2099-12-31, 2 files, sha256 {digest}\n"
    )
    assert "no pack was accepted before" in done.stderr


def test_each_refusal_has_its_own_message(site):
    sign(site)
    seen = {verify(site, "--principal", "somebody").stdout}
    (site / "pack" / "a.yml").write_text("rules: [1]\n")
    seen.add(verify(site).stdout)
    sign(site, "other", "8")
    seen.add(verify(site).stdout)
    sign(site, serial="9", **{"--kind": "waivers"})
    (site / "signers").write_text(f'lead@site namespaces="secmon-rules" {KEY.line}\n')
    seen.add(verify(site).stdout)
    sign(site, serial="10")
    (site / "state").mkdir()
    (site / "state" / "serials.json").write_text('{"rules/site": 11}')
    seen.add(verify(site).stdout)
    (site / "pack" / "MANIFEST.sig").unlink()
    done = verify(site)
    assert done.returncode == 2
    seen.add(done.stdout)
    reasons = sorted(text.splitlines()[1].partition(":1: ")[2] or text.splitlines()[1] for text in seen)
    assert len(set(reasons)) == 6, reasons
    assert all(text.startswith("pack: refused\n  pack/") for text in seen)


def test_what_cannot_be_signed_stays_as_it_was(site):
    sign(site)
    before = (site / "pack" / "MANIFEST").read_bytes()
    (site / "pack" / "a.yml").write_text("rules: [2]\n")
    for done, message in (
        (sign(site), "serial 7 was signed already; give 8 or more; nothing was signed"),
        (sign(site, "nokey", "8"), "ssh-keygen could not sign with nokey; it says why above; nothing was signed"),
        (sign(site, serial="8", **{"--expires": "2020-01-01"}), "2020-01-01 is over"),
        (sign(site, serial="8", **{"--name": "builtin"}), "builtin is the installation's own pack"),
        (sign(site, serial="x"), "--serial x: give a whole number from 1"),
        (sign(site, serial="8", **{"--kind": "rule"}), "rule"),
        (secmon(site, "sign", "pack", "--key", "key"), "needs --name and --kind and --serial and --expires"),
        (secmon(site, "sign", "pack/a.yml", *["--key", "key", "--name", "n", "--kind", "rules", "--serial", "1", "--expires", "2099-01-01"]), "is no folder"),
    ):  # fmt: skip
        assert done.returncode == 2
        assert message in done.stderr
        assert "Traceback" not in done.stderr
    assert (site / "pack" / "MANIFEST").read_bytes() == before


def test_without_ssh_keygen_nothing_is_signed_and_everything_is_verified(site):
    words = ["--key", "key", "--name", "site", "--kind", "rules", "--serial", "8", "--expires", "2099-01-01"]
    done = secmon(site, "sign", "pack", *words, PATH="/nowhere")
    assert done.returncode == 2
    assert (
        "ssh-keygen is not installed; install the package openssh-client; nothing was signed" in done.stderr
    )
    sign(site)
    done = secmon(site, "verify", "pack", "--allowed-signers", "signers", PATH="/nowhere")
    assert (done.returncode, "signed by lead@site" in done.stdout) == (0, True)


def test_without_cryptography_nothing_is_accepted(site):
    sign(site)
    (site / "broken" / "cryptography").mkdir(parents=True)
    (site / "broken" / "cryptography" / "__init__.py").write_text("raise ImportError('no libssl')\n")
    done = verify(site)
    assert done.returncode == 0
    path = f"{site / 'broken'}:{ROOT}"
    done = secmon(site, "verify", "pack", "--allowed-signers", "signers", PYTHONPATH=path)
    assert (done.returncode, done.stdout) == (2, "")
    assert "signatures cannot be verified: no libssl; repair the installation of secmon" in done.stderr


def test_a_key_in_an_agent_signs(site, needs):
    needs("ssh-agent", "ssh-add")
    with subprocess.Popen(["ssh-agent", "-D", "-a", "agent"], cwd=site, stdout=subprocess.DEVNULL) as agent:
        try:
            socket = str(site / "agent")
            for _ in range(600):  # it needs a moment to listen
                added = subprocess.run(
                    ["ssh-add", "key"], cwd=site, env={**os.environ, "SSH_AUTH_SOCK": socket},
                    capture_output=True, check=False,
                )  # fmt: skip
                if added.returncode == 0:
                    break
                time.sleep(0.05)
            (site / "only.pub").write_text(KEY.line + "\n")
            words = [
                "--key",
                "only.pub",
                "--name",
                "site",
                "--kind",
                "rules",
                "--serial",
                "8",
                "--expires",
                "2099-01-01",
            ]
            done = secmon(site, "sign", "pack", *words, SSH_AUTH_SOCK=socket)
        finally:
            agent.terminate()
    assert done.returncode == 0, done.stderr
    assert verify(site).returncode == 0


@pytest.mark.parametrize("kind", [kind for kind in KINDS if not kind.startswith("sk-")])
def test_every_kind_of_key_that_needs_no_hardware(site, kind):
    key = make_key(kind)
    Path(site / "key").write_bytes(key.pem())
    (site / "signers").write_text(f"lead@site {key.line}\n")
    assert sign(site).returncode == 0
    assert verify(site).returncode == 0


def test_a_short_key_is_refused_when_signing(site):
    (site / "key").write_bytes(make_key("ssh-rsa", bits=1024).pem())
    done = sign(site)
    assert done.returncode == 2
    assert "signatures of this key are not accepted" in done.stderr
    assert not (site / "pack" / "MANIFEST").exists()
