"""From float32 graphs to integers: scales, calibration, the rewriting of graphs, and what it cost in accuracy."""
