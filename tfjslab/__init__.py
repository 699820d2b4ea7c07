"""tfjslab: a performance lab for TensorFlow.js models, in Python."""
