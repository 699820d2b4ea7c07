"""Single ops over a list of shapes, and beside the same ops of TensorFlow.js."""
