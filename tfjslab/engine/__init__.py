"""Tensors, scopes, counters, and ops that run at once. Everything here reads like TensorFlow.js."""
