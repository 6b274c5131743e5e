"""Describes the machine on which a benchmark runs."""

from __future__ import annotations

import os
import platform
from pathlib import Path


def described() -> str:
    """Return a text with the machine's processor, cores, kernel, Python and load."""
    return (
        f"{_processor()}, {os.cpu_count()} cores, {platform.system()} {platform.release()}, "
        f"Python {platform.python_version()}; load {os.getloadavg()[0]:.1f} at the start"
    )


def _processor() -> str:
    book = Path("/proc/cpuinfo")
    lines = book.read_text().splitlines() if book.exists() else []
    return next((line.partition(":")[2].strip() for line in lines if line.startswith("model name")), platform.machine())
