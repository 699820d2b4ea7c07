"""Functions of TensorFlow.js that are made of ops, by subject; ``table`` says where each public name is."""
