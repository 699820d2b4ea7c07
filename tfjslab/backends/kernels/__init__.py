"""What backends with generated kernels share: lowering into calls, sessions and plans, memory, kernel sources."""
