"""What the local commands say before anything starts. It imports nothing, so that a command says it at once."""

from __future__ import annotations


def providers(api_key: str | None) -> str:
    """Who will serve, and what that means."""
    if api_key:
        return "the real Topaz API, which charges you"
    return "simulated providers: nothing is paid, and plain filters stand in for the models"
