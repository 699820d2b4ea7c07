"""Other programs to compare with, driven line by line."""
