"""Sections of `benchmarks/gpu.py`: each has `measure_rows(device, is_tiny)`, which yields rows."""
