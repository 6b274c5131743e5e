"""Runs `darkroom local run`, and says how the local commands speak and end."""
