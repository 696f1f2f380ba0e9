from __future__ import annotations

import os
import stat
import threading

import pytest

from secmon.cli.command import Bad
from secmon.cli.output import destination, refuse_unwritable, say, user_language


def test_a_file_appears_whole_and_for_its_owner_only(tmp_path):
    path = tmp_path / "report.json"
    with destination(str(path)) as out:
        out.write("Điểm\n")
        assert not path.exists()
    assert path.read_bytes() == "Điểm\n".encode()
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert os.listdir(tmp_path) == ["report.json"]


def test_a_run_that_fails_leaves_what_was_there(tmp_path):
    path = tmp_path / "report.json"
    path.write_text("before")
    with pytest.raises(KeyError), destination(str(path)) as out:
        out.write("half")
        raise KeyError
    assert path.read_text() == "before"
    assert os.listdir(tmp_path) == ["report.json"]


def test_an_old_file_that_others_could_read_becomes_private(tmp_path):
    path = tmp_path / "report.json"
    path.write_text("before")
    path.chmod(0o644)
    with destination(str(path)) as out:
        out.write("after")
    assert (path.read_text(), stat.S_IMODE(path.stat().st_mode)) == ("after", 0o600)


def test_a_link_is_followed_not_replaced(tmp_path):
    real = tmp_path / "real.json"
    link = tmp_path / "link.json"
    link.symlink_to(real)
    with destination(str(link)) as out:
        out.write("x")
    assert link.is_symlink()
    assert real.read_text() == "x"


def test_a_pipe_is_written_to_not_replaced(tmp_path):
    path = tmp_path / "pipe"
    os.mkfifo(path)
    read = []
    reader = threading.Thread(target=lambda: read.append(path.read_text()))
    reader.start()
    with destination(str(path)) as out:
        out.write("through")
    reader.join()
    assert (read, stat.S_ISFIFO(path.stat().st_mode)) == (["through"], True)


def test_a_folder_or_a_missing_folder_is_refused_before_the_work(tmp_path):
    with pytest.raises(Bad, match="it is a folder; name a file in it"):
        refuse_unwritable(str(tmp_path))
    with pytest.raises(Bad, match="does not exist or may not be written to"):
        refuse_unwritable(str(tmp_path / "absent" / "report.json"))
    refuse_unwritable(str(tmp_path / "report.json"))
    refuse_unwritable("")


def test_a_folder_that_has_gone_meanwhile_is_one_clear_message(tmp_path):
    with (
        pytest.raises(Bad, match="No such file or directory; nothing was kept"),
        destination(str(tmp_path / "a/b")),
    ):
        pass


def test_messages_cannot_fool_a_terminal(capsys):
    say("bad \x1b[2J file")
    assert capsys.readouterr().err == "secmon: bad \\x1b[2J file\n"


@pytest.mark.parametrize(
    ("environment", "chosen", "expected"),
    [
        ({}, None, "vi"),
        ({"LANG": "en_US.UTF-8"}, None, "en"),
        ({"LANG": "C.UTF-8"}, None, "vi"),
        ({"LANG": "en"}, None, "en"),
        ({"LANG": "en_US.UTF-8", "LC_ALL": "vi_VN.UTF-8"}, None, "vi"),
        ({"LANG": "vi_VN", "LC_MESSAGES": "en_GB"}, None, "en"),
        ({"LANG": "en_US", "LC_ALL": ""}, None, "en"),
        ({"LANG": "en_US"}, "vi", "vi"),
        ({}, "en", "en"),
    ],
)
def test_the_language_is_the_chosen_one_else_that_of_the_locale(environment, chosen, expected, monkeypatch):
    for name in ("LC_ALL", "LC_MESSAGES", "LANG"):
        monkeypatch.delenv(name, raising=False)
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    assert user_language(chosen) == expected
