"""TensorFlow Lite files: a reader of flat buffers that checks every byte it follows, and the ops' meaning in ours."""
