"""Which of this host's listeners are asked."""

from __future__ import annotations

import pytest

from secmon.checks.tls.probe.local import choose_listeners
from secmon.sources.diag import Socket


def listener(address: str, port: int, proto: str = "tcp") -> Socket:
    return Socket(proto, 6 if ":" in address else 4, address, port, 0, 0, 1, None, None)


@pytest.mark.parametrize(
    ("sockets", "chosen"),
    [
        ([], []),
        ([listener("0.0.0.0", 443), listener("::", 443)], [("127.0.0.1", 443)]),
        ([listener("::", 8443)], [("::1", 8443)]),
        ([listener("192.0.2.1", 636), listener("0.0.0.0", 22)], [("192.0.2.1", 636)]),
        ([listener("0.0.0.0", 443, "udp"), listener("fe80::1", 443)], []),
    ],
)
def test_which_listeners_are_asked(sockets, chosen):
    assert choose_listeners(sockets) == chosen
