"""In-memory implementations of the ports, which keep state. Tests use them in place of real adapters."""
