"""Which package a file list speaks of."""

from __future__ import annotations

import pytest

from secmon.checks.ports.dpkg import names_any, package_of, spellings

LISTING = b"/.\n/usr\n/usr/sbin\n/usr/sbin/sshd\n/usr/share/doc/openssh-server\n"


def test_a_file_that_is_listed_is_found():
    assert names_any(LISTING, spellings("/usr/sbin/sshd"))


@pytest.mark.parametrize(
    "path", ["/usr/sbin/ssh", "/sbin/sshd", "/usr/sbin/sshd2", "/usr/sbin", "/x/usr/sbin/sshd"]
)
def test_another_file_is_not(path: str):
    assert names_any(LISTING, spellings(path)) == (path == "/usr/sbin")


def test_a_package_from_before_the_merged_usr_is_found():
    assert names_any(b"/.\n/bin\n/bin/busybox\n", spellings("/usr/bin/busybox"))
    assert not names_any(b"/.\n/opt/tool\n", spellings("/usr/opt/tool"))


def test_a_list_may_begin_with_the_file():
    assert names_any(b"/usr/bin/x\n", spellings("/usr/bin/x"))


@pytest.mark.parametrize(
    ("name", "package"),
    [
        ("openssh-server.list", "openssh-server"),
        ("libc6:amd64.list", "libc6"),
        ("libc6:amd64.md5sums", None),
        ("format", None),
    ],
)
def test_the_name_of_a_list_tells_the_package(name: str, package: str | None):
    assert package_of(name) == package
