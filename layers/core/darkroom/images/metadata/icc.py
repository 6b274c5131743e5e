"""Says of a colour profile whether it is sRGB and which samples it describes (ICC.1:2022, 7.2)."""

from __future__ import annotations

HEADER_BYTES = 128
SIGNATURE = b"acsp"  # at byte 36


def is_profile(profile: bytes) -> bool:
    """Return whether the bytes have the length and the signature that a profile's header announces."""
    return (
        len(profile) > HEADER_BYTES
        and profile[36:40] == SIGNATURE
        and int.from_bytes(profile[:4], "big") == len(profile)
    )


def is_srgb(profile: bytes) -> bool:
    """Return whether the profile names sRGB, as its description or its model does."""
    return b"sRGB" in profile or "sRGB".encode("utf-16-be") in profile


def describes(profile: bytes, colour: bytes) -> bool:
    """Return whether the profile is for samples in that colour space, in ICC's words."""
    return is_profile(profile) and profile[16:20] == colour
