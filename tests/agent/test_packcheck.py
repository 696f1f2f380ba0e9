from __future__ import annotations

import io
import json

from secmon.agent import packcheck
from secmon.core.plan import Invocation
from tests.support.rulebook import REGISTRY
from tests.support.signing import make_key, sign_pack

KEY = make_key("ssh-ed25519")


def run(tmp_path, *names, **more):
    out = io.BytesIO()
    invocation = Invocation(
        "rules verify",
        rules=tuple(str(tmp_path / name) for name in names),
        allowed_signers=str(tmp_path / "signers"),
        environment={"STATE_DIRECTORY": str(tmp_path)},
        **more,
    )
    code = packcheck.observe(packcheck.acquire(REGISTRY, invocation), out)
    return code, [json.loads(line) for line in out.getvalue().splitlines()]


def make(tmp_path, name, kind):
    (tmp_path / name).mkdir()
    (tmp_path / name / "a.yml").write_text("not: [yaml")
    sign_pack(tmp_path / name, KEY, kind, name=name)


def test_packs_of_every_kind_are_told_in_order(tmp_path):
    (tmp_path / "signers").write_text(f"a@b {KEY.line}\n")
    for kind in ("waivers", "rules", "overrides"):
        make(tmp_path, kind, kind)
    (tmp_path / "rules" / "b.yml").touch()
    code, (answer,) = run(tmp_path, "waivers", "rules", "overrides")
    assert code == 0
    rows = answer["packs"]
    assert [row["signed"] and row["signed"]["kind"] for row in rows] == ["waivers", None, "overrides"]
    assert rows[0]["signed"] == {
        "name": "waivers",
        "kind": "waivers",
        "serial": 1,
        "created": "2026-01-01",
        "expires": "2099-01-01",
        "files": 1,
        "principals": ["a@b"],
    }
    assert [len(row["faults"]) for row in rows] == [0, 1, 0]
    assert len(answer["notes"]) == 1
    _, (answer,) = run(tmp_path, "waivers", principal="c@d")
    assert "is not the key of c@d" in answer["packs"][0]["faults"][0]["message"]


def test_a_signature_for_another_namespace_does_not_pass_as_any_kind(tmp_path):
    (tmp_path / "signers").write_text(f"a@b {KEY.line}\n")
    make(tmp_path, "pack", "waivers")
    sign_pack(tmp_path / "pack", KEY, "waivers", namespace="secmon-rules")
    _, (answer,) = run(tmp_path, "pack")
    (fault,) = answer["packs"][0]["faults"]
    assert fault["message"] == "a pack of waivers is signed for secmon-waivers, not secmon-rules"


def test_what_cannot_be_opened_is_a_fault(tmp_path):
    code, faults = run(tmp_path, "none")
    assert code == 2
    assert [fault["message"].rpartition("/")[2] for fault in faults] == [
        "signers does not exist",
        "none does not exist",
    ]
