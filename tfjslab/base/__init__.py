"""Floor 0: errors, dtypes, checked shape arithmetic and resource limits. Imports nothing of the project."""
