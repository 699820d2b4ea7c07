"""``tf.vis.show``: trainings, accuracies, tensors, layers and models."""

from types import SimpleNamespace

import numpy as np
import pytest
from support.charts import cells
from support.layers import functional, keras_input, keras_layer, weights_of, write

import tfjslab as tf
from tfjslab import zoo
from tfjslab.base.errors import InputError, UsageError
from tfjslab.model.summary import overview
from tfjslab.vis import metrics, show
from tfjslab.vis.visor import Surface

LOGS = [{"loss": 2.0, "val_loss": 2.5, "acc": 0.5}, {"loss": 1.0, "val_loss": 1.5, "acc": 0.75}]


@pytest.mark.parametrize("history", [
    LOGS, [LOGS, LOGS, LOGS], {"history": {k: [log[k] for log in LOGS] for k in LOGS[0]}},
    SimpleNamespace(history={k: [log[k] for log in LOGS] for k in LOGS[0]}),
    {k: [log[k] for log in LOGS] for k in LOGS[0]},
])
def test_history_draws_validation_with_what_it_validates(history):
    _, axes = show.history(None, history, ["loss", "acc", "val_loss"])
    drawn = [[(line.get_label(), line.get_ydata().tolist()) for line in ax.lines] for ax in axes]
    assert drawn == [[("loss", [2.0, 1.0]), ("val_loss", [2.5, 1.5])], [("acc", [0.5, 0.75])]]
    assert [(ax.get_xlabel(), ax.get_ylabel()) for ax in axes] == [("Iteration", "Value")] * 2


def test_accuracies_have_an_axis_from_0_to_1_and_losses_have_not():
    _, axes = show.history(None, LOGS, ["acc", "loss"])
    assert axes[0].get_ylim() == (0, 1)
    assert axes[1].get_ylim()[1] > 1
    _, axes = show.history(None, LOGS, ["acc"], zoomToFitAccuracy=True)
    assert axes[0].get_ylim()[0] > 0.4


def test_history_names_the_metrics_there_are():
    with pytest.raises(InputError, match=r"^metric 'los' is in no log; they have loss, val_loss, acc$"):
        show.history(None, LOGS, ["los"])
    with pytest.raises(InputError, match=r"^metric 'los' is not in the history; it has loss$"):
        show.history(None, {"loss": [1]}, ["los"])
    with pytest.raises(UsageError, match=r"^metrics is 'loss'; expected a list of names$"):
        show.history(None, LOGS, "loss")


def test_callbacks_draw_all_they_have_seen_each_in_its_part():
    surface = Surface("Training")
    callbacks = show.fit_callbacks(surface, ["loss", "acc"])
    assert list(callbacks) == ["on_epoch_end", "on_batch_end"]
    for batch, log in enumerate([*LOGS, {"loss": 0.5}]):
        _, axes = callbacks["on_batch_end"](batch, log)
    assert [ax.lines[0].get_ydata().tolist() for ax in axes] == [[2.0, 1.0, 0.5], [0.5, 0.75]]
    assert [ax.get_xlabel() for ax in axes] == ["Batch", "Batch"]
    _, axes = callbacks["on_epoch_end"](0, LOGS[0])
    assert axes[0].get_xlabel() == "Epoch"
    assert list(surface.parts) == ["on_batch_end", "on_epoch_end"]


def test_callbacks_can_be_chosen_by_the_names_of_tfjs():
    assert list(show.fit_callbacks(None, ["loss"], {"callbacks": ["onEpochEnd"]})) == ["onEpochEnd"]
    with pytest.raises(UsageError, match=r"^callback 'onTrainEnd' is not one of on_epoch_end, on_batch_end$"):
        show.fit_callbacks(None, ["loss"], callbacks=["onTrainEnd"])


def test_per_class_accuracy_is_a_table_with_unknown_ones_marked():
    found = metrics.per_class_accuracy([0, 0, 1], [0, 1, 1], 3)
    axes = show.per_class_accuracy(None, found, ["cat", "dog", "elk"]).axes
    assert cells(axes) == [
        ["Class", "Accuracy", "# Samples"], ["cat", "0.5", "2"], ["dog", "1", "1"], ["elk", "-", "0"],
    ]
    assert cells(show.per_class_accuracy(None, found).axes)[1][0] == "0"


def test_values_distribution_reads_a_tensor_and_keeps_nothing(no_leaks):
    with no_leaks(), tf.tensor2d([[0, 0, 0], [0, 2, np.nan]], dtype="float32") as tensor:
        axes = show.values_distribution(None, tensor).axes
    assert cells(axes)[1] == ["6", "0", "2", "0.4", "0.8", "4 (66.7%)", "1 (16.7%)", "0"]
    assert sum(p.get_height() for p in axes.patches) == 5


@pytest.mark.parametrize("name", ["mobilenet_v2", "blazeface"])
def test_model_summary_has_every_layer_in_order_and_all_parameters(name):
    graph = zoo.build(name)
    figure, axes = show.model_summary(None, graph)
    rows = cells(axes)
    assert rows[0] == ["Layer Name", "Ops", "Output Shape", "# Of Params", "Trainable"]
    assert rows[1][0] == graph.nodes[0].layer
    assert rows[-1][0] == "Total"
    assert rows[-1][3] == f"{overview(graph).parameters:,}"
    layers = list(dict.fromkeys(n.layer or n.name for n in graph.nodes))
    assert figure.html.count("<tr>") == len(layers) + 2


def test_shapes_in_a_summary_leave_the_batch_open():
    with zoo.load("mobilenet_v2") as model:
        assert cells(show.model_summary(None, model).axes)[1] == ["Conv1", "FusedConv2D", "[?, 112, 112, 32]", "896",
                                                                     "false"]


def test_layer_tabulates_and_draws_each_weight():
    figure, axes = show.layer(None, zoo.build("mobilenet_v2"), "Conv1")
    assert [row[:2] for row in cells(axes[0])] == [
        ["Weight Name", "Shape"], ["Conv1/kernel", "[3, 3, 3, 32]"], ["Conv1/bias", "[32]"],
    ]
    assert [ax.get_title(loc="left") for ax in axes] == ["Conv1: FusedConv2D", "Conv1/kernel", "Conv1/bias"]
    assert [sum(p.get_height() for p in ax.patches) for ax in axes[1:]] == [864, 32]
    assert len(figure.axes) == 3


def test_layer_is_found_by_number_and_a_wrong_name_gets_a_suggestion():
    graph = zoo.build("mobilenet_v2")
    assert show.layer(None, graph, 0).axes[0].get_title(loc="left") == "Conv1: FusedConv2D"
    with pytest.raises(InputError, match=r"; did you mean 'Conv1'\?$"):
        show.layer(None, graph, "Conv")
    with pytest.raises(InputError, match=r"^layer 999 does not exist; the model has \d+ layers$"):
        show.layer(None, graph, 999)


def test_a_layer_without_weights_says_so():
    axes = show.layer(None, zoo.build("mobilenet_v2"), "block_1_pad").axes
    assert len(axes) == 1
    assert cells(axes[0])[1][0] == "no weights"


@pytest.mark.parametrize("call", [lambda: show.model_summary(None, "model"), lambda: show.layer(None, None, 0)])
def test_what_is_no_model_is_refused(call):
    with pytest.raises(UsageError, match=r"expected (a model, from tf.load_model, or its graph|a layer, as model)"):
        call()


def test_what_a_layers_model_trains_is_told(tmp_path):
    """Keras says so for each layer; what it does not mention is trainable. A graph model's weights are constants."""
    layers = [keras_input("in", [None, 3]),
              keras_layer("Dense", "first", "in", units=4, trainable=False),
              keras_layer("Dense", "second", "first", units=2)]
    weights = weights_of({"first/kernel": (3, 4), "first/bias": (4,), "second/kernel": (4, 2), "second/bias": (2,)})
    model = tf.load_model(write(tmp_path, functional(layers, ["in"], ["second"]), weights), backend="cpu")
    assert {layer.name: layer.trainable for layer in model.layers} == {"first": False, "second": True}
    rows = cells(show.model_summary(None, model).axes)
    assert [row[4] for row in rows[1:3]] == ["false", "true"]
    assert show.layer(None, model, "second").axes[0].get_title(loc="left").endswith(", trainable")
    model.dispose()


def test_a_layer_is_shown_as_in_tfjs_vis():
    with zoo.load("mobilenet_v2", backend="cpu") as model:
        found = model.get_layer("Conv1")
        assert repr(found) == "Layer(Conv1: FusedConv2D)"
        assert model.layers[0].name == model.get_layer(0).name == "Conv1"
        axes = show.layer({"name": "first"}, found).axes
        assert axes[0].get_title(loc="left") == "Conv1: FusedConv2D"
        with pytest.raises(UsageError, match=r"^which is None; expected a name or a number for a model"):
            show.layer(None, model)
        with pytest.raises(UsageError, match=r"^which is 0; expected .* none for a layer$"):
            show.layer(None, found, 0)
