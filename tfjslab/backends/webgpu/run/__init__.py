"""What runs on a GPU device: adapters, buffers and pipelines, recorded passes, time stamps, failures."""
