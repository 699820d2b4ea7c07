"""Options that bound what one run may take: every command has them, and says which one was met."""

import pytest

import tfjslab as tf
from tfjslab.cli.app import main


@pytest.fixture(autouse=True)
def _flags():
    yield
    tf.env().reset()


@pytest.mark.parametrize(("option", "value", "code"), [
    ("--max-seconds", "1e-9", "MAX_RUN_SECONDS"), ("--max-memory", "1KB", "MAX_MEMORY_BYTES")])
def test_a_run_that_takes_more_ends_with_the_option_that_raises_the_limit(capsys, option, value, code):
    assert main(["run", "digits", "--backend", "cpu", option, value]) == 3
    told = capsys.readouterr().err
    assert option in told
    assert code in told


@pytest.mark.parametrize("value", ["0", "-1", "nan", "soon"])
def test_seconds_are_a_number_above_zero(capsys, value):
    assert main(["run", "digits", f"--max-seconds={value}"]) == 2
    assert "is not a number of seconds above 0" in capsys.readouterr().err
