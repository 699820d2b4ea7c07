"""WGSL as text: kernels from templates, elementwise code, float16 storage as a rewriting."""
