"""Images: reads format, size and completeness from an object's bytes. Call `inspect`; there is one module per format."""

from darkroom.images.inspection import inspect, sniff
from darkroom.images.ranged_reader import MAX_BYTES, MAX_READS

__all__ = ["MAX_BYTES", "MAX_READS", "inspect", "sniff"]
