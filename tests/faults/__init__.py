"""Fault simulation: the real pipeline and ledger under a seeded scheduler that interleaves, delays, refuses and
kills.
"""
