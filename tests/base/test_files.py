"""Files are whole or as they were, and scratch folders go, whatever ends the work."""

import signal
import stat
import tempfile
from pathlib import Path

import pytest

from tfjslab.base import files
from tfjslab.base.files import replacing, scratch_folder, write_whole


def interrupted(path):
    with replacing(path) as work:
        work.write_text("half")
        raise KeyboardInterrupt


def test_a_file_is_written_and_replaced(tmp_path):
    path = tmp_path / "a.json"
    assert write_whole(path, "é") == path
    path.chmod(0o640)
    write_whole(path, b"new")
    assert (path.read_bytes(), stat.S_IMODE(path.stat().st_mode)) == (b"new", 0o640)
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize("old", [None, "old"])
def test_ctrl_c_leaves_what_was_there(tmp_path, old):
    path = tmp_path / "a.json"
    if old:
        path.write_text(old)
    with pytest.raises(KeyboardInterrupt):
        interrupted(path)
    assert {p.name: p.read_text() for p in tmp_path.iterdir()} == ({"a.json": "old"} if old else {})


def test_what_is_written_to_has_the_suffix_that_tells_the_format(tmp_path):
    with replacing(tmp_path / "chart.svg") as work:
        assert (work.suffix, work.parent, work.name != "chart.svg") == (".svg", tmp_path, True)
        work.touch()


def test_a_link_stays_a_link(tmp_path):
    (tmp_path / "link").symlink_to(tmp_path / "file")
    write_whole(tmp_path / "link", "text")
    assert (tmp_path / "link").is_symlink()
    assert (tmp_path / "file").read_text() == "text"


def test_what_is_no_file_is_written_to_itself():
    with replacing("/dev/null") as work:
        assert work == Path("/dev/null")
        work.write_text("gone")
    assert Path("/dev/null").is_char_device()


def test_what_cannot_be_replaced_is_written_to(tmp_path, monkeypatch):
    def busy(_self, _target):
        raise OSError(16, "Device or resource busy")

    path = tmp_path / "mounted"
    path.write_text("old")
    monkeypatch.setattr(Path, "replace", busy)
    write_whole(path, "new")
    assert path.read_text() == "new"
    assert list(tmp_path.iterdir()) == [path]


def test_errors_are_those_of_writing(tmp_path):
    with pytest.raises(FileNotFoundError):
        write_whole(tmp_path / "none" / "a", "")
    with pytest.raises(IsADirectoryError):
        write_whole(tmp_path, "")


@pytest.fixture
def temporary(monkeypatch, tmp_path):
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    return tmp_path


def test_a_scratch_folder_goes_with_all_that_is_in_it(temporary):
    def work():
        with scratch_folder() as folder:
            (folder / "deep").mkdir()
            (folder / "deep" / "file").touch()
            assert [folder] == list(temporary.iterdir())
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        work()
    assert list(temporary.iterdir()) == []


@pytest.mark.filterwarnings("ignore:Implicitly cleaning up:ResourceWarning")
@pytest.mark.parametrize("where", ["TemporaryDirectory", "rmtree"])
def test_ctrl_c_while_it_is_made_or_removed_leaves_none(temporary, monkeypatch, where):
    module = {"TemporaryDirectory": files.tempfile, "rmtree": tempfile._shutil}[where]
    real = getattr(module, where)

    def pressed(*args, **how):
        signal.raise_signal(signal.SIGINT)
        return real(*args, **how)

    monkeypatch.setattr(module, where, pressed)
    with pytest.raises(KeyboardInterrupt), scratch_folder():
        pass
    assert list(temporary.iterdir()) == []
