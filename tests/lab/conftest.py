"""Set up what several files of the lab begin with."""

from __future__ import annotations

import sys

import pytest


@pytest.fixture(scope="module")
def debian(needs, tmp_path_factory):
    """A container of Debian, which its user furnishes and boots; it ends with the file."""
    needs("mmdebstrap", "systemd-nspawn", "nsenter", root=True)
    if sys.version_info[:2] != (3, 11):
        pytest.skip("needs Python 3.11, that of the container")
    from tests.support.container import Container

    with Container(tmp_path_factory.mktemp("container")) as made:
        yield made
