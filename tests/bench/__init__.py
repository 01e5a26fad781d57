"""Figures: one JSON object per line, medians of at least three runs, CPU time beside a floor of the same run.

``make bench`` runs them all; ``python -m tests.bench posts rebuild`` only those named. Nothing here is
a test: no figure fails a build. docs/performance.md keeps measured values and how they were taken.
"""
