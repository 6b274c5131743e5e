"""Benchmarks that measure every claim about speed, size and price. `make bench` runs them.

One run measures both sides of each comparison.
"""
