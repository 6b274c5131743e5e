"""Tells which problems with a provider's account are mended by another API key. The function is pure."""

from __future__ import annotations

from darkroom.errors import ErrorCode

KEY_WORDS = ("HTTP 401", "HTTP 403", "the secret holds")  # of a vendor that refused the key, and of `KeyMissing`


def command(provider: str, code: str | None, error: str | None) -> str | None:
    """Return the command that stores another key, None if that is not the cure. AuthFailed has other causes, for example a secret
    that may not be read; their messages say what to do."""
    if code == ErrorCode.AUTH_FAILED and any(words in (error or "") for words in KEY_WORDS):
        return f"darkroom keys set {provider}"
    return None
