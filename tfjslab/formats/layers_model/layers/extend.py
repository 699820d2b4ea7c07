"""Layers of a user: a function that says, in ops, what a layer of a class of theirs computes."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from tfjslab.base.signatures import require_callable, require_free, require_own
from tfjslab.formats.layers_model.layers.call import Call, all_layers, forget, layer
from tfjslab.formats.layers_model.topology import INPUT, MODELS
from tfjslab.formats.strict_json import show

_OWN: set[str] = set()


def register_layer(
    class_name: str, read: Callable[[Call], str | Sequence[str]], *, masks: bool = False,
) -> None:
    """Read layers of this class from layers models with a function of yours.

    Args:
        class_name: the layer's ``class_name`` in the file.
        read: called with the layer's call: its inputs, options and weights. It adds nodes by ``call.add``, and gives
            the name of the layer's output, or a list of them.
        masks: whether a mask of the first input is that of the output, too.

    Raises UsageError when the name is taken or the function cannot be called so.

    """
    require_free("layer", class_name, {*all_layers(), *MODELS, INPUT})
    require_callable(f"layer '{class_name}': its reader", read, 1)

    def checked(call: Call) -> Sequence[str]:
        found = read(call)
        outputs = [found] if isinstance(found, str) else found
        if not isinstance(outputs, (list, tuple)) or not outputs or any(v not in call.bench.specs for v in outputs):
            raise call.fail(f"its reader gives {show(str(found))}, expected a value of the graph, or several")
        return outputs

    layer(class_name, masks=masks)(checked)
    _OWN.add(class_name)


def deregister_layer(class_name: str) -> None:
    """Forget a layer class that was registered; loaded models stay as they are. UsageError for any other name."""
    forget(require_own("layer", class_name, _OWN))
    _OWN.discard(class_name)
