"""The command line for operators. A command parses its arguments, calls a use case of `darkroom` and prints the result."""
