"""The embedded cloud: an AWS emulator in a process of its own, what is changed in it, and what it keeps on disk."""
