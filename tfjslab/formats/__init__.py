"""Bytes to graph and graph to bytes: sources, weights, and a module for each model format."""
