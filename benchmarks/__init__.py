"""What is measured, side by side; see ``python -m benchmarks``."""
