"""Graph to graph, and graph to groups: pure functions."""
