"""What makes a listener another one to the watch."""

from __future__ import annotations

from secmon.checks.ports.probe.watch import outline
from secmon.sources.diag import Socket


def socket(proto: str, port: int, inode: int) -> Socket:
    return Socket(proto, 4, "0.0.0.0", port, 0, 0, inode, 7, None)


def test_a_service_that_was_restarted_is_another_listener():
    assert outline(socket("tcp", 22, 1)) != outline(socket("tcp", 22, 2))
    assert outline(socket("udp", 53, 1)) != outline(socket("udp", 53, 2))


def test_a_resolver_that_takes_a_new_port_is_not():
    assert outline(socket("udp", 40000, 1)) == outline(socket("udp", 50000, 2))
    assert outline(socket("tcp", 40000, 1)) != outline(socket("tcp", 50000, 2))
