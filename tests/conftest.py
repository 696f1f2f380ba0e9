"""Rules for every test: no network, except in the lab; a skipped test names what the machine lacks."""

from __future__ import annotations

import os
import pathlib
import shutil

import hypothesis
import pytest
import pytest_socket

# How long an example takes, and to think of one, is the machine's affair.
hypothesis.settings.register_profile(
    "unhurried",
    parent=hypothesis.settings(),
    deadline=None,
    suppress_health_check=[hypothesis.HealthCheck.too_slow],
)
hypothesis.settings.load_profile("unhurried")

LAB = pathlib.Path(__file__).parent / "lab"


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if LAB in item.path.parents:
            item.add_marker(pytest.mark.lab)


@pytest.fixture(autouse=True)
def _no_network(request: pytest.FixtureRequest):
    """Pure tests may not open a socket other than AF_UNIX."""
    if request.node.get_closest_marker("lab"):
        yield
        return
    pytest_socket.disable_socket(allow_unix_socket=True)
    yield
    pytest_socket.enable_socket()


@pytest.fixture(scope="session")
def needs():
    """Skip by name: needs("nmap", "ip") for programs, needs(root=True) for root."""

    def check(*programs: str, root: bool = False) -> None:
        if root and os.geteuid() != 0:
            pytest.skip("needs root")
        for program in programs:
            if shutil.which(program, path=os.environ.get("PATH", "") + ":/usr/sbin:/sbin") is None:
                pytest.skip(f"needs the program {program}")

    return check
