"""WebAssembly as text: kernels from templates, elementwise code, one module a plan, layouts and packing of values."""
