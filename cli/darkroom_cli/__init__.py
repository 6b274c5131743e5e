"""The operator's command line. It parses, calls one use case and prints; what it does lives elsewhere."""
