"""The version, written once: the build reads it from here, and so does everything that shows it."""

__version__ = "0.1.0"
