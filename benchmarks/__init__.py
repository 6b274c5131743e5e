"""Benchmarks of every claim about speed, size and price. `make bench` measures both sides of a comparison in one run."""
