"""The pipeline that handles uploads, with one module for each use case. It uses only ports and pure modules."""
