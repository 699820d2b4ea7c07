"""Choices on disk: kept with how sure they are, measured again when in doubt, within limits, and hostile to nobody."""

from __future__ import annotations

import json

import pytest

from tfjslab.backends.kernels.choices import Choices
from tfjslab.backends.kernels.race import Confidence

_SURE = Confidence(1.5, 1.01, 6, agreed=True, waited=0.0)
_BUSY = Confidence(1.5, 1.01, 6, agreed=True, waited=0.5)
_WILD = Confidence(1.02, 1.4, 12, agreed=False, waited=0.5)
_MINUTE, _DAY = 60, 86400


def _text(value):
    if not isinstance(value, str):
        raise TypeError(value)
    return value


class _Machine:
    """A folder of choices and a time; each ``start`` is a process."""

    def __init__(self, path):
        self.path = path
        self.now = 1e9
        self.spent = 0.0
        self.choices = None
        self.asked = []

    def start(self, *, after=0):
        self.now += after
        self.choices = Choices(self.path, _text, lambda: self.now, lambda: self.spent)
        return self

    def find(self, kind, chosen, confidence, takes=0.01):
        """What is found for a class, and whether it was measured."""
        def measure():
            self.asked.append(kind)
            self.spent += takes
            return chosen, confidence

        before = len(self.asked)
        return self.choices.find(kind, measure), len(self.asked) > before

    def kept(self):
        return json.loads(self.path.read_text())


@pytest.fixture(name="machine")
def _machine(tmp_path):
    return _Machine(tmp_path / "folder" / "choices.json").start()


def test_a_choice_is_written_with_its_confidence(machine):
    assert machine.find("k", "a", _SURE) == ("a", True)
    assert machine.kept() == {"k": {
        "chosen": "a", "visits": 1, "at_s": 1e9,
        "confidence": {"margin": 1.5, "spread": 1.01, "samples": 6, "agreed": True, "waited": 0.0},
    }}


def test_a_quiet_choice_is_never_measured_again(machine):
    machine.find("k", "a", _SURE)
    assert machine.start(after=1000 * _DAY).find("k", "b", _SURE) == ("a", False)
    assert machine.choices.get("k") == "a"


def test_a_choice_of_which_nobody_knows_how_sure_it_is_stays(machine):
    machine.find("k", "a", None)
    assert machine.start(after=1000 * _DAY).find("k", "b", _SURE) == ("a", False)


def test_a_doubtful_choice_is_measured_again_at_a_later_start(machine):
    machine.find("k", "a", _BUSY)
    assert machine.choices.doubts(["k", "unknown"]) == {"k": "the machine was busy"}
    machine.now += _DAY
    assert machine.find("k", "b", _SURE) == ("a", False)  # results of one process do not change
    machine.start()
    assert machine.choices.get("k") is None  # so that a plan on disk is not used
    assert machine.find("k", "b", _SURE) == ("b", True)
    assert machine.choices.get("k") == "b"
    assert machine.choices.doubts(["k"]) == {}
    assert machine.start(after=_DAY).find("k", "c", _SURE) == ("b", False)


def test_not_at_every_start(machine):
    machine.find("k", "a", _BUSY)
    assert machine.start(after=9 * _MINUTE).find("k", "b", _SURE) == ("a", False)
    assert machine.start(after=_MINUTE).find("k", "b", _SURE) == ("b", True)


def test_a_machine_that_is_always_busy_does_not_measure_for_ever(machine):
    machine.find("k", "a", _BUSY)
    found = [machine.start(after=2 * _DAY).find("k", "b", _BUSY) for _ in range(8)]
    assert found == [("a", True)] * 4 + [("a", False)] * 4


@pytest.mark.parametrize(("first", "second", "kept"), [
    (_WILD, _BUSY, "b"), (_BUSY, _WILD, "a"), (_WILD, _WILD, "a"), (_WILD, _SURE, "b"),
])
def test_another_choice_replaces_one_only_with_less_doubt(machine, first, second, kept):
    machine.find("k", "a", first)
    assert machine.start(after=_DAY).find("k", "b", second) == (kept, True)


def test_what_a_start_measures_again_is_bounded_and_the_rest_waits(machine):
    for kind in "klm":
        machine.find(kind, "a", _BUSY)
    machine.start(after=_DAY)
    assert [machine.find(kind, "b", _SURE, takes=0.6) for kind in "klm"] == [("b", True), ("b", True), ("a", False)]
    assert machine.choices.get("m") == "a"
    assert machine.start().find("m", "b", _SURE) == ("b", True)


def test_what_another_process_has_found_stays(machine):
    other = _Machine(machine.path).start()
    machine.find("k", "a", _SURE)
    other.find("l", "b", _SURE)
    machine.find("m", "c", _SURE)
    assert {kind: told["chosen"] for kind, told in machine.kept().items()} == {"k": "a", "l": "b", "m": "c"}


_GOOD = {"chosen": "a", "visits": 1, "at_s": 1e9, "confidence": None}
_TOLD = {"margin": 1.5, "spread": 1.01, "samples": 6, "agreed": True, "waited": 0.0}


@pytest.mark.parametrize("content", [
    b"", b"{", b"[]", b"3", b"\xff\xfe", b"[" * 100_000, b'{"k": "a"}',
    b'{"k": {"outputs": 2, "vectors": 4, "unroll": 1, "relaxed": false, "cut": 0, "columns": false}}',
    *(json.dumps({"k": {**_GOOD, **change}}).encode() for change in (
        {"chosen": 3}, {"chosen": None}, {"visits": 0}, {"visits": -(10**9)}, {"visits": 1.5}, {"visits": True},
        {"at_s": "now"}, {"at_s": None}, {"at_s": 10**400},
        {"confidence": 3}, {"confidence": {}}, {"confidence": {**_TOLD, "more": 1}},
        {"confidence": {**_TOLD, "waited": "long"}}, {"confidence": {**_TOLD, "agreed": "yes"}},
        {"confidence": {**_TOLD, "samples": None}},
    )),
])
def test_old_damaged_and_hostile_files_are_measured_again(machine, content):
    machine.path.parent.mkdir(exist_ok=True)
    machine.path.write_bytes(content)
    machine.start()
    assert machine.choices.get("k") is None
    assert machine.find("k", "b", _SURE) == ("b", True)
    assert machine.start().find("k", "c", _SURE) == ("b", False)


@pytest.mark.parametrize("change", [{"visits": 10**30}, {"at_s": 1e400}, {"at_s": float("nan")}, {"visits": 5}])
def test_numbers_out_of_all_bounds_only_end_the_visits(machine, change):
    machine.path.parent.mkdir(exist_ok=True)
    machine.path.write_text(json.dumps({"k": {**_GOOD, "confidence": {**_TOLD, "waited": 0.9}, **change}}))
    assert machine.start(after=_DAY).find("k", "b", _SURE) == ("a", False)


def test_a_folder_that_cannot_be_written_only_costs_time(tmp_path):
    (tmp_path / "file").write_text("")
    machine = _Machine(tmp_path / "file" / "choices.json").start()
    assert [machine.find("k", "a", _SURE) for _ in range(2)] == [("a", True), ("a", False)]
