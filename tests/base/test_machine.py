"""Threads and cores: what is said before a measurement."""

from __future__ import annotations

import os

import pytest

from tfjslab.base import machine


@pytest.fixture(name="cores")
def _cores(monkeypatch):
    """Let the machine have so many cores, on which others compute so much."""
    def use(number, load):
        monkeypatch.setattr(machine, "usable_cores", lambda: number)
        monkeypatch.setattr(os, "getloadavg", lambda: (load, 0.0, 0.0), raising=False)

    return use


def test_threads_with_a_core_each_need_no_word(cores):
    cores(4, 0.2)
    assert machine.crowding(4) == ""
    cores(4, 1.9)
    assert machine.crowding(2) == ""
    cores(2, 9.0)
    assert machine.crowding(1) == ""


def test_more_threads_than_cores_take_turns(cores):
    cores(2, 0.0)
    assert machine.crowding(3) == "3 threads on 2 cores: they take turns, fewer are faster"
    cores(1, 0.0)
    assert machine.crowding(2) == "2 threads on 1 core: they take turns, fewer are faster"


def test_cores_that_others_use_are_told(cores):
    cores(2, 1.4)
    assert machine.crowding(2) == ("2 threads on 2 cores, of which others took 1.4 in the last minute: threads that "
                                   "wait for each other suffer most")
