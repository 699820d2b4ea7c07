"""Inert records that everything below presents: what was measured, with no way to measure."""
