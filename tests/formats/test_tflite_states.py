"""What .tflite models keep between their calls: recurrent layers and variables, step by step against numpy."""

from __future__ import annotations

import numpy as np
import pytest
from support.flat import operator, subgraph, tensor, tflite
from support.tflite import ran, single

import tfjslab as tf
from tfjslab.base.errors import LimitError, ModelError

RNG = np.random.default_rng(3)
BATCH, STEPS, INPUTS, UNITS, OUT = 2, 4, 3, 5, 6
PEEPHOLE, BIAS, PROJECTION, STATE, NORM = 9, 12, 16, 18, 20
TANH, RELU = 4, 1


def numbers(*shape):
    return (0.7 * RNG.uniform(-1, 1, shape)).astype(np.float32)


def sigmoid(x):
    return 1 / (1 + np.exp(-x))


def lstm_weights(*, units=UNITS, shared=False, peephole=False, projection=False, norm=False, first=0):
    """Weights by the operator's input, behind ``first``."""
    found, out = {}, OUT if projection else units
    for gate in range(shared, 4):
        found[1 + gate], found[5 + gate] = numbers(units, INPUTS), numbers(units, out)
        found[BIAS + gate] = numbers(units)
        if norm:
            found[NORM + gate] = numbers(units)
        if peephole and gate != 2:
            found[PEEPHOLE + (min(2, gate))] = numbers(units)
    if projection:
        found[PROJECTION], found[PROJECTION + 1] = numbers(OUT, units), numbers(OUT)
    return {first + k: v for k, v in found.items()}, out


def lstm_step(w, x, h, c, clips=(0, 0)):
    """One step in float64, as LiteRT's reference computes it."""
    def gate(g, memory=None):
        value = x @ w[1 + g].T.astype(float) + h @ w[5 + g].T
        place = PEEPHOLE + (min(2, g))
        if memory is not None and place in w:
            value = value + memory * w[place]
        if NORM + g in w:
            value = value - value.mean(-1, keepdims=True)
            value = value / np.sqrt((value**2).mean(-1, keepdims=True) + 1e-8) * w[NORM + g]
        return value + w[BIAS + g]

    forget = sigmoid(gate(1, c))
    into = sigmoid(gate(0, c)) if 1 in w else 1 - forget
    c = forget * c + into * np.tanh(gate(2))
    c = np.clip(c, -clips[0], clips[0]) if clips[0] else c
    h = sigmoid(gate(3, c)) * np.tanh(c)
    if PROJECTION in w:
        h = h @ w[PROJECTION].T.astype(float) + w[PROJECTION + 1]
        h = np.clip(h, -clips[1], clips[1]) if clips[1] else h
    return h, c


def ordered(weights, states, count):
    """The places of an operator's inputs: what is fed, constants by their place, then variables."""
    order = [-1] * count
    order[0] = 0
    for i, place in enumerate([*weights, *states]):
        order[place] = 1 + i
    return order


@pytest.mark.parametrize("time_major", [False, True])
@pytest.mark.parametrize(("parts", "clips"), [
    ({}, (0, 0)), ({}, (0.3, 0)), ({"shared": True, "norm": True}, (0, 0)), ({"peephole": True}, (0, 0)),
    ({"shared": True, "peephole": True, "projection": True, "norm": True}, (0.4, 0.2)),
])
def test_a_memory_over_steps_goes_on_where_the_call_before_ended(tmp_path, parts, clips, time_major):
    weights, out = lstm_weights(**parts)
    shape = (STEPS, BATCH) if time_major else (BATCH, STEPS)
    calls = [numbers(*shape, INPUTS) for _ in range(2)]
    options = {0: ("<b", TANH), 1: ("<f", clips[0]), 2: ("<f", clips[1]), 3: ("<?", time_major)}
    data = single("UNIDIRECTIONAL_SEQUENCE_LSTM", calls[:1], list(weights.values()), [(*shape, out)], options,
                  order=ordered(weights, (STATE, STATE + 1), 24), states=[(BATCH, out), (BATCH, UNITS)])
    h, c = np.zeros((BATCH, out)), np.zeros((BATCH, UNITS))
    for x, (found,) in zip(calls, ran(tmp_path, data, *[[x] for x in calls]), strict=True):
        for t in range(STEPS):
            h, c = lstm_step(weights, x[t] if time_major else x[:, t], h, c, clips)
            np.testing.assert_allclose(found[t] if time_major else found[:, t], h, rtol=1e-4, atol=1e-6)


def test_a_memory_of_two_directions(tmp_path):
    forward, _ = lstm_weights()
    backward, _ = lstm_weights(units=4)
    weights = {**forward, **{17 + k: v for k, v in backward.items()}}
    x = numbers(BATCH, STEPS, INPUTS)
    data = single("BIDIRECTIONAL_SEQUENCE_LSTM", [x], list(weights.values()), [(BATCH, STEPS, UNITS + 4)],
                  {0: ("<b", TANH), 3: ("<?", True), 4: ("<?", False)}, order=ordered(weights, range(35, 39), 48),
                  states=[(BATCH, UNITS), (BATCH, UNITS), (BATCH, 4), (BATCH, 4)])
    ((found,),) = ran(tmp_path, data, [x])
    steps = range(STEPS)
    for w, order, columns in ((forward, steps, slice(UNITS)), (backward, reversed(steps), slice(UNITS, None))):
        h, c = np.zeros((BATCH, len(w[BIAS]))), np.zeros((BATCH, len(w[BIAS])))
        for t in order:
            h, c = lstm_step(w, x[:, t], h, c)
            np.testing.assert_allclose(found[:, t, columns], h, rtol=1e-4, atol=1e-6)


def test_one_step_of_a_memory(tmp_path):
    """The full operator, and the basic one, whose gates come in another order."""
    weights, _ = lstm_weights()
    calls = [numbers(BATCH, INPUTS) for _ in range(3)]
    full = single("LSTM", calls[:1], list(weights.values()), [(BATCH, UNITS)], {0: ("<b", TANH)},
                  order=ordered(weights, (STATE, STATE + 1), 20), states=[(BATCH, UNITS)] * 2)
    joined = np.concatenate([np.concatenate([weights[1 + g], weights[5 + g]], 1) for g in (0, 2, 1, 3)])
    bias = np.concatenate([weights[BIAS + g] for g in (0, 2, 1, 3)])
    shapes = [(BATCH, UNITS), (BATCH, UNITS), (BATCH, INPUTS + UNITS), (BATCH, 4 * UNITS)]
    basic = single("LSTM", calls[:1], [joined, bias], shapes, {0: ("<b", TANH), 3: ("<b", 1)}, order=[0, 3, 1, 2, 4],
                   states=[(BATCH, UNITS)] * 2)
    for data in (full, basic):
        h = c = np.zeros((BATCH, UNITS))
        for x, (found, *_) in zip(calls, ran(tmp_path, data, *[[x] for x in calls]), strict=True):
            h, c = lstm_step(weights, x, h, c)
            np.testing.assert_allclose(found, h, rtol=1e-4, atol=1e-6)


def test_simple_recurrent_layers(tmp_path):
    w, r, b = numbers(UNITS, INPUTS), numbers(UNITS, UNITS), numbers(UNITS)
    calls = [numbers(BATCH, STEPS, INPUTS) for _ in range(2)]
    sequence = single("UNIDIRECTIONAL_SEQUENCE_RNN", calls[:1], [w, r, b], [(BATCH, STEPS, UNITS)], {1: ("<b", TANH)},
                      states=[(BATCH, UNITS)])
    h = np.zeros((BATCH, UNITS))
    for x, (found,) in zip(calls, ran(tmp_path, sequence, *[[x] for x in calls]), strict=True):
        for t in range(STEPS):
            h = np.tanh(x[:, t] @ w.T + h @ r.T + b)
            np.testing.assert_allclose(found[:, t], h, rtol=1e-4, atol=1e-6)
    single_steps = [x[:, 0] for x in calls]
    step = single("RNN", single_steps[:1], [w, r, b], [(BATCH, UNITS)], {0: ("<b", RELU)}, states=[(BATCH, UNITS)])
    h = np.zeros((BATCH, UNITS))
    for x, (found,) in zip(single_steps, ran(tmp_path, step, *[[x] for x in single_steps]), strict=True):
        h = np.maximum(x @ w.T + h @ r.T + b, 0)
        np.testing.assert_allclose(found, h, rtol=1e-4, atol=1e-6)
    both = single("BIDIRECTIONAL_SEQUENCE_RNN", calls[:1], [w, r, b, w, r, b], [(BATCH, STEPS, UNITS)] * 2,
                  {1: ("<b", TANH)}, order=[0, 1, 2, 3, 7, 4, 5, 6, 8], states=[(BATCH, UNITS)] * 2)
    ((forward, backward),) = ran(tmp_path, both, [calls[0]])
    ((again, _),) = ran(tmp_path, both, [calls[0][:, ::-1]])
    np.testing.assert_allclose(backward, again[:, ::-1], rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(forward[:, 0], np.tanh(calls[0][:, 0] @ w.T + b), rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize(("rank", "memory"), [(1, 1), (2, 3)])
def test_features_that_are_filtered_over_time(tmp_path, rank, memory):
    features, over_time, bias = numbers(6, INPUTS), numbers(6, memory), numbers(6 // rank)
    calls = [numbers(BATCH, INPUTS) for _ in range(memory + 2)]
    data = single("SVDF", calls[:1], [features, over_time, bias], [(BATCH, 6 // rank)],
                  {0: ("<i", rank), 1: ("<b", RELU)}, states=[(BATCH, 6 * memory)])
    past = [np.zeros((BATCH, 6))] * memory
    for x, (found,) in zip(calls, ran(tmp_path, data, *[[x] for x in calls]), strict=True):
        past = [*past[1:], x @ features.T.astype(float)]
        filtered = sum(p * over_time[:, t] for t, p in enumerate(past))
        expected = np.maximum(filtered.reshape(BATCH, -1, rank).sum(-1) + bias, 0)
        np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-6)


def counter(first, *, where=0):
    """A model that adds its input to a variable, which a subgraph sets once, and gives the sum."""
    named = {0: "", 1: "sum"}
    tensors = [tensor("x", (2,)), tensor("h", (), "resource"), tensor("before", (2,)), tensor("after", (2,))]
    ops = [operator(0, [], [], {0: ("<i", 1)}), operator(1, [], [1], named), operator(2, [1], [2]),
           operator(3, [2, 0], [3], {0: ("<b", 0)}), operator(4, [1, 3], [])]
    begin = subgraph([tensor("h", (), "resource"), tensor("first", (2,), "float32", 1)],
                     [operator(1, [], [0], named), operator(4, [0, 1 + where], [])], [], [])
    return tflite(["CALL_ONCE", "VAR_HANDLE", "READ_VARIABLE", "ADD", "ASSIGN_VARIABLE"],
                  [subgraph(tensors, ops, [0], [3]), begin], [first])


def test_variables_begin_as_the_file_says_and_reset(tmp_path):
    path, first = tmp_path / "m.tflite", np.float32([10, 20])
    path.write_bytes(counter(first))
    one = np.ones(2, np.float32)
    with tf.load_model(path, backend="cpu") as model:
        assert [p.name for p in model.inputs] == ["x"]
        assert [p.name for p in model.outputs] == ["after"]
        np.testing.assert_array_equal([model.predict(one) for _ in range(3)], [first + 1, first + 2, first + 3])
        model.reset_states()
        np.testing.assert_array_equal(model.predict(one), first + 1)


def test_an_output_may_be_called_as_a_variable(tmp_path):
    """What is read is the output, and what is fed is what the next call reads."""
    named = {0: "", 1: "kept"}
    tensors = [tensor("x", (2,)), tensor("h", (), "resource"), tensor("kept", (2,))]
    ops = [operator(0, [], [1], named), operator(1, [1], [2]), operator(2, [1, 0], [])]
    data = tflite(["VAR_HANDLE", "READ_VARIABLE", "ASSIGN_VARIABLE"], [subgraph(tensors, ops, [0], [2])])
    found = ran(tmp_path, data, *[[np.float32([i, -i])] for i in (1, 2)])
    np.testing.assert_array_equal(found, [[[0, 0]], [[1, -1]]])


def test_states_that_cannot_be_kept(tmp_path):
    with pytest.raises(ModelError, match=r"tensor 10 is read; there are 2"):
        ran(tmp_path, counter(np.float32([1, 2]), where=9), [np.ones(2, np.float32)])
    w = numbers(UNITS, INPUTS)
    huge = single("SVDF", [numbers(1, INPUTS)], [w, numbers(UNITS, 2)], [(1, UNITS)], {0: ("<i", 1)},
                  order=[0, 1, 2, -1, 3], states=[(1 << 15, 1 << 14)])
    with pytest.raises(LimitError, match="elements that are made for its graph"):
        ran(tmp_path, huge, [numbers(1, INPUTS)])
    fixed = single("SVDF", [numbers(1, INPUTS)], [w, numbers(UNITS, 2), np.zeros((1, 2 * UNITS), np.float32)],
                   [(1, UNITS)], {0: ("<i", 1)}, order=[0, 1, 2, -1, 3])
    with pytest.raises(ModelError, match=r"operator 0 \(SVDF\): input 4 \('c2'\) is changed, but it is no variable"):
        ran(tmp_path, fixed, [numbers(1, INPUTS)])


def test_a_state_inside_a_branch_is_refused(tmp_path):
    w = numbers(2, INPUTS)
    inner = subgraph(
        [tensor("x", (1, INPUTS)), tensor("w", w.shape, "float32", 1), tensor("t", (2, 2), "float32", 2),
         {**tensor("s", (1, 4)), 5: ("<?", True)}, tensor("y", (1, 2))],
        [operator(1, [0, 1, 2, -1, 3], [4], {0: ("<i", 1)})], [0], [4])
    main = subgraph([tensor("x", (1, INPUTS)), tensor("y", (1, 2))], [operator(0, [0], [1], {0: ("<I", 1)})], [0], [1])
    data = tflite(["CALL", "SVDF"], [main, inner], [w, numbers(2, 2)])
    with pytest.raises(ModelError, match="a subgraph that is called keeps 's/next' for the next call"):
        ran(tmp_path, data, [numbers(1, INPUTS)])
