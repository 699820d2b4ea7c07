"""Other JavaScript engines of this machine: Chromium, with a server for its pages, and Node."""
