"""Profiles as files: a round trip, and every kind of damage is named with the file."""

from __future__ import annotations

import json

import pytest

import tfjslab.profiling as rooms
from tfjslab.base.errors import InputError, UsageError
from tfjslab.profiling.files import load, save
from tfjslab.records.profile import KernelRecord, Phases, Profile, to_json

KERNEL = KernelRecord("Add", "a", 0.1, ((2, 3), ()), ((2, 3),), 24, 100, 1, 4, 6, fallback=False, times_ms=(0.1, 1 / 3))
PROFILE = Profile((KERNEL,), 0.5, 0.4, 100, 0, 0, Phases(1.0, None, 2.0, (0.5,)), (0.5,), None, "net")


def test_a_file_gives_back_the_very_profile(tmp_path):
    assert load(save(PROFILE, tmp_path / "p.json")) == PROFILE


def test_what_the_command_line_adds_beside_the_profile_is_left_out(tmp_path):
    path = tmp_path / "p.json"
    path.write_text(json.dumps({**to_json(PROFILE), "diff": {"a": 1}, "roofline": None}))
    assert load(path) == PROFILE


@pytest.mark.parametrize(("content", "message"), [
    (b"", "not JSON: Expecting value: line 1 column 1 (char 0)"),
    (b"\xff\xfe", "not text in UTF-8; expected a profile as JSON"),
    (b'{"version": 1', "not JSON: Expecting ',' delimiter: line 1 column 14 (char 13)"),
    (b'{"version": NaN}', "not JSON: it holds NaN, which is no number"),
    (b'{"version": 1, "version": 2}', "not JSON: 'version' is given twice in one object"),
    (b"[1]", "this is not a profile written by tfjslab: it is a list; expected an object"),
    (b'{"version": 99}', "this is not a profile written by tfjslab: it has version 99; expected 1"),
    (b'{"version": 1}', "this is not a profile written by tfjslab: profile has no field 'kernels'"),
])
def test_damaged_files_are_refused_with_their_name(tmp_path, content, message):
    path = tmp_path / "p.json"
    path.write_bytes(content)
    with pytest.raises(InputError) as caught:
        load(path)
    assert str(caught.value) == f"{path}: {message}"
    assert (caught.value.code, caught.value.exit_code) == ("input.profile", 3)


def test_every_cut_of_a_file_is_refused(tmp_path):
    path = save(PROFILE, tmp_path / "p.json")
    whole = path.read_bytes().rstrip()
    for end in range(0, len(whole), 7):
        path.write_bytes(whole[:end])
        with pytest.raises(InputError):
            load(path)


def test_files_that_are_not_there_or_cannot_be_written_are_named(tmp_path):
    with pytest.raises(InputError, match="cannot be read"):
        load(tmp_path / "none.json")
    with pytest.raises(UsageError, match="cannot be written"):
        save(PROFILE, tmp_path / "none" / "p.json")


def test_the_package_gives_everything_by_name():
    for name in dir(rooms):
        assert getattr(rooms, name).__name__ == name
    with pytest.raises(AttributeError, match=r"has no attribute 'dif'; did you mean 'diff'\?"):
        _ = rooms.dif
