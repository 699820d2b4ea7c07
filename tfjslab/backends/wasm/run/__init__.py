"""WebAssembly that runs: the engine, its linear memory, worker threads, compiled modules on disk."""
