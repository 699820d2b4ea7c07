"""Where each function that is made of ops is defined, and what the namespaces of TensorFlow.js hold.

Light: the package itself reads it to find names before anything is loaded.
"""

from __future__ import annotations

# Module below ``tfjslab``, and the public names in it.
FUNCTIONS = {
    "functions.buffer": "TensorBuffer buffer",
    "functions.convolution": "pool separable_conv2d",
    "functions.engine": "Engine backend dispose_variables enable_debug_mode enable_prod_mode engine find_backend "
    "next_frame print",
    "functions.products": "diag dot outer_product",
    "functions.random": "dropout rand random_gamma random_standard_normal random_uniform_int truncated_normal",
    "functions.ranks": "batch_norm2d batch_norm3d batch_norm4d concat1d concat2d concat3d concat4d pad1d pad2d pad3d "
    "pad4d reverse1d reverse2d reverse3d reverse4d slice1d slice2d slice3d slice4d",
    "functions.recurrent": "basic_lstm_cell multi_rnn_cell",
    "functions.selection": "boolean_mask_async in_top_k_async search_sorted where_async",
    "functions.shaping": "broadcast_args meshgrid unsorted_segment_sum",
    "functions.statistics": "log_sigmoid log_sum_exp moments norm",
    "functions.types": "sum_out_type upcast_type",
}

# Namespace, then module below ``tfjslab`` ("" for ops) and names; ``a=b`` is ``b`` there, called ``a`` here.
NAMESPACES = {
    "fused": {
        "functions.convolution": "conv2d=fused_conv2d depthwise_conv2d=fused_depthwise_conv2d mat_mul=fused_mat_mul",
    },
    "image": {
        "": "crop_and_resize non_max_suppression non_max_suppression_padded resize_bilinear resize_nearest_neighbor "
        "transform",
        "functions.image": "flip_left_right grayscale_to_rgb non_max_suppression_async "
        "non_max_suppression_padded_async non_max_suppression_with_score non_max_suppression_with_score_async "
        "rgb_to_grayscale rotate_with_offset threshold",
    },
    "io": {
        "io.artifacts": "get_model_artifacts_info_for_json get_weight_specs",
        "io.buffers": "concatenate_array_buffers decode_weights encode_weights is_http_scheme",
        "io.handlers": "from_memory http with_save_handler",
        "io.routers": "get_load_handlers get_save_handlers register_load_router register_save_router",
        "io.store": "copy_model list_models move_model remove_model",
        "io.weights": "load_weights save load",
    },
    "linalg": {
        "": "band_part",
        "functions.decompositions": "qr",
        "functions.products": "gram_schmidt",
    },
    "losses": {
        "functions.losses": "Reduction absolute_difference compute_weighted_loss cosine_distance hinge_loss huber_loss "
        "log_loss mean_squared_error sigmoid_cross_entropy softmax_cross_entropy",
    },
    "math": {
        "": "is_finite is_inf is_nan",
        "functions.statistics": "confusion_matrix",
    },
    "util": {
        "functions.util": "array_of assert_non_negative_integer_dimensions assert_shapes_match",
    },
}
