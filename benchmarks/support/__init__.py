"""The parts that benchmarks share: local TLS servers, measured child processes, tables and plots."""
