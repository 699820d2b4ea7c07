"""Errors, dtypes, checked shape arithmetic and resource limits. Imports nothing of the project."""
