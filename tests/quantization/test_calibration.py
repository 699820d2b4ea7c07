"""Calibration data that cannot be used is refused with the whole reason; ranges follow from data that can."""

from __future__ import annotations

import numpy as np
import pytest

from tfjslab.base.errors import InputError, UsageError
from tfjslab.graph.ir import Port
from tfjslab.quantization.calibrate import Observed, calibration_batches, check_method
from tfjslab.quantization.scheme import activation_scale

IMAGE = Port("image", "image", (None, 2, 2), "float32")
OTHER = Port("other", "other", (3,), "float32")
GOOD = np.arange(4, dtype=np.float32).reshape(1, 2, 2)

BAD = {
    "int8 needs calibration data: arrays like the model's inputs": None,
    "the calibration data is empty; expected at least one batch": [],
    "calibration data is int; expected arrays, mappings by input name, or a list of them": 3,
    "calibration batch 0: input 'image' has shape [1, 3, 2]; expected [-1, 2, 2] (-1: any length)": np.ones((1, 3, 2)),
    "calibration batch 0: input 'image' has shape [0, 2, 2] and no values": np.ones((0, 2, 2)),
    "calibration batch 1: input 'image' has 2 values that are NaN or infinite":
        [GOOD, np.array([[[0, np.nan], [np.inf, 1]]])],
    "calibration batch 0: input 'image' is 0.5 everywhere; constant data tells nothing about ranges":
        np.full((1, 2, 2), 0.5),
    "calibration batch 0: input 'image' holds <U1; expected numbers": np.array([[["a", "b"], ["c", "d"]]]),
    "calibration batch 0: 'imag' is not an input of the model; did you mean 'image'? and 'image' is missing":
        {"imag": GOOD},
}


@pytest.mark.parametrize("message", BAD)
def test_bad_calibration_data_is_refused(message):
    with pytest.raises(InputError) as e:
        calibration_batches(BAD[message], [IMAGE])
    assert str(e.value) == message


def test_several_inputs_need_names():
    with pytest.raises(InputError) as e:
        calibration_batches([GOOD], [IMAGE, OTHER])
    assert str(e.value) == (
        "calibration batch 0: an array, but the model has 2 inputs (image, other); expected a mapping by name"
    )
    with pytest.raises(InputError) as e:
        calibration_batches({"image": GOOD}, [IMAGE, OTHER])
    assert str(e.value) == "calibration batch 0: 'other' is missing"


def test_an_unknown_method_is_refused():
    with pytest.raises(UsageError) as e:
        check_method("minmaxx")
    assert str(e.value) == "method is 'minmaxx'; expected one of minmax, percentile, mse; did you mean 'minmax'?"


def test_zero_is_always_exact():
    """Padding and ReLU stand for 0, whatever the range."""
    for low, high in ((-1.3, 4.1), (0.5, 2.0), (-3.0, -1.0), (0.0, 0.0)):
        scale = activation_scale(low, high)
        assert 0 <= scale.zero <= 127
        assert scale.decode(np.array([scale.zero], np.int8))[0] == 0


def test_percentile_and_mse_leave_outliers_out():
    """One value far away decides the range of min-max only."""
    values = np.random.default_rng(0).normal(size=100_000).astype(np.float32)
    values[7] = 1000
    seen = Observed(float(values.min()), float(values.max()), [values])
    scales = {m: seen.scale(m).scale for m in ("minmax", "percentile", "mse")}
    assert scales["minmax"] > 7.8
    assert scales["percentile"] < 0.1
    # Nothing but the outlier is far from 0, and there are many of the others.
    values[7] = 20
    spread = Observed(float(values.min()), 20.0, [values])
    assert spread.scale("mse").scale < spread.scale("minmax").scale
