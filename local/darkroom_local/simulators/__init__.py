"""Simulators of the vendors, for tests and for local runs. Each simulator is a real server on a real socket."""
