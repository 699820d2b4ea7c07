"""Before and after: what a change was worth, measured, compared, and told to those who decide and those who check."""
