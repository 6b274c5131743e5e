"""The pipeline: what happens to an upload, one module for each use case. It uses only ports and pure modules."""
