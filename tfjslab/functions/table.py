"""Where each function that is made of ops is defined, and what the namespaces of TensorFlow.js hold.

Light: the package itself reads it to find names before anything is loaded.
"""

from __future__ import annotations

# Module below ``tfjslab``, and the public names in it.
FUNCTIONS = {
    "functions.buffer": "TensorBuffer buffer",
    "functions.convolution": "pool separable_conv2d",
    "functions.losses": "Reduction",
    "functions.process": "enable_debug_mode enable_prod_mode find_backend next_frame print",
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
    "linalg": {
        "": "band_part",
        "functions.decompositions": "qr",
        "functions.products": "gram_schmidt",
    },
    "losses": {
        "functions.losses": "absolute_difference compute_weighted_loss cosine_distance hinge_loss huber_loss "
        "log_loss mean_squared_error sigmoid_cross_entropy softmax_cross_entropy",
    },
    "math": {
        "": "is_finite is_inf is_nan",
        "functions.statistics": "confusion_matrix",
    },
    "metrics": {
        "functions.metrics": "binary_accuracy binary_crossentropy categorical_accuracy categorical_crossentropy "
        "cosine_proximity mape mean_absolute_error mean_absolute_percentage_error mean_squared_error mse precision "
        "r2_score recall sparse_categorical_accuracy",
    },
    "signal": {"functions.signal": "frame hamming_window hann_window stft"},
    "sparse": {"": "sparse_fill_empty_rows sparse_reshape sparse_segment_mean sparse_segment_sum"},
    "spectral": {"": "fft ifft irfft rfft"},
    "string": {"": "static_regex_replace string_n_grams string_split string_to_hash_bucket_fast"},
    "util": {
        "functions.util": "arrays_equal assert_non_negative_integer_dimensions assert_shapes_match bytes_per_element "
        "clamp compute_strides create_shuffled_indices decode_string dist_squared encode_string flatten "
        "has_encoding_loss index_to_loc infer_dtype infer_from_implicit_shape is_int is_scalar_shape is_typed_array "
        "is_valid_dtype loc_to_index make_ones_typed_array make_zeros_typed_array nearest_divisor nearest_larger_even "
        "now parse_axis_param rand_uniform right_pad shuffle shuffle_combo size_from_shape size_to_squarish_shape "
        "squeeze_shape to_nested_array to_typed_array",
    },
}
