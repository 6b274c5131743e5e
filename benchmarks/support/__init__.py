"""Shared by the benchmarks: local TLS servers, measured child processes, tables and plots."""
