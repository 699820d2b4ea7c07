"""What is executed when it is read: a folder of the user's own, with signed entries."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tfjslab.backends.wasm.run import module_cache
from tfjslab.base import user_cache
from tfjslab.base.user_cache import KEY, ForeignFolderError, PrivateFolder, cache_root

posix = pytest.mark.skipif(not hasattr(os, "getuid"), reason="no user ids here")


@pytest.fixture
def folder(tmp_path):
    return PrivateFolder(tmp_path / "cache" / "wasm")


def test_what_is_written_is_read(folder):
    assert folder.read("a") is None
    folder.write("a", b"code")
    assert folder.read("a") == b"code"
    assert PrivateFolder(folder.path).read("a") == b"code"


@posix
def test_only_the_user_can_write(folder):
    folder.write("a", b"code")
    modes = {p.name: p.stat().st_mode & 0o777 for p in (folder.path, *folder.path.iterdir())}
    assert modes == {"wasm": 0o700, "a": 0o600, KEY: 0o600}


def test_an_entry_is_good_for_its_name_and_key_alone(folder, tmp_path):
    folder.write("a", b"code")
    folder.write("b", b"other")
    (folder.path / "b").write_bytes((folder.path / "a").read_bytes())
    assert folder.read("b") is None
    other = PrivateFolder(tmp_path / "other")
    other.write("a", b"planted")
    (folder.path / "a").write_bytes((other.path / "a").read_bytes())
    assert folder.read("a") is None
    folder.write("a", b"anew")
    assert folder.read("a") == b"anew"


def test_the_key_is_read_once_and_again_when_its_file_is_another(folder, monkeypatch):
    folder.write("a", b"code")
    opened, open_file = [], os.open

    def watched(place, *rest):
        opened.append(Path(place).name)
        return open_file(place, *rest)

    monkeypatch.setattr(os, "open", watched)
    assert PrivateFolder(folder.path).read("a") == folder.read("a") == b"code"
    assert opened == ["a", "a"]
    (folder.path / "other").write_bytes(bytes(32))
    (folder.path / "other").chmod(0o600)
    (folder.path / "other").replace(folder.path / KEY)
    assert folder.read("a") is None
    assert opened == ["a", "a", "a", KEY]
    (folder.path / KEY).unlink()
    folder.write("a", b"anew")
    assert folder.read("a") == b"anew"


@posix
@pytest.mark.parametrize("name", ["", KEY, "a"])
@pytest.mark.parametrize("mode", [0o020, 0o002])
def test_what_others_may_write_to_is_not_read(folder, name, mode):
    folder.write("a", b"code")
    path = folder.path / name
    path.chmod(path.stat().st_mode | mode)
    with pytest.raises(ForeignFolderError, match=r"others may write to .*; 'chmod go-w' closes it"):
        folder.read("a")


@posix
def test_what_another_user_owns_is_not_read(folder, monkeypatch):
    folder.write("a", b"code")
    monkeypatch.setattr(os, "getuid", lambda: folder.path.stat().st_uid + 1)
    with pytest.raises(ForeignFolderError, match="belongs to user"):
        folder.read("a")


@posix
def test_links_are_not_followed(folder, tmp_path):
    folder.write("a", b"code")
    link = PrivateFolder(tmp_path / "link")
    link.path.symlink_to(folder.path)
    with pytest.raises(ForeignFolderError, match="is a link"):
        link.read("a")
    (folder.path / "a").rename(tmp_path / "moved")
    (folder.path / "a").symlink_to(tmp_path / "moved")
    with pytest.raises(OSError, match="symbolic"):
        folder.read("a")


@posix
def test_a_folder_that_others_may_write_to_is_left_alone_with_a_warning(monkeypatch, tmp_path):
    monkeypatch.setenv(user_cache.CACHE_VARIABLE, str(tmp_path))
    module_cache.write_entry("a", b"code")
    assert module_cache.read_entry("a") == b"code"
    module_cache.cache_folder().chmod(0o777)
    before = sorted(p.name for p in module_cache.cache_folder().iterdir())
    with pytest.warns(UserWarning, match="compiled modules are not kept between runs: others may write to"):
        assert module_cache.read_entry("a") is None
    with pytest.warns(UserWarning, match="compiled modules are not kept"):
        module_cache.write_entry("b", b"more")
    assert sorted(p.name for p in module_cache.cache_folder().iterdir()) == before


def test_a_write_that_fails_leaves_nothing(folder, monkeypatch):
    folder.write("a", b"code")

    def fail(*_):
        raise OSError("no space")

    monkeypatch.setattr(Path, "replace", fail)
    with pytest.raises(OSError, match="no space"):
        folder.write("b", b"more")
    assert {p.name for p in folder.path.iterdir()} == {"a", KEY}


@pytest.mark.parametrize("told", ["~/.cache/tfjslab", None])
def test_without_a_home_there_is_a_folder_for_the_process(monkeypatch, told):
    def home(_name):
        if told is None:
            raise RuntimeError("Could not determine home directory.")
        return Path(told)

    monkeypatch.delenv(user_cache.CACHE_VARIABLE, raising=False)
    monkeypatch.setattr(user_cache.platformdirs, "user_cache_path", home)
    assert cache_root() == cache_root()
    assert cache_root().is_dir()
    assert cache_root().is_absolute()


def test_eight_processes_agree_on_a_key(folder):
    script = (
        "import sys; from pathlib import Path; from tfjslab.base.user_cache import PrivateFolder\n"
        "f = PrivateFolder(Path(sys.argv[1]))\n"
        "for i in range(20): f.write(f'{sys.argv[2]}-{i}', b'x' * i)\n")
    made = [subprocess.Popen([sys.executable, "-c", script, folder.path, str(i)]) for i in range(8)]
    assert [p.wait() for p in made] == [0] * 8
    assert all(folder.read(f"{n}-{i}") == b"x" * i for n in range(8) for i in range(20))
    assert len(list(folder.path.iterdir())) == 8 * 20 + 1
