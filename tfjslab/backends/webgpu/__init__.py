"""Backends ``webgpu`` and ``webgl``: kernels from ``kernels/webgpu`` on the adapters of wgpu."""
