"""The operator's command line. It parses arguments, calls one use case and prints. Use cases live in `darkroom`."""
