"""Stacked trials beside what else trains many trials: `python -m benchmarks.stacked`."""
