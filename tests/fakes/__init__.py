"""Fakes with state: in-memory implementations of the ports, for tests of the code that uses them."""
