"""TensorFlow.js layers models: a Keras topology in JSON, with weight shards."""
