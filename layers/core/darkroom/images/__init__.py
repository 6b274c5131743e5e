"""Reads the format and the size of images from their bytes, and checks that they are complete. The entry point is `inspect`."""

from darkroom.images.inspection import inspect, sniff
from darkroom.images.ranged_reader import MAX_BYTES, MAX_READS, ReadRange

__all__ = ["MAX_BYTES", "MAX_READS", "ReadRange", "inspect", "sniff"]
