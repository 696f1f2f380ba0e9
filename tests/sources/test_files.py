from __future__ import annotations

import contextlib
import os
import socket
import tempfile
from typing import TYPE_CHECKING

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from secmon.core.contract import Unavailable
from secmon.core.model import Reason
from secmon.sources import files
from secmon.sources.files import Root, open_regular, read_all

if TYPE_CHECKING:
    import pathlib


@pytest.fixture(params=[True, False], ids=["openat2", "walk"])
def root(request: pytest.FixtureRequest, tmp_path: pathlib.Path):
    inside = tmp_path / "root"
    (inside / "etc").mkdir(parents=True)
    (inside / "etc/passwd").write_text("inside")
    (tmp_path / "secret").write_text("outside")
    with Root(str(inside), in_kernel=request.param) as opened:
        yield opened


def link(root: Root, name: str, target: str) -> None:
    os.symlink(target, f"{root.path}/{name}")


def text(root: Root, relative: str) -> str:
    return read_all(root.open(relative), 100).decode()


@pytest.mark.parametrize(
    "relative", ["etc/passwd", "/etc/passwd", "etc//./passwd", "../../etc/passwd", "etc/../etc/passwd"]
)
def test_every_spelling_stays_inside(root: Root, relative: str):
    assert text(root, relative) == "inside"


@pytest.mark.parametrize(
    "target", ["/etc/passwd", "../../../etc/passwd", "etc/passwd", "./etc/../etc/passwd"]
)
def test_a_link_is_resolved_inside(root: Root, target: str):
    link(root, "l", target)
    assert text(root, "l") == "inside"


def test_a_link_to_a_file_outside_finds_nothing(root: Root):
    link(root, "l", os.path.dirname(root.path) + "/secret")
    link(root, "up", "../secret")
    for name in ("l", "up"):
        with pytest.raises(Unavailable) as told:
            root.open(name)
        assert told.value.reason is Reason.NO_DATA
        assert told.value.detail == f"{root.path}/{name} does not exist"


def test_a_link_to_a_folder_in_the_middle_of_the_path(root: Root):
    link(root, "d", "/etc")
    link(root, "e", "d/../d")
    assert text(root, "e/passwd") == "inside"
    assert root.list("e") == ["passwd"]


def test_forty_links_are_followed_and_a_loop_ends(root: Root):
    link(root, "l0", "etc/passwd")
    for number in range(1, 42):
        link(root, f"l{number}", f"l{number - 1}")
    assert text(root, "l39") == "inside"
    link(root, "loop", "loop")
    for name in ("l41", "loop"):
        with pytest.raises(Unavailable) as told:
            root.open(name)
        assert told.value.reason is Reason.BAD_DATA
        assert "too many symbolic links" in told.value.detail
    with pytest.raises(Unavailable):
        root.stat_exists("loop")


def answer(root: Root, relative: str) -> object:
    """What opening says: which file, or which folder's names, or why not."""
    try:
        fd = root.open(relative)
    except Unavailable as why:
        if "is a folder" in why.detail:
            return root.list(relative)
        return why
    try:
        return os.fstat(fd).st_ino
    finally:
        os.close(fd)


NAMES = st.sampled_from(["a", "b", "c", "d", ".", "..", "", "nowhere"])
PATHS = st.builds(
    lambda lead, names: lead + "/".join(names),
    st.sampled_from(["", "/"]),
    st.lists(NAMES, min_size=1, max_size=6),
)


@given(links=st.lists(st.tuples(PATHS, PATHS), max_size=8), paths=st.lists(PATHS, min_size=1, max_size=8))
@settings(max_examples=150, deadline=None)
def test_the_walk_ends_where_the_kernel_does(links: list[tuple[str, str]], paths: list[str]):
    with (
        tempfile.TemporaryDirectory() as folder,
        Root(folder) as kernel,
        Root(folder, in_kernel=False) as walk,
    ):
        os.makedirs(f"{folder}/a/b/c")
        for name in ("d", "a/c", "a/b/d"):
            open(f"{folder}/{name}", "w").close()
        for place, target in links:
            parent = os.path.normpath("/" + os.path.dirname(place))
            with contextlib.suppress(OSError):  # the place is taken, or leads through a link
                if os.path.realpath(folder + parent) == os.path.normpath(folder + parent):
                    os.symlink(target, f"{folder}{parent}/{os.path.basename(place)}")
        for path in paths:
            assert answer(walk, path) == answer(kernel, path), path
            assert exists(walk, path) == exists(kernel, path), path


def exists(root: Root, relative: str) -> object:
    try:
        return root.stat_exists(relative)
    except Unavailable as why:
        return why


def test_only_regular_files_are_opened(root: Root):
    os.mkfifo(f"{root.path}/fifo")
    server = socket.socket(socket.AF_UNIX)
    here = os.getcwd()
    os.chdir(root.path)  # a socket's path is at most 107 bytes
    try:
        server.bind("sock")
    finally:
        os.chdir(here)
        server.close()
    link(root, "l", "fifo")
    expected = {"fifo": "a FIFO", "sock": "a socket", "etc": "a folder", "l": "a FIFO", "": "a folder"}
    for name, kind in expected.items():
        with pytest.raises(Unavailable) as told:
            root.open(name)
        assert told.value == Unavailable(Reason.BAD_DATA, f"{root.path}/{name} is {kind}, not a regular file")


def test_a_file_is_no_folder(root: Root):
    with pytest.raises(Unavailable) as told:
        root.open("etc/passwd/x")
    assert told.value.reason is Reason.NO_DATA
    with pytest.raises(Unavailable) as told:
        root.list("etc/passwd")
    assert told.value == Unavailable(Reason.BAD_DATA, f"{root.path}/etc/passwd is not a folder")


def test_exists_follows_links_inside(root: Root):
    link(root, "dangling", "/nowhere")
    link(root, "good", "/etc/passwd")
    found = {name: root.stat_exists(name) for name in ("etc", "good", "dangling", "nowhere", "etc/passwd/x")}
    assert found == {"etc": True, "good": True, "dangling": False, "nowhere": False, "etc/passwd/x": False}


def test_odd_names_are_told_not_raised(root: Root):
    with pytest.raises(Unavailable) as told:
        root.open("a\0b")
    assert told.value.reason is Reason.BAD_DATA
    with pytest.raises(Unavailable) as told:
        root.open("x" * 5000)
    assert told.value.reason is Reason.BAD_DATA


def test_no_descriptor_leaks(root: Root):
    link(root, "l", "/etc/../etc/passwd")
    os.mkfifo(f"{root.path}/fifo")
    before = len(os.listdir("/proc/self/fd"))
    for name in ("l", "fifo", "etc", "nowhere", "etc/passwd/x"):
        with contextlib.suppress(Unavailable):
            os.close(root.open(name))
        root.stat_exists(name)
    root.list("etc")
    assert len(os.listdir("/proc/self/fd")) == before


def test_a_folder_with_too_many_names(root: Root, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(files, "NAME_LIMIT", 2)
    for name in ("a", "b"):
        open(f"{root.path}/etc/{name}", "w").close()
    with pytest.raises(Unavailable) as told:
        root.list("etc")
    assert told.value.reason is Reason.RESOURCE_LIMIT


def test_a_kernel_without_openat2_is_walked(root: Root, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(files, "_SYS_OPENAT2", 100_000)  # answers ENOSYS, as an old kernel does
    link(root, "l", "/etc/passwd")
    assert text(root, "l") == "inside"


def test_a_root_must_be_a_folder(tmp_path: pathlib.Path):
    (tmp_path / "file").touch()
    for name, reason in (("file", Reason.BAD_DATA), ("nowhere", Reason.NO_DATA)):
        with pytest.raises(Unavailable) as told:
            Root(str(tmp_path / name))
        assert told.value.reason is reason


def test_open_regular(tmp_path: pathlib.Path):
    (tmp_path / "file").write_bytes(b"x" * 10)
    os.mkfifo(tmp_path / "fifo")
    os.symlink("file", tmp_path / "l")
    assert read_all(open_regular(str(tmp_path / "l")), 10) == b"x" * 10
    for path, reason in (
        (tmp_path / "fifo", Reason.BAD_DATA),
        (tmp_path / "no", Reason.NO_DATA),
        ("/dev/null", Reason.BAD_DATA),
    ):
        with pytest.raises(Unavailable) as told:
            open_regular(str(path))
        assert told.value.reason is reason


def test_read_all_limits_and_closes(tmp_path: pathlib.Path):
    (tmp_path / "file").write_bytes(b"x" * 11)
    (tmp_path / "empty").touch()
    fd = open_regular(str(tmp_path / "file"))
    with pytest.raises(Unavailable) as told:
        read_all(fd, 10, "the list")
    assert told.value == Unavailable(Reason.RESOURCE_LIMIT, "the list is larger than 10 bytes")
    with pytest.raises(OSError, match="Bad file descriptor"):
        os.fstat(fd)
    assert read_all(open_regular(str(tmp_path / "empty")), 0) == b""


def test_files_of_proc_have_no_size():
    """Their st_size is 0: the end is where read says so."""
    assert read_all(open_regular("/proc/self/status"), 100_000).startswith(b"Name:")
