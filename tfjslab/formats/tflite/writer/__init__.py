"""Writer of .tflite files: from a graph to the file's operators, as floats."""
