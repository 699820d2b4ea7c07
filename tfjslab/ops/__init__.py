"""The meaning of every op, and the graph of an op registry that all backends read.

Importing this package registers all ops. One module per family; ``registry`` holds them, ``conformance`` yields their
test cases with float64 answers.
"""
