"""``tf.io``: handlers that load and save models, weights as bytes, and folders of models.

A name is loaded when it is first used, so that importing the package stays cheap.
"""

from tfjslab.base.lazy import lazily

__getattr__, __dir__ = lazily(__name__, {
    "tfjslab.io.handlers": "from_memory http is_http_scheme with_save_handler",
    "tfjslab.io.store": "copy_model get_model_artifacts_info_for_json list_models move_model remove_model",
    "tfjslab.io.weights": "concatenate_array_buffers decode_weights encode_weights get_weight_specs load_weights",
})
