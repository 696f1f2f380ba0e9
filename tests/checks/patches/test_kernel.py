from __future__ import annotations

from secmon.checks.patches.dpkg import Installed, Package
from secmon.checks.patches.kernel import Image, Kernel, installed_images, judge_at_rest, judge_running
from secmon.core.model import Reason


def images(*packages: tuple[str, str]) -> tuple[Image, ...]:
    return installed_images(
        Installed(tuple(Package(name, "amd64", version) for name, version in packages), "amd64")
    )


DEBIAN = images(
    ("linux-image-amd64", "6.1.148-1"),
    ("linux-image-6.1.0-40-amd64", "6.1.153-1"),
    ("linux-image-6.1.0-9-amd64", "6.1.27-1"),
    ("linux-image-6.1.0-41-cloud-amd64", "6.1.158-1"),
    ("linux-image-6.1.0-40-amd64-dbg", "6.1.153-1"),
    ("linux-headers-6.1.0-42-amd64", "6.1.159-1"),
)


def uname(package: str) -> str:
    return f"#1 SMP PREEMPT_DYNAMIC Debian {package} (2025-09-20)"


def test_images():
    found = images(
        ("linux-image-unsigned-6.8.0-45-generic", "6.8.0-45.45"),
        ("linux-image-6.12.38+deb13-amd64", "6.12.38-1"),
        ("linux-image-6.1.0-0.deb11.21-rt-amd64", "6.1.90-1~bpo11+1"),
        ("linux-image-6.1.0-40-686-pae", "6.1.153-1"),
        ("linux-image-generic", "6.8.0.45.45"),
        ("linux-image-6.1.0-40-bad", "1_2"),
    )
    assert [(image.release, image.flavour) for image in found] == [
        ("6.1.0-0.deb11.21-rt-amd64", "rt-amd64"),
        ("6.1.0-40-686-pae", "686-pae"),
        ("6.8.0-45-generic", "generic"),
        ("6.12.38+deb13-amd64", "amd64"),
    ]


def test_a_kernel_that_is_unpacked_only_is_not_installed():
    package = Package("linux-image-6.1.0-40-amd64", "amd64", "6.1.153-1", configured=False)
    assert installed_images(Installed((package,), "amd64")) == ()


def test_the_newest_of_its_flavour_runs():
    assert judge_running(DEBIAN, "6.1.0-40-amd64", uname("6.1.153-1")) == Kernel(
        "6.1.0-40-amd64", "6.1.0-40-amd64", False
    )


def test_an_older_one_runs():
    """9 sorts after 40 as text."""
    assert judge_running(DEBIAN, "6.1.0-9-amd64", uname("6.1.27-1")) == Kernel(
        "6.1.0-9-amd64", "6.1.0-40-amd64", True
    )


def test_the_package_was_replaced_under_the_same_release():
    assert judge_running(DEBIAN, "6.1.0-40-amd64", uname("6.1.150-1")).stale is True


def test_the_running_ones_package_is_gone():
    assert judge_running(DEBIAN, "6.1.0-12-amd64", uname("6.1.52-1")).stale is True
    assert judge_running(DEBIAN, "6.1.0-12-amd64", "#1 SMP").stale is Reason.NO_DATA


def test_ubuntu_does_not_say_the_version():
    found = images(
        ("linux-image-6.8.0-45-generic", "6.8.0-45.45"), ("linux-image-6.8.0-48-generic", "6.8.0-48.48")
    )
    assert judge_running(found, "6.8.0-45-generic", "#45-Ubuntu SMP") == Kernel(
        "6.8.0-45-generic", "6.8.0-48-generic", True
    )
    assert judge_running(found, "6.8.0-48-generic", "#48-Ubuntu SMP").stale is False


def test_a_kernel_of_ones_own_and_a_container():
    assert judge_running(DEBIAN, "6.18.44-own", "#1 SMP") == Kernel("6.18.44-own", None, Reason.NO_DATA)
    assert judge_running((), "6.1.0-40-amd64", uname("6.1.153-1")) == Kernel(
        "6.1.0-40-amd64", None, Reason.NO_DATA
    )
    assert judge_running(DEBIAN, "6.18.44", "#1 SMP").stale is Reason.NO_DATA


def test_a_root_at_rest():
    assert judge_at_rest(DEBIAN) == Kernel(Reason.NO_DATA, "6.1.0-41-cloud-amd64", Reason.NO_DATA)
    assert judge_at_rest(()) == Kernel(Reason.NO_DATA, None, Reason.NO_DATA)
