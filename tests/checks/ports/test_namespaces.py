"""Names of network namespaces, from the cgroup of what runs in them."""

from __future__ import annotations

import pytest

from secmon.checks.ports.probe.namespaces import name_of

ID = "0123456789abcdef" * 4


@pytest.mark.parametrize(
    ("path", "name"),
    [
        (f"/system.slice/docker-{ID}.scope", "docker-0123456789ab"),
        (f"/machine.slice/libpod-{ID}.scope/container", "libpod-0123456789ab"),
        (f"/kubepods.slice/kubepods-pod1.slice/cri-containerd-{ID}.scope", "cri-containerd-0123456789ab"),
        ("/machine.slice/machine-web\\x2d1.scope/payload", "web\\x2d1"),
        ("/system.slice/chrony.service", "chrony.service"),
        ("/lxc.payload.mail", "lxc.payload.mail"),
        ("/", "other"),
        ("", "other"),
    ],
)
def test_what_a_namespace_is_called(path: str, name: str):
    assert name_of(path) == name
