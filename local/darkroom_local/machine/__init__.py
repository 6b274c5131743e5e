"""What a local stack needs of this machine: child processes, certificates, and writes that reach the disk."""
