"""A model with open lengths computes, for any lengths, what the same model made for these lengths computes."""

import numpy as np
import pytest
from support.layers import functional, keras_input, keras_layer, weights_of, write
from support.sequence_layers import options, recurrent_shapes, wrapped

import tfjslab as tf
from tfjslab.base.errors import ModelError
from tfjslab.formats.registry import read_model

IMAGES = {
    "UpSampling2D": ({"size": [2, 3]}, {}),
    "UpSampling2D bilinear": ({"size": 2, "interpolation": "bilinear"}, {}),
    "Conv2DTranspose": (
        {"filters": 2, "kernel_size": 3, "strides": 2, "padding": "same"},
        {"kernel": (3, 3, 2, 3), "bias": (2,)},
    ),
    "Conv2DTranspose valid": (
        {"filters": 2, "kernel_size": 3, "strides": 2, "use_bias": False},
        {"kernel": (3, 3, 2, 3)},
    ),
    "Conv2DTranspose padded": (
        {"filters": 2, "kernel_size": 3, "strides": 2, "output_padding": 1, "use_bias": False},
        {"kernel": (3, 3, 2, 3)},
    ),
    "Cropping2D": ({"cropping": [[1, 1], [0, 2]]}, {}),
    "ZeroPadding2D": ({"padding": [[1, 0], [0, 2]]}, {}),
    "Dense": ({"units": 4, "activation": "relu"}, {"kernel": (3, 4), "bias": (4,)}),
    "Flatten": ({}, {}),
    "Reshape": ({"target_shape": [-1, 3]}, {}),
    "Permute": ({"dims": [3, 1, 2]}, {}),
    "LayerNormalization": ({}, {"gamma": (3,), "beta": (3,)}),
    "TimeDistributed": ({"layer": wrapped("Dense", units=2, use_bias=False)}, {"kernel": (3, 2)}),
}
SEQUENCES = {
    "LSTM": ({"return_sequences": True, **options("LSTM")}, recurrent_shapes("LSTM", 3)),
    "Bidirectional": (
        {"layer": wrapped("GRU", return_sequences=True, **options("GRU"))},
        {f"{d}_inner/{k}": s for d in ("forward", "backward") for k, s in recurrent_shapes("GRU", 3).items()},
    ),
    "RNN": ({"cell": wrapped("SimpleRNNCell", **options("SimpleRNN"))}, recurrent_shapes("SimpleRNN", 3)),
    "Dense": ({"units": 4}, {"kernel": (3, 4), "bias": (4,)}),
    "TimeDistributed": ({"layer": wrapped("Dense", units=2, use_bias=False)}, {"kernel": (3, 2)}),
}
SEQUENCES |= {
    "Conv1DTranspose": ({"filters": 2, "kernel_size": 3, "strides": 2}, {"kernel": (3, 2, 3), "bias": (2,)}),
    "Conv1DTranspose same": (
        {"filters": 2, "kernel_size": 3, "strides": 2, "padding": "same", "use_bias": False},
        {"kernel": (3, 2, 3)},
    ),
    "UpSampling1D": ({"size": 3}, {}),
    "Cropping1D": ({"cropping": [1, 2]}, {}),
    "ZeroPadding1D": ({"padding": 2}, {}),
}
VIDEOS = {
    "UpSampling3D": ({"size": [2, 1, 3]}, {}),
    "Cropping3D": ({"cropping": [[1, 0], [0, 2], [1, 1]]}, {}),
    "ConvLSTM2D": (
        {"filters": 2, "kernel_size": 2, "padding": "same", "return_sequences": True},
        {"kernel": (2, 2, 3, 8), "recurrent_kernel": (2, 2, 2, 8), "bias": (8,)},
    ),
}
CASES = {
    **{f"{k} of images": (k, v, (None, None, None, 3), (2, 6, 4, 3)) for k, v in IMAGES.items()},
    **{f"{k} of videos": (k, v, (None, None, None, None, 3), (2, 4, 5, 6, 3)) for k, v in VIDEOS.items()},
    **{f"{k} of steps": (k, v, (None, None, 3), (2, 5, 3)) for k, v in SEQUENCES.items()},
}


def layer_model(folder, name, config, weights, shape):
    layers = [keras_input("x", shape), keras_layer(name.split()[0], "l", "x", **config)]
    return read_model(write(folder, functional(layers, ["x"], ["l"]), weights))


@pytest.mark.parametrize("case", CASES)
def test_open_lengths_compute_what_known_ones_do(tmp_path, run, case):
    name, (config, shapes), open_shape, known = CASES[case]
    weights = weights_of({f"l/{k}": s for k, s in shapes.items()})
    graphs = [layer_model(tmp_path / str(i), name, config, weights, s) for i, s in enumerate((open_shape, known))]
    x = np.random.default_rng(0).uniform(-1, 1, known).astype(np.float32)
    found, expected = (run(g, x)[0] for g in graphs)
    np.testing.assert_allclose(found, expected, atol=2e-6)
    (declared,) = (p.shape for p in graphs[0].outputs)
    assert len(declared) == found.ndim
    assert all(d in (None, n) for d, n in zip(declared, found.shape, strict=True))


@pytest.mark.parametrize("backend", ["cpu", "wasm-simd"])
def test_an_image_model_of_any_size_runs_as_one_plan(tmp_path, backend):
    """Lengths that are computed from shapes are numbers again before anything runs."""
    weights = weights_of({"c/kernel": (3, 3, 3, 3), "c/bias": (3,), "t/kernel": (2, 2, 2, 6), "t/bias": (2,)})
    layers = [
        keras_input("x", (None, None, None, 3)),
        keras_layer("Conv2D", "c", "x", filters=3, kernel_size=3, padding="same"),
        keras_layer("MaxPooling2D", "p", "c"),
        keras_layer("UpSampling2D", "u", "p"),
        keras_layer("Concatenate", "j", "c", "u"),
        keras_layer("Conv2DTranspose", "t", "j", filters=2, kernel_size=2, strides=2),
    ]
    write(tmp_path, functional(layers, ["x"], ["t"]), weights)
    with tf.load_model(tmp_path, backend=backend) as model:
        for size in ((8, 6), (4, 10)):
            x = np.ones((2, *size, 3), np.float32)
            assert model.predict(x).shape == (2, 2 * size[0], 2 * size[1], 2)
            assert len(model.prepare(x)) == 1


def test_what_needs_known_lengths_says_so(tmp_path):
    with pytest.raises(ModelError, match=r"\(CenterCrop\): input \[None, None, None, 3\], expected a known height"):
        layer_model(tmp_path, "CenterCrop", {"height": 2, "width": 2}, {}, (None, None, None, 3))
