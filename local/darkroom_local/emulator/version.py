"""Checks that the installed emulator has what this package changes in it. It must not change anything."""

from __future__ import annotations

import inspect
from collections.abc import Mapping
from typing import Any

VERSION = "1.5.33"  # of ministack, for which the changes were written


class EmulatorChanged(Exception):
    """The installed ministack is not the version that this package was written for."""


def require(service: Any, functions: Mapping[str, str] | None = None, attributes: tuple[str, ...] = ()) -> None:
    """Raises EmulatorChanged unless a module or class of ministack has the `functions`, each with a parameter of that name, and
    the `attributes`."""
    where = getattr(service, "__name__", type(service).__name__)
    for name, parameter in (functions or {}).items():
        found = getattr(service, name, None)
        if not callable(found) or parameter not in inspect.signature(found).parameters:
            _refuse(f"{where}.{name}(… {parameter} …)")
    for name in attributes:
        if not hasattr(service, name):
            _refuse(f"{where}.{name}")


def _refuse(what: str) -> None:
    raise EmulatorChanged(
        f"The installed ministack has no {what}, which local runs need. Install the version they were written for: "
        f"pip install ministack=={VERSION}"
    )
