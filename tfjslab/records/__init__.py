"""Inert records of what was measured; they know no way to measure."""
