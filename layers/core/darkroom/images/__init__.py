"""Image headers: what an object's bytes say of its picture. `inspect` is the way in; one module a format."""

from darkroom.images.byte_reader import MAX_BYTES, MAX_READS
from darkroom.images.inspection import inspect, sniff

__all__ = ["MAX_BYTES", "MAX_READS", "inspect", "sniff"]
