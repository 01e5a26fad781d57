"""Measurements of scoring and of what people read of it: ``python -m tests.bench.scoring``."""
