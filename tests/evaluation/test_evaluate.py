"""Accuracy with labels and errors without: compared with scikit-learn and scipy, and every wrong input refused."""

import json
import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import binomtest
from sklearn.datasets import load_digits
from sklearn.metrics import confusion_matrix, precision_recall_fscore_support, top_k_accuracy_score

import tfjslab as tf
from tfjslab import zoo
from tfjslab.base.errors import InputError, UsageError
from tfjslab.evaluation.labels import ranks
from tfjslab.evaluation.result import mcnemar, wilson
from tfjslab.graph.builder import GraphBuilder
from tfjslab.graph.ir import Port
from tfjslab.zoo import digits

RNG = np.random.default_rng(11)


def through(batch=None, classes=4, *, factor=1.0, name="through"):
    """A model whose scores are its input times ``factor``."""
    b = GraphBuilder()
    y = b.value("y", "Mul", b.input("x", (batch, classes)), b.constant("f", np.float32(factor)))
    return tf.Model(b.build([Port("y", y, None, "float32")], {}), "cpu", name=name)


def scores(n, classes=4):
    return RNG.uniform(0, 1, (n, classes)).astype(np.float32)


@pytest.mark.parametrize("batch", [None, 1, 3])
def test_counts_are_those_of_scikit_learn_whatever_the_batch(batch):
    x, labels = scores(50), RNG.integers(0, 4, 50)
    with through(batch) as model:
        found = tf.evaluate(model, x, labels, top_k=(1, 2), batch_size=16)
    assert found.batch_size == (batch or 16)
    for top in found.top:
        assert top.accuracy == pytest.approx(top_k_accuracy_score(labels, x, k=top.k))
        assert top.correct == round(top.accuracy * 50)
    answers = x.argmax(1)
    assert found.confusion == tuple(map(tuple, confusion_matrix(labels, answers, labels=range(4)).tolist()))
    precision, recall, _, count = precision_recall_fscore_support(labels, answers, zero_division=np.nan)
    assert [c.recall for c in found.per_class] == pytest.approx(recall.tolist())
    assert [c.precision for c in found.per_class] == pytest.approx(precision.tolist(), nan_ok=True)
    assert [c.count for c in found.per_class] == count.tolist()


@given(st.lists(st.lists(st.sampled_from([0.0, 0.5, 1.0]), min_size=3, max_size=3), min_size=1, max_size=6), st.data())
@settings(max_examples=60, deadline=None)
def test_the_first_place_is_argmax_and_places_are_a_permutation(rows, data):
    """Ties included: nothing is right only because everything scores the same."""
    array = np.float32(rows)
    labels = np.array([data.draw(st.integers(0, 2)) for _ in rows])
    assert ((ranks(array, labels) == 0) == (array.argmax(1) == labels)).all()
    for row in array:
        places = ranks(np.stack([row] * 3), np.arange(3))
        assert sorted(places.tolist()) == [0, 1, 2]


def test_labels_may_be_rows_or_whole_floats():
    x = scores(6)
    labels = x.argmax(1)
    with through() as model:
        for given_labels in (labels, labels.tolist(), labels.astype(np.float64), labels[:, None], np.eye(4)[labels]):
            assert tf.evaluate(model, x, given_labels).accuracy == 1


def test_intervals_and_chances_are_those_of_the_books():
    """Wilson's interval as scipy has it, McNemar's exact test as a binomial test."""
    for correct, n in ((0, 5), (5, 5), (97, 100), (1, 3)):
        wanted = binomtest(correct, n).proportion_ci(0.95, "wilson")
        assert wilson(correct, n) == pytest.approx((wanted.low, wanted.high), abs=1e-12)
    for lost, gained in ((0, 0), (1, 0), (5, 2), (10, 10), (0, 12)):
        wanted = binomtest(lost, lost + gained).pvalue if lost + gained else 1.0
        assert mcnemar(lost, gained) == pytest.approx(wanted)


def test_a_reference_gives_errors_and_what_was_lost_and_gained():
    x = scores(40)
    labels = RNG.integers(0, 4, 40)
    with through() as reference, through(factor=-1.0, name="turned") as model:
        found = tf.evaluate(model, x, labels, reference=reference)
    (error,) = found.errors
    assert (error.name, error.samples, error.classes) == ("y", 40, 4)
    assert error.cosine == pytest.approx(-1)
    assert error.max_error == pytest.approx(2 * float(x.max()))
    assert error.sqnr_db == pytest.approx(10 * math.log10(1 / 4), abs=1e-5)
    was, now = x.argmax(1) == labels, x.argmin(1) == labels
    paired = found.paired
    assert (paired.lost, paired.gained) == ((was & ~now).sum(), (now & ~was).sum())
    assert paired.drop == pytest.approx(was.mean() - now.mean())
    assert "<Evaluation of turned on 40 samples: top-1 " in repr(found)
    assert found.reference == "through"


def test_agreeing_on_one_class_is_said_to_mean_nothing():
    x = scores(8)
    x[:, 2] = 2
    with through() as reference, through() as model:
        found = tf.evaluate(model, x, reference=reference)
    assert found.errors[0].sqnr_db == math.inf
    assert found.agreement_says_nothing
    assert "agreeing with it says nothing" in str(found)
    assert (found.accuracy, found.paired, found.top) == (None, None, ())
    json.dumps(found.data(), allow_nan=False)


def test_the_report_can_be_read_and_is_the_same_each_time():
    x = scores(20)
    with through() as model:
        found = tf.evaluate(model, x, x.argmax(1), class_names=["a", "b", "c", "<d>"])
        again = tf.evaluate(model, x, x.argmax(1), class_names=["a", "b", "c", "<d>"])
    assert found == again
    assert repr(found) == "<Evaluation of through on 20 samples: top-1 100.0%>"
    assert "20 of 20" in str(found)
    html = found._repr_html_()
    assert "&lt;d&gt;" in html
    assert "<d>" not in html
    assert found.confusion_data()["tick_labels"] == ["a", "b", "c", "<d>"]
    assert sum(map(sum, found.confusion_data()["values"])) == 20
    assert json.loads(json.dumps(found.to_json()))["accuracy"] == 1


def test_charts_take_what_it_gives():
    x = scores(30)
    with through() as model:
        found = tf.evaluate(model, x, RNG.integers(0, 4, 30))
    assert tf.vis.render.confusion_matrix(None, found.confusion_data()).axes is not None
    assert tf.vis.show.per_class_accuracy(None, found.per_class_data(), ["0", "1", "2", "3"]) is not None
    assert all(label != answer and n for label, answer, n in found.confused())


def test_progress_is_reported_and_can_end_the_work():
    calls = []
    with through() as model:
        tf.evaluate(model, scores(20), np.zeros(20, int), batch_size=8, progress=lambda *a: calls.append(a))
        assert calls == [("through: evaluate", n, 20) for n in (8, 16, 20)]

        def stop(*_):
            raise KeyboardInterrupt

        with pytest.raises(KeyboardInterrupt):
            tf.evaluate(model, scores(20), np.zeros(20, int), progress=stop)


@pytest.mark.parametrize(("labels", "message"), [
    ([0, 1], "there are 2 labels for 3 samples; expected as many of both"),
    ([0, 1, 4], "label 2 is 4; the model has 4 classes, so expected 0 to 3"),
    ([0, -1, 2], "label 1 is -1; the model has 4 classes, so expected 0 to 3"),
    ([0, 1.5, 2], "label 1 is 1.5; expected a class number"),
    ([0, float("nan"), 2], "label 1 is nan; expected a class number"),
    (["a", "b", "c"], "labels are <U1; expected class numbers"),
    ([True, False, True], "labels are bool; expected class numbers"),
    ([[0, 1, 1]] * 3, "row 0 of the labels has not one 1 and zeros; expected [n] class numbers, or such rows"),
    (np.zeros((3, 2, 2)), ("labels have shape [3, 2, 2]; expected [n] class numbers or [n, classes] with one 1 in "
                           "each row")),
    ([[0], [1, 2], [3]], "labels are a ragged list; expected [n] class numbers"),
])
def test_labels_that_cannot_be_used_are_refused(labels, message):
    with through() as model, pytest.raises(InputError) as caught:
        tf.evaluate(model, scores(3), labels)
    assert str(caught.value) == message


def test_data_that_cannot_be_used_are_refused():
    bad = scores(3)
    bad[1, 0] = np.nan
    with through() as model:
        for x, message in (
            (bad, "input 'x' has NaN or infinite values in sample 1"),
            (np.zeros((0, 4), np.float32), ("the data have these numbers of samples: x: 0; expected one number of at "
                                           "least 1")),
            (np.float32(1), ("input 'x' is float32 of shape []; expected numbers with samples along the first axis "
                             "of 2")),
            ({"z": scores(3)}, "input 'z' is not an input of the model; inputs: x"),
            ({}, "input 'x' is missing; given: none"),
        ):
            with pytest.raises(InputError) as caught:
                tf.evaluate(model, x, [0, 1, 2])
            assert str(caught.value) == message


def test_predictions_that_are_no_scores_are_refused():
    b = GraphBuilder()
    x = b.input("x", (None, 4))
    ports = [Port("mean", b.value("mean", "Mean", x, axis=[1], keep_dims=False), None, "float32"),
             Port("log", b.value("log", "Log", x), None, "float32")]
    with tf.Model(b.build(ports, {}), "cpu", name="two") as model:
        with pytest.raises(InputError) as caught:
            tf.evaluate(model, scores(3), [0, 1, 2])
        assert str(caught.value) == ("output 'mean' is float32 of shape [3] for 3 samples; expected numbers [3, "
                                     "classes] with at least 2 classes")
        with pytest.raises(InputError, match=r"^output 'log' has NaN for sample 5; no answer can be right$"):
            tf.evaluate(model, np.where(np.arange(8)[:, None] == 5, -1, scores(8)), np.zeros(8, int), output="log",
                        batch_size=3)
        with pytest.raises(UsageError, match=r"^'lgo' is not an output of the model; outputs: mean, log; did you mean"):
            tf.evaluate(model, scores(3), [0, 1, 2], output="lgo")


def test_what_makes_no_sense_is_refused():
    x = scores(3)
    with through() as model, through(classes=3, name="other") as other:
        with pytest.raises(UsageError, match="give labels, to count right answers, or a reference model"):
            tf.evaluate(model, x)
        with pytest.raises(UsageError, match=r"top_k is \[0\] and batch_size 64; expected integers >= 1"):
            tf.evaluate(model, x, [0, 1, 2], top_k=(0,))
        with pytest.raises(InputError, match="top_k has 5; the model has 4 classes"):
            tf.evaluate(model, x, [0, 1, 2], top_k=(1, 5))
        with pytest.raises(UsageError, match="there are 2 class names; the model has 4 classes"):
            tf.evaluate(model, x, [0, 1, 2], class_names=["a", "b"])
        with pytest.raises(tf.TfjslabError):
            tf.evaluate(model, x, reference=other)


def test_the_digits_model_is_as_good_as_it_says():
    """On the images that neither training nor calibration has seen."""
    data = load_digits()
    images = (data.images / 16).astype(np.float32)[..., None]
    _, test = digits.split(len(images))
    with zoo.load("digits", backend="wasm-simd") as model:
        expected = model.graph.metadata["userDefinedMetadata"]["test_accuracy"]
        found = tf.evaluate(model, images[list(test)], data.target[list(test)], top_k=(1, 3))
    assert found.samples == 360
    assert found.accuracy == pytest.approx(expected, abs=1 / 360)
    assert found.top[1].accuracy >= found.top[0].accuracy
    assert found.top[0].low < found.accuracy < found.top[0].high
