"""Flags of one's own, and the debug mode."""

from __future__ import annotations

import asyncio
import warnings

import pytest

import tfjslab as tf
from tfjslab.base.errors import UsageError


@pytest.fixture(autouse=True)
def _as_before():
    yield
    tf.env().reset()


@pytest.fixture
def mine():
    """Three flags of one's own, and what was set."""
    seen = []
    tf.env().register_flag("MINE", lambda: True, seen.append)
    tf.env().register_flag("MANY", lambda: 3)
    tf.env().register_flag("NAME", lambda: "a")
    yield seen
    for name in ("MINE", "MANY", "NAME"):
        tf.env().unregister_flag(name)


def test_flags_of_ones_own_have_a_kind_a_hook_and_a_default(mine):
    env = tf.env()
    assert (env.get_bool("MINE"), env.get_number("MANY"), env.get_string("NAME")) == (True, 3, "a")
    env.set_flags({"MINE": False, "MANY": 4.5})
    assert (mine, env.get("MANY"), asyncio.run(env.get_async("MINE"))) == ([False], 4.5, False)
    assert env.get_flags()["NAME"] == "a"
    env.reset()
    assert env.get("MINE") is True


@pytest.mark.parametrize(("run", "message"), [
    (lambda e: e.set("MANY", value=True), "flag MANY: True; expected a number"),
    (lambda e: e.set("NAME", 2), "flag NAME: 2; expected text"),
    (lambda e: e.get_number("MINE"), "flag MINE is True; expected a number"),
    (lambda e: e.get_bool("NAME"), "flag NAME is 'a'; expected True or False"),
    (lambda e: e.register_flag("MINE", lambda: False), "flag MINE is registered already"),
    (lambda e: e.register_flag("OTHER", list), "flag OTHER: []; expected True or False, a number or text"),
])
def test_wrong_kinds_are_refused(mine, run, message):
    with pytest.raises(UsageError) as caught:
        run(tf.env())
    assert str(caught.value) == message


def test_none_is_set_when_one_is_unknown(mine):
    with pytest.raises(UsageError, match="flag 'MAN' is unknown"):
        tf.env().set_flags({"MINE": False, "MAN": 1})
    assert mine == []


def test_debug_mode_warns_of_what_is_no_number_until_production_mode():
    with tf.tidy():
        tf.enable_debug_mode()
        with pytest.warns(tf.NotFiniteWarning) as caught:
            tf.log([-1.0, 0.0, 1.0])
        assert str(caught[0].message) == "log: 1 NaN and 1 infinite values in an output of shape [3]"
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            tf.exp([1.0])
            tf.enable_prod_mode()
            tf.log([-1.0])
    assert (tf.env().get("DEBUG"), tf.env().get("PROD")) == (False, True)
