"""TensorFlow.js graph models: a GraphDef in JSON, with weight shards."""
