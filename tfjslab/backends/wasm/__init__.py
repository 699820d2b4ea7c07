"""WebAssembly backends: kernels generated from text, one function a plan, run by wasmtime."""
