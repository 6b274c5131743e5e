"""The commands of `darkroom`: each module reads the arguments of one or a few, calls what they need, and prints the result."""
