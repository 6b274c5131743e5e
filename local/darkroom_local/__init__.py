"""Darkroom on one machine: the embedded cloud, the deployment of the same template into it, and runs over a folder."""
