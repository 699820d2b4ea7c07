"""Jobs for browsers: models that are measured where they will run, and what comes back."""
