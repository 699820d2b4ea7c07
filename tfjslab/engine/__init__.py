"""Tensors, scopes, counters and eager ops, with the names and rules of TensorFlow.js."""
